"""Three agents of one mesh: ash, birch, cedar."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push.agents import Box

from cantor.identity.authority import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Trio:
    """Three boxes; more may be made."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self._folder = folder
        self._stack = stack
        self.ash, self.birch, self.cedar = (self.box(name) for name in ("ash", "birch", "cedar"))
        self.ash.start()
        self.birch.start(self.ash.address)
        self.cedar.start(self.ash.address)
        for one in (self.ash, self.birch, self.cedar):
            one.knows(3)

    def box(self, name: str) -> Box:
        made = Box(self._folder / name, self.authority)
        self._stack.callback(made.stop)
        return made


@pytest.fixture
def trio(tmp_path: Path) -> Iterator[Trio]:
    with ExitStack() as stack:
        yield Trio(tmp_path, stack)

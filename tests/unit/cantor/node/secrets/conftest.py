from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.node.secrets.wood import ASH, BIRCH, CEDAR, Wood

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def wood(tmp_path: Path) -> AsyncIterator[Wood]:
    made = Wood(tmp_path)
    for node in (ASH, BIRCH, CEDAR):
        await made.start(node)
    yield made
    for node in list(made.secrets):
        await made.stop(node)

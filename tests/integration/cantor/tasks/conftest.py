"""What tests of tasks on a mesh share; their ``boxes`` differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.loopback import Boxes


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    """This test is a script of the box ``desk``."""
    with cantor.connect(boxes["desk"].folder):
        yield

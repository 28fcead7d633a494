"""What tests of tasks on a mesh share; their ``boxes`` differ."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bed.loopback import Box, Boxes


@contextmanager
def script_at(box: Box) -> Iterator[None]:
    """This test is a script of a box; what it leaves behind is ended."""
    connection = cantor.connect(box.folder)
    try:
        yield
    finally:
        connection.close(kill=True)


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    """This test is a script of the box ``desk``."""
    with cantor.connect(boxes["desk"].folder):
        yield

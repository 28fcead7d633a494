"""A machine of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edge_devices.fake import FakeMachine

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path) -> FakeMachine:
    return FakeMachine(tmp_path)

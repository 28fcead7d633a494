"""What the tests of Galaxy share: the test data, if it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def test_data() -> Path:
    folder = Path(os.environ.get("CANTOR_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "plaza-720p.avi").is_file():
        pytest.skip(f"no test data in {folder}: set CANTOR_TEST_DATA to the folder that holds it")
    return folder

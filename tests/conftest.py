"""What holds for every test, and the test data, if it is there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

# A busy machine or a cold import is no bug: speed is measured by make bench, never by a test.
settings.register_profile("untimed", deadline=None)
# Who accepts a change wants the same answer twice; by hand the tests look for new examples.
settings.register_profile("repeatable", deadline=None, derandomize=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))


@pytest.fixture
def test_data() -> Path:
    """The folder with the real video and the real model."""
    folder = Path(os.environ.get("CANTOR_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "plaza-720p.avi").is_file():
        pytest.skip(f"no test data in {folder}: set CANTOR_TEST_DATA to the folder that holds it")
    return folder

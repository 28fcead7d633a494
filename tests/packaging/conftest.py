"""Which binaries there are to try: those that ``make package`` has left in ``dist/``."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import pytest

from edge_packaging.contents import BUILDS
from edge_packaging.manifest import MANIFEST_FILE

ROOT = Path(__file__).resolve().parents[2]
TIMEOUT_S = 60.0


def folder_of(name: str) -> Path:
    found = sorted((ROOT / "dist").glob(f"cantor-agent-{name}-*/{MANIFEST_FILE}"))
    if not found:
        pytest.skip("no binary: make package")
    return found[-1].parent


HOME = tempfile.mkdtemp(prefix="home-")
"""Of the binaries' user: nobody looks for it elsewhere."""


def said(folder: Path, *arguments: str) -> str:
    """What a binary prints; it has neither our interpreter nor our packages to lean on."""
    done = subprocess.run(
        [folder / "cantor", *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=ROOT,
        env={"PATH": "/dev/null", "HOME": HOME},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(params=[build.name for build in BUILDS], scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    return folder_of(request.param)


@pytest.fixture
def core() -> Path:
    return folder_of("core")

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
from tests.integration.galaxy.others import install
from tests.integration.galaxy.test_deployments import Fleet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    """Agents of one mesh in this process."""
    fleet = Fleet(tmp_path)
    yield fleet
    for name in list(fleet.agents):
        await fleet.remove(name)


@pytest.fixture
async def fleet_with_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Fleet]:
    """Agents on a machine with a package beside Cantor Edge that brings filters."""
    place = tmp_path / "packages"
    install(place)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    fleet = Fleet(tmp_path)
    yield fleet
    for name in list(fleet.agents):
        await fleet.remove(name)
    sys.modules.pop("filters_of_others", None)

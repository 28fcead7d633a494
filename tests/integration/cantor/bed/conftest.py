"""A network of its own for each test, and agents on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.bed.fleet import Fleet
from tests.bed.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def network() -> Iterator[Network]:
    network = Network()
    yield network
    network.close()


@pytest.fixture
def fleet(network: Network, tmp_path: Path) -> Iterator[Fleet]:
    fleet = Fleet(network, tmp_path)
    yield fleet
    fleet.close()

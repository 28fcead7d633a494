"""A hub and a box as they start without options, on a network without IPv4."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

import pytest
from tests.bed import topologies
from tests.bed.fleet import Fleet
from tests.bed.network import Network

from cantor.identity.authority_folder import save_authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
HUB = (sys.executable, "-m", "cantor.cli.main", "hub", "--json")


@pytest.fixture
def network() -> Iterator[Network]:
    """Two hosts on one line, with IPv6 addresses only."""
    network = Network()
    topologies.chain(network, 2)
    for host in network.hosts:
        network.switch.run("ip", "-4", "addr", "flush", "dev", "e0", host=host.name)
    yield network
    network.close()


async def test_a_hub_tells_its_ipv6_address_and_is_linked_with_over_it(
    network: Network, tmp_path: Path
) -> None:
    fleet = Fleet(network, tmp_path)
    at_hub, at_box = network.hosts
    folder = tmp_path / "hub"
    folder.mkdir(mode=0o700)
    save_authority(fleet.authority, folder / "authority")
    where = ("--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0", "--data", str(folder))
    hub = network.switch.spawn(at_hub.name, (*HUB, *where), tmp_path / "hub.log")
    started = await asyncio.to_thread(hub.output.readline)
    assert started, (tmp_path / "hub.log").read_text()
    assert json.loads(started)["mesh"] == "bed"

    at_box.seeds.clear()
    address = f"[{at_hub.ports[0].address6}]:7434"
    box = fleet.add(at_box, "--seed", address, ports=())
    try:
        await box.start()
        await box.until_online({"hub", box.name})

        (link,) = await box.links()
        assert link["address"] == address
        (told,) = [node["addresses"] for node in await box.nodes() if node["name"] == "hub"]
        assert told == [address]
        assert (await box.status())["addresses"] == [f"[{at_box.ports[0].address6}]:7433"]
    finally:
        fleet.close()
        hub.kill()

"""Real agents on a network without IPv4."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.bed import topologies
from tests.bed.fleet import PORT

if TYPE_CHECKING:
    from tests.bed.fleet import Box, Fleet
    from tests.bed.network import Network

pytestmark = pytest.mark.integration


def without_ipv4(network: Network, fleet: Fleet) -> list[Box]:
    """Take the IPv4 addresses away; agents that listen on IPv6 and dial the port before them."""
    before = None
    boxes = []
    for host in network.hosts:
        for port in host.ports:
            network.switch.run("ip", "-4", "addr", "flush", "dev", port.device, host=host.name)
        host.seeds.clear()
        options = ["--listen", f"[::]:{PORT}"]
        if before is not None:
            options += ["--seed", f"[{before.ports[-1].address6}]:{PORT}"]
        boxes.append(fleet.add(host, *options, ports=()))
        before = host
    return boxes


async def test_a_chain_of_three_works_where_there_is_ipv6_only(
    network: Network, fleet: Fleet
) -> None:
    lines = topologies.chain(network, 3)
    boxes = without_ipv4(network, fleet)
    for box in boxes:
        await box.start()

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()

    told = (await boxes[1].status())["addresses"]
    assert told == [f"[{port.address6}]:{PORT}" for port in network.hosts[1].ports]
    links = await boxes[1].links()
    assert {link["name"] for link in links} == {"n1", "n3"}
    assert all(str(link["address"]).startswith("[fd77:") for link in links)

    with lines[1].cut():
        await fleet.until_all_online(boxes[:2])
    await fleet.until_all_online()


async def test_both_families_are_told_and_either_leads_to_a_link(
    network: Network, fleet: Fleet
) -> None:
    line = topologies.chain(network, 2)[0]
    one, other = network.hosts
    left = fleet.add(one, "--listen", f"[::]:{PORT}")
    right = fleet.add(other, "--listen", f"[::]:{PORT}")
    for box in (left, right):
        await box.start()
    await fleet.until_all_online()
    await fleet.until_ledgers_equal()
    port = one.ports[0]
    told = [f"{port.address}:{PORT}", f"[{port.address6}]:{PORT}"]
    assert (await left.status())["addresses"] == told

    with line.ends[0].cut():  # both see it
        await left.until_online({"n1"})
        await right.until_online({"n2"})
        for host in network.hosts:
            network.switch.run("ip", "-4", "addr", "flush", "dev", "e0", host=host.name)
    await fleet.until_all_online()
    assert all(str(link["address"]).startswith("[fd77:") for link in await left.links())

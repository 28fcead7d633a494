"""Real agents on real networks: who reaches whom when lines are cut and boxes stand still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from tests.bed import topologies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bed.fleet import Box, Fleet
    from tests.bed.network import Network

pytestmark = pytest.mark.integration


async def linked(box: Box) -> set[str]:
    return {link["name"] for link in await box.links()}


async def until_linked(box: Box, names: set[str]) -> None:
    async with asyncio.timeout(30.0):
        async for _ in box.changes():
            if await linked(box) == names:
                return


async def test_a_chain_of_five_reaches_from_end_to_end(network: Network, fleet: Fleet) -> None:
    lines = topologies.chain(network, 5)
    await fleet.start()

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()
    assert await linked(fleet["n1"]) == {"n2"}
    assert {node["name"] for node in await fleet["n1"].nodes()} == {
        box.name for box in fleet.running
    }

    left, right = fleet.running[:2], fleet.running[2:]
    with lines[1].cut():
        await asyncio.gather(fleet.until_all_online(left), fleet.until_all_online(right))
    await fleet.until_all_online()


async def test_a_box_behind_nat_is_reached_through_those_that_it_dialled(
    network: Network, fleet: Fleet
) -> None:
    inside, router = topologies.behind_nat(network, 2)
    await fleet.start([*network.hosts[2:], inside])

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()

    assert await linked(fleet["n1"]) >= {"inside"}
    for box in (fleet["n1"], fleet["n2"]):
        for link in await box.links():
            assert (link["name"], link["dialled"]) != ("inside", True)
    assert network.routed(router)["translated"] >= 1


async def test_a_silent_cut_in_a_ring_of_six_is_seen_by_all_and_leaves_all_reachable(
    network: Network, fleet: Fleet
) -> None:
    lines = topologies.ring(network, 6)
    await fleet.start()
    await fleet.until_all_online()
    await until_linked(fleet["n1"], {"n2", "n6"})

    with lines[0].cut():
        await until_linked(fleet["n1"], {"n6"})
        await until_linked(fleet["n2"], {"n3"})
        await fleet.until_all_online()
        await fleet.until_ledgers_equal()
        with lines[3].cut():  # in two now: n2 to n4, and n5, n6, n1
            near, far = (
                [fleet[n] for n in ("n2", "n3", "n4")],
                [fleet[n] for n in ("n5", "n6", "n1")],
            )
            await asyncio.gather(fleet.until_all_online(near), fleet.until_all_online(far))

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()


async def test_what_changed_on_both_sides_of_a_partition_is_known_to_all_after_the_heal(
    network: Network, fleet: Fleet
) -> None:
    topologies.site(network, 4)
    boxes = await fleet.start()
    await fleet.until_all_online()
    left, right = boxes[:2], boxes[2:]

    with network.partition([b.host for b in left], [b.host for b in right]):
        await asyncio.gather(fleet.until_all_online(left), fleet.until_all_online(right))
        for box in (left[1], right[1]):
            box.kill()
            await box.start()
        await asyncio.gather(fleet.until_all_online(left), fleet.until_all_online(right))

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()


async def test_a_box_that_stands_still_or_loses_power_is_missed_and_comes_back(
    network: Network, fleet: Fleet
) -> None:
    topologies.star(network, 3)
    middle, still, _ = await fleet.start()
    others = [box for box in fleet.running if box is not still]
    await fleet.until_all_online()

    still.pause()
    await fleet.until_all_online(others)
    still.resume()
    await fleet.until_all_online()

    still.kill()
    await fleet.until_all_online(others)
    await still.start()
    await fleet.until_all_online()
    assert await middle.stop() == 0


async def dialled(boxes: Sequence[Box]) -> str:
    """Where the link between two boxes leads, as the one that dialled it says."""
    links = [link for box in boxes for link in await box.links()]
    return next((str(link["address"]) for link in links if link["dialled"]), "")


async def test_a_blocked_port_is_left_for_another_one(network: Network, fleet: Fleet) -> None:
    topologies.chain(network, 2)
    boxes = [fleet.add(host, ports=(7433, 7434)) for host in network.hosts]
    for box in boxes:
        await box.start()
    await fleet.until_all_online()
    await fleet.until_ledgers_equal()
    before = await dialled(boxes)
    address, _, tcp_port = before.partition(":")
    host = next(host for host in network.hosts if host.address == address)

    with host.ports[0].block(int(tcp_port)):
        async with asyncio.timeout(30.0):
            async for _ in boxes[0].changes():
                if await dialled(boxes) not in ("", before):
                    break
        await fleet.until_all_online()


EACH = 3  # ten each take a minute: make soak


async def test_two_sites_joined_by_one_slow_line_are_one_mesh(
    network: Network, fleet: Fleet
) -> None:
    trunk = topologies.two_sites(network, EACH, rate_bps=10e6)
    boxes = await fleet.start()
    await fleet.until_all_online()
    await fleet.until_ledgers_equal()

    with trunk.cut():
        sites = boxes[:EACH], boxes[EACH:]
        await asyncio.gather(*(fleet.until_all_online(site) for site in sites))

    await fleet.until_all_online()
    await fleet.until_ledgers_equal()
    assert trunk.held_back() > 0

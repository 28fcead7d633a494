"""A line that goes silent under traffic, in a triangle.

One host sends another 50 numbered messages a second over the line that joins them. Then that line
drops everything, in both directions and without a word, so that only silence tells; the third host
joins them still. The longest time without a message counts, and which messages were lost or came
twice. zenoh's routers do the same with congestion control that blocks, once with their own lease of
10 s and once with one of 1 s.

    make bench NAME=mesh ONLY=cut        TRIALS=5
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from random import Random
from typing import TYPE_CHECKING

from tests.bed.topologies import ring
from tests.benchmarks.mesh import flow, stage
from tests.benchmarks.mesh.table import Row, run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tests.bed.fleet import Box
    from tests.benchmarks.mesh.flow import Outage

TRIALS = int(os.environ.get("TRIALS", "5"))
BEFORE_S, AFTER_S = 3.0, 5.0
ZENOH_AFTER_S = 15.0
SHORT_LEASE = {"transport/link/tx/lease": 1000}


async def cantor() -> list[Outage]:
    """Several cuts of the same line, healed in between."""
    found, random = [], Random(1)  # noqa: S311 -- where between two heartbeats a cut falls
    with stage.fleet() as fleet:
        line = ring(fleet.network, 3)[-1]
        first, _, last = await fleet.start()
        await fleet.until_all_online()
        await first.ask("bench.watch", to=last.id)
        for _ in range(TRIALS):
            await flow.begin(first, last)
            await asyncio.sleep(BEFORE_S + random.random() / 2)
            await _until_direct(first, last)
            with line.cut():
                await asyncio.sleep(AFTER_S)
                found.append(await flow.end(first, last))
    return found


async def _until_direct(first: Box, last: Box) -> None:
    """Wait until frames take the line between them."""
    async with asyncio.timeout(30.0):
        async for _ in first.changes():
            ways: Any = await first.ask("bench.ways")
            if ways[-1][1][:1] == [last.id]:
                return


async def zenoh(settings: Mapping[str, object]) -> Outage:
    """One cut between routers of zenoh."""
    with stage.zenohs() as sessions:
        lines = ring(sessions.network, 3)
        one, two, three = sessions.network.hosts
        first = sessions.start(one, "router", [], settings)
        middle = [lines[0].ends[0].address]
        sessions.start(two, "router", middle, settings)
        both = [lines[2].ends[1].address, lines[1].ends[0].address]
        last = sessions.start(three, "router", both, settings)
        last.ask("listen")
        await asyncio.sleep(2.0)  # until the routers know the way; no event tells
        first.ask("begin_flow", per_s=flow.PER_S)
        await asyncio.sleep(BEFORE_S)
        with lines[2].cut():
            await asyncio.sleep(ZENOH_AFTER_S)
            sent = first.ask("end_flow")
            await asyncio.sleep(1.0)
            return flow.outage(sent, last.ask("taken"))


def measure() -> list[Row]:
    """The rows of this part."""
    trials = asyncio.run(cantor())
    print("without a message after each cut: ", *(f"{one.gap_s:.2f} s" for one in trials))
    ours, peers = flow.worst(trials), {}
    if stage.has_zenoh():
        peers["zenoh"] = asyncio.run(zenoh({}))
        peers["zenoh (lease 1 s)"] = asyncio.run(zenoh(SHORT_LEASE))
    gaps = {name: found.gap_s for name, found in peers.items()}
    lost = {name: float(found.lost) for name, found in peers.items()}
    twice = {name: float(found.duplicated) for name, found in peers.items()}
    median_s = statistics.median(one.gap_s for one in trials)
    cuts = f"{TRIALS} silent cuts in a triangle"
    return [
        Row(f"{cuts}: traffic flows again, worst", "s", ours.gap_s, 1.0, peers=gaps),
        Row(f"{cuts}: traffic flows again, median", "s", median_s, 1.0, peers=gaps),
        Row(f"{cuts}: messages lost", "", ours.lost, 0, peers=lost),
        Row(f"{cuts}: messages duplicated", "", ours.duplicated, 0, peers=twice),
    ]


if __name__ == "__main__":
    sys.exit(run({"cut": measure}))

"""One of two listening ports is blocked under traffic.

Two agents listen on two ports each. Under a flow of 50 numbered messages a second the port that
their link leads to drops everything without a word; the other one is open. The longest time without
a message counts, and which messages were lost or came twice.

    make bench NAME=mesh ONLY=blocked_port        TRIALS=5
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
from random import Random
from typing import TYPE_CHECKING

from tests.bed.topologies import chain
from tests.benchmarks.mesh import flow, stage
from tests.benchmarks.mesh.table import Row, run

if TYPE_CHECKING:
    from tests.bed.fleet import Box
    from tests.benchmarks.mesh.flow import Outage

TRIALS = int(os.environ.get("TRIALS", "5"))
PORTS = (7433, 7434)
BEFORE_S, AFTER_S = 3.0, 5.0


async def cantor() -> list[Outage]:
    """Block, one time after the other, whichever port is in use."""
    found, random = [], Random(1)  # noqa: S311 -- where between two heartbeats a cut falls
    with stage.fleet() as fleet:
        chain(fleet.network, 2)
        first, last = (fleet.add(host, ports=PORTS) for host in fleet.network.hosts)
        for box in (first, last):
            await box.start()
        await fleet.until_all_online()
        for _ in range(TRIALS):
            host, tcp_port = await _reached_at(first, last)
            await flow.begin(first, last)
            await asyncio.sleep(BEFORE_S + random.random() / 2)
            with host.host.ports[0].block(tcp_port):
                await asyncio.sleep(AFTER_S)
                found.append(await flow.end(first, last))
    return found


async def _reached_at(first: Box, last: Box) -> tuple[Box, int]:
    """The box at whose port the link between them was dialled, and that port."""
    async with asyncio.timeout(30.0):
        async for _ in first.changes():
            for link in await first.links():
                if link["dialled"]:
                    return last, int(link["address"].rpartition(":")[2])
            for link in await last.links():
                if link["dialled"]:
                    return first, int(link["address"].rpartition(":")[2])
    raise TimeoutError("the two boxes have no link")


def measure() -> list[Row]:
    """The rows of this part."""
    trials = asyncio.run(cantor())
    print("without a message after each block:", *(f"{one.gap_s:.2f} s" for one in trials))
    ours, times = flow.worst(trials), f"a listening port blocked {TRIALS} times"
    median_s = statistics.median(one.gap_s for one in trials)
    return [
        Row(f"{times}: traffic flows again, worst", "s", ours.gap_s, 1.0),
        Row(f"{times}: traffic flows again, median", "s", median_s, 1.0),
        Row(f"{times}: messages lost", "", ours.lost, 0),
        Row(f"{times}: messages duplicated", "", ours.duplicated, 0),
    ]


if __name__ == "__main__":
    sys.exit(run({"blocked_port": measure}))

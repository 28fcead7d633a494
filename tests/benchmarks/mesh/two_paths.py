"""Four bulk streams over two equal paths that share nothing.

Four hosts in a diamond: from the first to the last lead two ways, each over a host of its own and
lines of 40 Mbit/s. Four reliable streams of priority 2 send as much as goes, first while one way is
cut, then over both. How often ways change meanwhile is what the agents themselves count: each
destination, and each stream, that went over to another way, and did so twice within a minute.

    make bench NAME=mesh ONLY=two_paths MINUTES=10
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING, NamedTuple

from tests.benchmarks.mesh import stage
from tests.benchmarks.mesh.table import Row, run

if TYPE_CHECKING:
    from typing import Any

    from tests.bed.fleet import Box

RATE_BPS = 40e6
STREAMS = 4
WARM_UP_S = 5.0
ONE_PATH_S = 15.0
MINUTES = float(os.environ.get("MINUTES", "1"))


class Figures(NamedTuple):
    """Bits per second over one way and over both; changes of ways, and second ones in a minute."""

    one_bps: float
    both_bps: float
    moved: int
    swung: int


async def cantor() -> Figures:
    """One way, then both."""
    with stage.fleet() as fleet:
        first, upper, lower, last = fleet.network.hosts_named(4)
        pairs = ((first, upper), (first, lower), (upper, last), (lower, last))
        lines = [fleet.network.line(*pair) for pair in pairs]
        for line in lines:
            line.limit(RATE_BPS)
        ends = [box for box in await fleet.start() if box.host in (first, last)]
        await fleet.until_all_online()
        for box, other in (ends, ends[::-1]):
            await box.ask("bench.watch", to=other.id)
        with lines[1].cut():
            await _until_ways(ends[0], 1)
            await ends[0].ask("bench.begin_bulk", to=ends[1].id, streams=STREAMS)
            await asyncio.sleep(WARM_UP_S)
            one_bps = await _rate(ends[1], ONE_PATH_S)
        await _until_ways(ends[0], 2)
        await asyncio.sleep(WARM_UP_S)
        before = await _changes(fleet.running)
        both_bps = await _rate(ends[1], 60 * MINUTES)
        moved, swung = await _changes(fleet.running)
        return Figures(one_bps, both_bps, moved - before[0], swung - before[1])


async def _until_ways(box: Box, count: int) -> None:
    async with asyncio.timeout(60.0):
        async for _ in box.changes():
            ways: Any = await box.ask("bench.ways")
            if len(ways[-1][1]) == count:
                return


async def _changes(boxes: list[Box]) -> tuple[int, int]:
    """The changes of ways that the boxes have counted, and the second ones within a minute."""
    told = [await box.status() for box in boxes]
    return sum(t["ways_moved"] for t in told), sum(t["ways_swung"] for t in told)


async def _rate(box: Box, seconds: float) -> float:
    before: Any = await box.ask("bench.bulk_bytes")
    await asyncio.sleep(seconds)
    after: Any = await box.ask("bench.bulk_bytes")
    return float(8 * (after["bytes"] - before["bytes"]) / (after["at"] - before["at"]))


def measure() -> list[Row]:
    """The rows of this part."""
    found = asyncio.run(cantor())
    mbps = [f"{bps / 1e6:.1f} Mbit/s" for bps in (found.one_bps, found.both_bps)]
    print(f"one path {mbps[0]}, both {mbps[1]}; {found.moved} changes in {MINUTES:g} minutes")
    what = f"{STREAMS} bulk streams over two paths"
    return [
        Row(f"{what}, of one", "", found.both_bps / found.one_bps, 1.7, "higher"),
        Row(f"{what}, second changes of a route in a minute", "", found.swung, 0),
    ]


if __name__ == "__main__":
    sys.exit(run({"two_paths": measure}))

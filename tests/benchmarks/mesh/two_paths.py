"""Four bulk streams over two equal paths that share nothing.

Four hosts in a diamond: from the first to the last lead two ways, each over a host of its own and
lines of 40 Mbit/s. Four reliable streams of priority 2 send as much as goes, first while one way is
cut, then over both. How often ways change meanwhile is what the agents themselves count: each
destination, and each stream, that went over to another way while the old one stood.

    make bench NAME=mesh ONLY=two_paths MINUTES=10
"""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
import time
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
    """Bits per second over one way and over both, and when ways of each box changed."""

    one_bps: float
    both_bps: float
    changes: list[list[float]]


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
        noting = [asyncio.ensure_future(_moves(box, 60 * MINUTES)) for box in fleet.running]
        both_bps = await _rate(ends[1], 60 * MINUTES)
        return Figures(one_bps, both_bps, await asyncio.gather(*noting))


async def _until_ways(box: Box, count: int) -> None:
    async with asyncio.timeout(60.0):
        async for _ in box.changes():
            ways: Any = await box.ask("bench.ways")
            if len(ways[-1][1]) == count:
                return


async def _moves(box: Box, seconds: float) -> list[float]:
    """The times, to a second, at which a way of this box changed; twice if two did at once."""
    times: list[float] = []
    before = (await box.status())["ways_moved"]
    end_s = time.monotonic() + seconds
    while time.monotonic() < end_s:
        await asyncio.sleep(1.0)
        moved = (await box.status())["ways_moved"]
        times += [time.monotonic()] * (moved - before)
        before = moved
    return times


async def _rate(box: Box, seconds: float) -> float:
    before: Any = await box.ask("bench.bulk_bytes")
    await asyncio.sleep(seconds)
    after: Any = await box.ask("bench.bulk_bytes")
    return float(8 * (after["bytes"] - before["bytes"]) / (after["at"] - before["at"]))


def most_in_a_minute(times: list[float]) -> int:
    """How many of these times, in seconds, lie within one minute at most."""
    return max((sum(at <= other < at + 60 for other in times) for at in times), default=0)


def measure() -> list[Row]:
    """The rows of this part."""
    found = asyncio.run(cantor())
    mbps = [f"{bps / 1e6:.1f} Mbit/s" for bps in (found.one_bps, found.both_bps)]
    changes = len(list(itertools.chain(*found.changes)))
    print(f"one path {mbps[0]}, both {mbps[1]}; {changes} changes of ways in {MINUTES:g} minutes")
    most = max(most_in_a_minute(times) for times in found.changes)
    what = f"{STREAMS} bulk streams over two paths"
    return [
        Row(f"{what}, of one", "", found.both_bps / found.one_bps, 1.7, "higher"),
        Row(f"{what}, changes of route in a minute, most", "", most, 1),
    ]


if __name__ == "__main__":
    sys.exit(run({"two_paths": measure}))

"""How soon all know that one of 12 nodes is dead: by ``kill -9``, and cut off without a word.

Twelve agents on one local network, idle, with at most four links each. The time runs from the order
to kill or to cut until the last of the eleven others counts the node as gone.

    make bench NAME=mesh ONLY=death        TRIALS=5
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from random import Random
from typing import TYPE_CHECKING

from tests.benchmarks.mesh import stage, twelve
from tests.benchmarks.mesh.table import Row, run

if TYPE_CHECKING:
    from typing import Any

    from tests.bed.fleet import Box, Fleet

TRIALS = int(os.environ.get("TRIALS", "5"))
TARGET_S = 2.0


async def cantor() -> dict[str, list[float]]:
    """Seconds of each trial, by how the node died."""
    random = Random(1)  # noqa: S311 -- whom it hits, and when between two heartbeats
    found: dict[str, list[float]] = {"kill -9": [], "a silent cut": []}
    with stage.fleet() as fleet:
        boxes = await twelve.gathered(fleet)
        for _ in range(TRIALS):
            for how, times in found.items():
                victim = random.choice(boxes)
                times.append(await _die(fleet, victim, is_killed=how == "kill -9"))
                await fleet.until_all_online()
                await asyncio.sleep(twelve.REST_S + random.random())
    return found


async def _die(fleet: Fleet, victim: Box, *, is_killed: bool) -> float:
    others = [box for box in fleet.running if box is not victim]
    begun_s = time.monotonic()
    if is_killed:
        victim.kill()
        known_s = await _until_known(fleet, victim, others)
        await victim.start()
    else:
        with victim.host.ports[0].cut():
            known_s = await _until_known(fleet, victim, others)
    return known_s - begun_s


async def _until_known(fleet: Fleet, victim: Box, others: list[Box]) -> float:
    """When the last of the others counted it as gone."""
    await fleet.until_all_online(others)
    told: list[Any] = await asyncio.gather(*(box.ask("bench.lost") for box in others))
    return float(max(lost[victim.id] for lost in told))


def measure() -> list[Row]:
    """The rows of this part."""
    rows = []
    for how, times in asyncio.run(cantor()).items():
        print(f"a node's death by {how} known by all:", *(f"{seconds:.2f} s" for seconds in times))
        what = f"death of one of {twelve.NODES} nodes by {how} known by all"
        rows.append(Row(f"{what}, worst of {TRIALS}", "s", max(times), TARGET_S))
        rows.append(Row(f"{what}, median", "s", statistics.median(times), TARGET_S))
    return rows


if __name__ == "__main__":
    sys.exit(run({"death": measure}))

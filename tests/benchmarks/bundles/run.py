"""How often the origin of a 20 MB wheel sends it when ten fresh boxes want it at once.

Real agents, each in a network namespace of its own, on one local network. First one box gets
another wheel alone, for comparison.

    python tests/benchmarks/bundles/run.py
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from tests.bed import topologies
from tests.bed.fleet import Fleet
from tests.bed.network import Network
from tests.benchmarks.mesh.table import Row, keep

from cantor.bundles.fetching.manifest import CHUNK_BYTES
from cantor.node.control import ask

if TYPE_CHECKING:
    from tests.bed.fleet import Box

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "bundles.json"
WHEEL_BYTES = 20_000_000
CHUNKS = -(-WHEEL_BYTES // CHUNK_BYTES)
FRESH = 10
COPIES_MAX = 3.0
CALL_S = 200.0


async def called(box: Box, call: str, **args: Any) -> dict[str, Any]:  # noqa: ANN401
    return cast("dict[str, Any]", await ask(box.folder, call, args, timeout_s=CALL_S))


async def added(origin: Box, seed: int) -> str:
    """A bundle of one wheel on the origin; its id."""
    file = origin.folder / f"wheel {seed}"
    file.write_bytes(Random(seed).randbytes(WHEEL_BYTES))  # noqa: S311 (equal bytes in each run)
    answer = await called(origin, "bundles.add", files={f"big-{seed}-py3-none-any.whl": str(file)})
    return str(answer["id"])


async def got(origin: Box, boxes: list[Box], bundle: str) -> tuple[float, float]:
    """Seconds until all of them have it, and how often the origin has sent it."""
    wanted = {"id": bundle, "from": [origin.id]}
    before = (await called(origin, "bundles.get", **wanted))["chunks_given"]
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for box in boxes:
            group.create_task(called(box, "bundles.get", **wanted))
    seconds = time.monotonic() - began
    after = (await called(origin, "bundles.get", **wanted))["chunks_given"]
    return seconds, (after - before) / CHUNKS


async def measured(fleet: Fleet, network: Network) -> list[Row]:
    """The two rows."""
    topologies.site(network, FRESH + 1)
    await fleet.start()
    await fleet.until_all_online()
    origin, *fresh = fleet.running
    one_s, _ = await got(origin, fresh[:1], await added(origin, 1))
    all_s, copies = await got(origin, fresh, await added(origin, 2))
    in_turn = {"ten times one alone": FRESH * one_s}
    return [
        Row("20 MB wheel for ten fresh boxes: the origin sends it", "times", copies, COPIES_MAX),
        Row("until all ten have it", "s", all_s, FRESH * one_s, peers=in_turn),
    ]


def main() -> int:
    """Measure once, print the table, write the result."""
    network = Network()
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(network, Path(folder))
        try:
            keep(asyncio.run(measured(fleet, network)), RESULT)
        finally:
            fleet.close()
            network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""How often the origin of a 20 MB wheel sends it when ten fresh boxes want it at once.

Real agents, each in a network namespace of its own, on one local network. First one box gets
another wheel alone, for comparison; at last a script on the origin submits a task for each box,
which imports from a third wheel.

    python tests/benchmarks/bundles/run.py
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from tests.bed import topologies
from tests.bed.fleet import Fleet
from tests.bed.network import Network
from tests.benchmarks.mesh.table import Row, keep

import cantor
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


async def sent(origin: Box, bundle: str) -> int:
    """Chunks that the origin has sent, of all bundles; it has this one."""
    return int((await called(origin, "bundles.get", id=bundle))["chunks_given"])


async def got(origin: Box, boxes: list[Box], bundle: str) -> tuple[float, float]:
    """Seconds until all of them have it, and how often the origin has sent it."""
    wanted = {"id": bundle, "from": [origin.id]}
    before = await sent(origin, bundle)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        for box in boxes:
            group.create_task(called(box, "bundles.get", **wanted))
    seconds = time.monotonic() - began
    return seconds, (await sent(origin, bundle) - before) / CHUNKS


def weigh() -> int:
    """What the task does: it imports from the wheel."""
    import heavy  # type: ignore[import-not-found]

    return len(heavy.__doc__)


def heavy(folder: Path) -> Path:
    """A folder with a wheel of that size."""
    content = Random(3).randbytes(WHEEL_BYTES)  # noqa: S311 (equal bytes in each run)
    with zipfile.ZipFile(folder / "heavy-1-py3-none-any.whl", "w") as archive:
        archive.writestr("heavy/__init__.py", '"""Large."""\n')
        archive.writestr("heavy/weights.bin", content)
        archive.writestr("heavy-1.dist-info/METADATA", "Name: heavy\nVersion: 1\n\n")
    return folder


def run_on_each(origin: Box, wheels: Path) -> None:
    """Run a task that needs the wheel on each of the fresh boxes."""
    needs = [f"Fresh{number} == 1" for number in range(FRESH)]
    with cantor.connect(origin.folder, requirements=["heavy"], wheels=wheels):
        futures = [cantor.task(needs=one)(weigh).submit() for one in needs]
        for future in futures:
            future.result(CALL_S)


async def started(fleet: Fleet, network: Network) -> None:
    """All boxes; the first has no workers, so that tasks run on the others."""
    topologies.site(network, FRESH + 1)
    origin, *others = network.hosts
    boxes = [fleet.add(origin, "--workers", "0")]
    for number, host in enumerate(others):
        has = ("--resource", f"Fresh{number}==1")
        boxes.append(fleet.add(host, "--workers", "1", "--code-run", "tenant", *has))
    for box in boxes:
        await box.start()
    await fleet.until_all_online()


async def measured(fleet: Fleet, network: Network, wheels: Path) -> list[Row]:
    """The rows."""
    await started(fleet, network)
    origin, *fresh = fleet.running
    one_s, _ = await got(origin, fresh[:1], await added(origin, 1))
    known = await added(origin, 2)
    all_s, copies = await got(origin, fresh, known)
    before = await sent(origin, known)
    await asyncio.to_thread(run_on_each, origin, wheels)
    by_tasks = (await sent(origin, known) - before) / CHUNKS
    in_turn = {"ten times one alone": FRESH * one_s}
    return [
        Row("20 MB wheel for ten fresh boxes: the origin sends it", "times", copies, COPIES_MAX),
        Row("until all ten have it", "s", all_s, FRESH * one_s, peers=in_turn),
        Row(
            "first task with a 20 MB wheel on ten fresh boxes: the origin sends it",
            "times",
            by_tasks,
            COPIES_MAX,
        ),
    ]


def main() -> int:
    """Measure once, print the table, write the result."""
    network = Network()
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(network, Path(folder))
        try:
            wheels = heavy(Path(folder))
            keep(asyncio.run(measured(fleet, network, wheels)), RESULT)
        finally:
            fleet.close()
            network.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

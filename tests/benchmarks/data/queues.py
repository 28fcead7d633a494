"""Durable messages through a queue, one producer and one consumer, beside NATS JetStream.

Both sync a message to the disk before it is acknowledged to its producer. The consumer begins with
the producer, and acknowledges each message; ours also syncs that. Producer and consumer are
processes of their own. ``COUNT`` messages of 64 bytes, in memory as well.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.loopback import Boxes
from tests.benchmarks.data import peers
from tests.benchmarks.mesh.table import ROOT, LackingError, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).parent
ROUNDS, COUNT = int(os.environ.get("ROUNDS", "3")), int(os.environ.get("COUNT", "20000"))
WAIT_S = 300.0
SYNCED = "NATS JetStream"
Figures = dict[str, float]


class Role:
    """A producer or a consumer: it says that it is ready, begins when told, and says how it was."""

    def __init__(self, *command: str) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        if self._line() != "ready":
            raise RuntimeError(f"{command} is not ready")

    def begin(self) -> None:
        """Go."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def told(self) -> Figures:
        """What it measured; it waits for it."""
        figures: Figures = json.loads(self._line())
        self._process.wait(WAIT_S)
        return figures

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def both(command: Sequence[str]) -> Figures:
    """A producer and a consumer at once; messages per second, and what a single put takes."""
    consumer, producer = Role(*command, "consume"), Role(*command, "produce")
    begun = time.perf_counter()
    for role in (consumer, producer):
        role.begin()
    taken, put = consumer.told(), producer.told()
    took_s = time.perf_counter() - begun
    assert taken["count"] == COUNT, taken
    single = Role(*command, "single")
    single.begin()
    return {"per_s": COUNT / took_s, "put_per_s": COUNT / put["took_s"], **single.told()}


def ours(folder: Path) -> Figures:
    """A queue on the own node, one on another node over mTLS, and one in memory."""
    figures: Figures = {}
    with closing(Boxes(folder)) as boxes:
        for name in ("here", "there"):
            boxes.start(name, "--workers", "1", "--code-run", "tenant")
        boxes.until_known("here", "here", "there")
        for name, node, kind in (
            ("here", "", "durable"), ("there", "there", "durable"), ("memory", "", "memory"),
        ):  # fmt: skip
            script = [sys.executable, str(HERE / "queues_ours.py")]
            told = both([*script, str(boxes["here"].folder), node, kind, str(COUNT)])
            figures |= {f"{name}_{figure}": value for figure, value in told.items()}
    return figures


def nats(folder: Path, *, is_synced: bool = True) -> Figures:
    """A server with JetStream that syncs always, or never, over mTLS."""
    with peers.nats(folder, is_synced=is_synced) as url:
        script = [str(peers.clients()), str(HERE / "queues_nats_peer.py")]
        return both([*script, str(folder), url, str(COUNT)])


def measure() -> Sequence[Row]:
    """Medians of several rounds, interleaved; on the disk of this tree, not in memory."""
    place = ROOT / "build" / "bench"
    place.mkdir(parents=True, exist_ok=True)
    contestants: dict[str, Callable[[Path], Figures]] = {
        "": ours,
        SYNCED: nats,
        "NATS JetStream, not synced": partial(nats, is_synced=False),
    }
    found: dict[str, list[Figures]] = {name: [] for name in contestants}
    for _ in range(ROUNDS):
        for name, run in contestants.items():
            with tempfile.TemporaryDirectory(dir=place) as folder:
                try:
                    found[name].append(run(Path(folder)))
                except LackingError as error:
                    print(f"{name} is left out: {error}", flush=True)
    medians = {
        name: {one: statistics.median(each[one] for each in rounds) for one in rounds[0]}
        for name, rounds in found.items()
        if rounds
    }
    mine = medians.pop("")
    rows = []
    for where, about in (
        ("here", "the own node, durable"), ("there", "another node, mTLS, durable"),
        ("memory", "the own node, in memory"),
    ):  # fmt: skip
        for figure, what, unit in (
            ("per_s", "put, take, ack", "1/s"), ("put_per_s", "put", "1/s"),
            ("single_us", "one put, p50", "us"),
        ):  # fmt: skip
            peer = {name: one[figure] for name, one in medians.items()}
            is_promised = where != "memory" and unit == "1/s"
            target = peer.get(SYNCED) if is_promised else None
            better = "higher" if unit == "1/s" else "lower"
            measured = mine[f"{where}_{figure}"]
            rows.append(Row(f"queue, {what}, {about}", unit, measured, target, better, peer))  # type: ignore[arg-type]
    return rows

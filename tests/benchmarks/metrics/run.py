"""What a metric costs: one addition in native code and in Python, and reading many nodes.

Real agents on the loopback interface, each with 200 series, of which a hundred change every second;
one of them reads all. Processor time is that of its process, over what it takes when nobody reads.

    make bench NAME=metrics
    NODES=10 SECONDS=20 make bench NAME=metrics
"""

from __future__ import annotations

import asyncio
import os
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import Row, keep

from cantor.metering.process import VARIABLE, Counter, Gauge, Histogram, Process
from cantor.native import folder as native_folder
from cantor.node.control import ask

if TYPE_CHECKING:
    from tests.bed.loopback import Box

ROOT = Path(__file__).resolve().parents[3]
RESULT = ROOT / "build" / "bench" / "metrics.json"
COUNTING = ROOT / "tests" / "unit" / "cantor" / "native" / "counting.c"
NODES = int(os.environ.get("NODES", "30"))
SECONDS = int(os.environ.get("SECONDS", "30"))
SERIES, CHANGING = 175, 100
"""Beside the machine's own of about 25."""
TIMES = 500_000
TICK = os.sysconf("SC_CLK_TCK")
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


def native_ns(folder: Path) -> list[float]:
    """A counter, an amount, a gauge and a histogram, in the shared memory of an agent."""
    program = folder / "counting"
    sources = (COUNTING, native_folder() / "cantor.c")
    command = ["gcc", "-O2", "-std=c11", "-I", native_folder(), *sources, "-o", program]
    subprocess.run(command, check=True)
    rounds = []
    for _ in range(3):
        memory: list[int] = []
        os.environ.pop(VARIABLE, None)
        Process(memory.append).get(Counter, "other", None)
        done = subprocess.run(
            [program, "measure"], env={VARIABLE: str(memory[0])}, pass_fds=memory, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        rounds.append([float(word) for word in done.stdout.split()])
        os.close(memory[0])
    return [statistics.median(column) for column in zip(*rounds, strict=True)]


def python_ns() -> list[float]:
    """A counter, a gauge and a histogram, without the loop around them."""
    os.environ.pop(VARIABLE, None)
    process = Process(lambda _: None)
    add = process.get(Counter, "a", None).add
    put = process.get(Gauge, "b", None).set
    observe = process.get(Histogram, "c", None, BOUNDS).observe
    found = []
    for call in (add, lambda: put(1.5), lambda: observe(0.07)):
        rounds = []
        for _ in range(5):
            began = time.process_time_ns()  # others use this machine as well
            for _ in range(TIMES):
                pass
            empty = time.process_time_ns()
            for _ in range(TIMES):
                call()
            rounds.append((time.process_time_ns() - empty - (empty - began)) / TIMES)
        found.append(statistics.median(rounds))
    return found


class Counting:
    """Series of every box, from this process, a hundred of which change every second."""

    def __init__(self, boxes: list[Box]) -> None:
        self._gauges: list[list[Gauge]] = []
        self._counters: list[list[Counter]] = []
        self._chance = random.Random(1)  # noqa: S311 (a measurement)
        self._is_over = threading.Event()
        for box in boxes:
            os.environ.pop(VARIABLE, None)
            memory: list[int] = []
            process = Process(memory.append)
            self._counters.append(
                [process.get(Counter, f"work_{n}", {"line": "A"}) for n in range(SERIES // 2)]
            )
            gauges = [process.get(Gauge, f"level_{n}", {"line": "A"}) for n in range(SERIES // 2)]
            for gauge in gauges:
                gauge.set(50)
            self._gauges.append(gauges)
            args: dict[str, Any] = {"descriptor": memory[0]}
            joining = ask(box.folder, "metrics.join", args, timeout_s=3600)
            threading.Thread(target=asyncio.run, args=(joining,), daemon=True).start()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._is_over.wait(1.0):
            for counters, gauges in zip(self._counters, self._gauges, strict=True):
                for counter in counters[: CHANGING // 2]:
                    counter.add(self._chance.randrange(1000))
                for gauge in gauges[: CHANGING // 2]:
                    gauge.set(round(self._chance.gauss(50, 10), 2))

    def close(self) -> None:
        """Count no more."""
        self._is_over.set()
        self._thread.join()


def cpu_s(box: Box) -> float:
    """Processor seconds of a box's process."""
    words = Path(f"/proc/{box.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def carried(boxes: list[Box]) -> float:
    """Bytes that all links have carried; each is known to both of its ends."""
    links = (link for box in boxes for link in box.ask("status")["links"])
    return sum(float(link["carried_bytes"]) for link in links) / 2


def paid(boxes: list[Box], reader: Box, *, is_read: bool) -> tuple[float, float, float]:
    """Shares of a core of the reader and of a node that is read, and bytes a second of a node."""
    bytes_before, before = carried(boxes), [cpu_s(box) for box in boxes]
    began = time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS:
        if is_read:
            rows = reader.ask("metrics.read", glob="cantor_load1")["nodes"]
            assert len(rows) == len(boxes)
        time.sleep(1.0)
    after = [cpu_s(box) for box in boxes]
    shares = [(end - begin) / passed for begin, end in zip(before, after, strict=True)]
    size = (carried(boxes) - bytes_before) / passed / len(boxes)
    return shares[0], statistics.mean(shares[1:]), size


def main() -> int:
    """Measure, print the table, write the result."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        counter, amount, gauge, spread = native_ns(folder)
        in_python = python_ns()
        boxes = Boxes(folder)
        counting = None
        try:
            all_boxes = [boxes.start(f"box-{number}", "--workers", "0") for number in range(NODES)]
            reader = all_boxes[0]
            while reader.ask("status")["nodes_online"] < NODES:
                time.sleep(0.1)
            counting = Counting(all_boxes)
            idle = paid(all_boxes, reader, is_read=False)
            (row, *_) = reader.ask("metrics.read", nodes=["box-1"])["nodes"]
            for _ in range(5):
                reader.ask("metrics.read", glob="cantor_load1")
                time.sleep(1.0)
            read = paid(all_boxes, reader, is_read=True)
        finally:
            if counting is not None:
                counting.close()
            boxes.close()
    series = len(row["series"])
    about = f"{NODES} nodes with {series} series at 1 s"
    keep(
        [
            Row("a native counter, one more", "ns", counter, 50.0),
            Row("a native amount, so much more", "ns", amount, 50.0),
            Row("a native gauge, set", "ns", gauge, 50.0),
            Row("a native histogram of 10 bounds, one value", "ns", spread, None),
            Row("a Python counter, one more", "ns", in_python[0], None),
            Row("a Python gauge, set (in a lambda)", "ns", in_python[1], None),
            Row("a Python histogram, one value (in a lambda)", "ns", in_python[2], None),
            Row(f"{about}: the reader, more of a core", "%", 100 * (read[0] - idle[0]), 1.0),
            Row(f"{about}: one that is read, more", "%", 100 * (read[1] - idle[1]), 1.0),
            Row(f"{about}: on the mesh, a node", "B/s", read[2] - idle[2], 2000.0),
        ],
        RESULT,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What a metric costs: one addition in native code and in Python, and reading many nodes.

A real agent reads all others, which run in one process, on the loopback interface. Each of them has
200 series, of which a hundred change every second. Processor time is that of a process, over what
it takes when nobody reads; bytes are those of the frames that tell of metrics.

    make bench NAME=metrics
    NODES=10 SECONDS=20 make bench NAME=metrics
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import Row, keep

from cantor.identity.store import IdentityFolder
from cantor.metering.process import VARIABLE, Counter, Gauge, Histogram, Process
from cantor.native import folder as native_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.loopback import Box

ROOT = Path(__file__).resolve().parents[3]
RESULT = ROOT / "build" / "bench" / "metrics.json"
CROWD = Path(__file__).with_name("crowd.py")
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
    subprocess.run(
        ["gcc", "-O2", "-std=c11", "-I", native_folder(), *sources, "-o", program], check=True
    )
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
    calls: list[Callable[[], None]] = [add, lambda: put(1.5), lambda: observe(0.07)]
    for call in calls:
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


class Crowd:
    """All nodes but the reader, in one process."""

    def __init__(self, boxes: Boxes, folder: Path, seed: str, count: int) -> None:
        folders = [folder / f"crowd-{number}" for number in range(count)]
        for one in folders:
            home = IdentityFolder(one)
            home.install(boxes.authority.issue(home.csr_pem(), now=datetime.now(UTC)))
        words = [seed, SERIES, CHANGING, *folders]
        self._sent = folders[0] / "sent"
        self.process = subprocess.Popen(
            [sys.executable, str(CROWD), *map(str, words)], stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def sent(self) -> int:
        """Bytes of the frames in which its nodes tell of their metrics."""
        return int(self._sent.read_text()) if self._sent.exists() else 0

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


def cpu_s(pid: int) -> float:
    """Processor seconds of a process."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / TICK


def paid(reader: Box, crowd: Crowd, *, is_read: bool) -> tuple[float, float, float]:
    """Shares of a core of the reader and of a node that is read, and bytes a second of a node."""
    pids = reader.process.pid, crowd.process.pid
    size, before = crowd.sent(), [cpu_s(pid) for pid in pids]
    began = time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS:
        if is_read:
            rows = reader.ask("metrics.read", glob="cantor_load1")["nodes"]
            assert len(rows) == NODES
        time.sleep(1.0)
    of_reader, of_crowd = (
        (cpu_s(pid) - begin) / passed for pid, begin in zip(pids, before, strict=True)
    )
    return of_reader, of_crowd / (NODES - 1), (crowd.sent() - size) / passed / (NODES - 1)


def main() -> int:
    """Measure, print the table, write the result."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        counter, amount, gauge, spread = native_ns(folder)
        in_python = python_ns()
        boxes, crowd = Boxes(folder), None
        try:
            reader = boxes.start("reader", "--workers", "0")
            crowd = Crowd(boxes, folder, reader.address, NODES - 1)
            while reader.ask("status")["nodes_online"] < NODES:
                time.sleep(0.1)
            time.sleep(20.0)  # what a mesh says when it forms is said
            idle = paid(reader, crowd, is_read=False)
            (row, *_) = reader.ask("metrics.read", nodes=["crowd-1"])["nodes"]
            for _ in range(5):
                reader.ask("metrics.read", glob="cantor_load1")
                time.sleep(1.0)
            read = paid(reader, crowd, is_read=True)
        finally:
            if crowd is not None:
                crowd.close()
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
            Row(f"{about}: in frames, a node", "B/s", read[2], 2000.0),
        ],
        RESULT,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

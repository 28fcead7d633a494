"""How soon a search through the logs of many nodes prints its first line, and what agents pay.

Real agents on the loopback interface, each with as much of logs as ``MB`` says. One line in each
holds the text, after a tenth of it; a second search finds nothing and looks through all.

    make bench NAME=logs
    NODES=5 MB=200 make bench NAME=logs
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import Row, keep

from cantor.node.logs.journal import Journal
from cantor.node.logs.lines import Line

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "logs.json"
NODES = int(os.environ.get("NODES", "20"))
MB = int(os.environ.get("MB", "1000"))
NEEDLE = "spindle 7 overheated"
LINES_AT_ONCE = 10_000
FIRST_S_MAX, MEMORY_MB_MAX = 1.0, 30.0
WAIT_S = 600.0


def fill(folder: Path, mb: int, begins: float) -> None:
    """Logs of a size, one line in a millisecond, with the needle once after a tenth."""
    journal, written, number, has_needle = Journal(folder, 2 * mb * 10**6), 0, 0, False
    while written < mb * 10**6:
        lines = []
        for _ in range(LINES_AT_ONCE):
            number += 1
            text = f"cantor.node.driver: frames sent to the line peer=b19f001c count={number}"
            lines.append(Line(begins + number / 1000, "info", "agent", text).packed())
        if not has_needle and written >= mb * 10**5:
            lines[0] = Line(begins + number / 1000, "error", "agent", NEEDLE).packed()
            has_needle = True
        journal.write(lines)
        written += sum(map(len, lines)) + len(lines)
    journal.close()


def pss_mb(pid: int) -> float:
    """Proportional memory of a process (proc(5), smaps_rollup)."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) / 1024 for row in rows if row.startswith("Pss:"))


def search(folder: Path, text: str) -> tuple[float, float, int]:
    """Seconds until the first line and until the end, and how many lines there were."""
    command = [sys.executable, "-m", "cantor.cli.main", "logs", "--data", str(folder)]
    began_s = time.monotonic()
    process = subprocess.Popen(
        [*command, "--since", "30d", "--grep", text], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    first_s, count = 0.0, 0
    for _ in process.stdout:
        first_s = first_s or time.monotonic() - began_s
        count += 1
    process.wait(WAIT_S)
    return first_s, time.monotonic() - began_s, count


def main() -> int:
    """Measure, print the table, write the result."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        boxes = Boxes(folder)
        names = [f"box-{number}" for number in range(NODES)]
        begins = time.time() - 86400 * 20
        fill(folder / "filled", MB, begins)
        try:
            for name in names:
                (folder / name).mkdir()
                copied = ["cp", "-r", str(folder / "filled"), str(folder / name / "logs")]
                subprocess.run(copied, check=True)
                boxes.start(name, "--workers", "0", "--logs", f"{2 * MB}MB")
            desk = boxes[names[0]]
            while desk.ask("status")["nodes_online"] < NODES:
                time.sleep(0.1)
            before = [pss_mb(boxes[name].process.pid) for name in names]
            found = [search(desk.folder, NEEDLE) for _ in range(3)]
            whole_s, most = found[-1][1], before
            for _ in range(2):
                _, whole_s, _ = search(desk.folder, "no line holds this")
                after = [pss_mb(boxes[name].process.pid) for name in names]
                most = [max(pair) for pair in zip(most, after, strict=True)]
            more_mb = max(end - begin for begin, end in zip(before, most, strict=True))
        finally:
            boxes.close()
    assert {count for _, _, count in found} == {NODES}, "not every node found its line"
    about = f"grep over {NODES} nodes with {MB} MB each"
    first_s = statistics.median(first for first, _, _ in found)
    keep(
        [
            Row(f"{about}: first line, median of 3", "s", first_s, FIRST_S_MAX),
            Row(f"{about}: looked through all", "s", whole_s, None),
            Row("memory of an agent, most more than before", "MB", more_mb, MEMORY_MB_MAX),
        ],
        RESULT,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

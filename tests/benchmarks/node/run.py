"""What a node costs while it is idle, and how long it takes from its start until it has joined.

ROUNDS=3 python tests/benchmarks/node/run.py
AGENT=dist/cantor-agent-VERSION/cantor measures a binary in place of this Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError
from cantor.node.control import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.wire.frame import Value

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "node.json"
LOOPBACK = ("--listen", "127.0.0.1:0", "--interface", "127.0.0.1")
WAIT_S = 30.0
LOOK_S = 0.01
SETTLE_S = 10.0
IDLE_S = 30.0
REMEMBERED_S_MAX = 1.5
FOUND_S_MAX = 3.0
PSS_MB_MAX = 50.0
CPU_PERCENT_MAX = 1.0


def cantor(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cantor.cli.main", *arguments]


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A process that ends with the block."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=WAIT_S)


def online(box: Path) -> int:
    """How many nodes a box's agent sees online; 0 while it does not answer."""
    try:
        status = cast("dict[str, Value]", asyncio.run(ask(box, "status")))
    except (CantorError, OSError):
        return 0
    return cast("int", status["nodes_online"])


def agent(box: Path, *options: str) -> list[str]:
    program = os.environ.get("AGENT", "")
    start = [program] if program else cantor()
    return [*start, "agent", "--data", str(box), *LOOPBACK, *options]


def joined_s(box: Path, *options: str) -> float:
    """Seconds from the start of an agent until it sees the hub, and then its end."""
    started_s = time.monotonic()
    with running(agent(box, *options)):
        while online(box) < 2:
            if time.monotonic() > started_s + WAIT_S:
                message = "the box did not join"
                raise TimeoutError(message)
            time.sleep(LOOK_S)
        return time.monotonic() - started_s


def forget(box: Path, *names: str) -> None:
    """Take from a box what it remembers of others."""
    for name in names:
        (box / name).unlink(missing_ok=True)


def idle(box: Path) -> tuple[float, float]:
    """Megabytes of proportional memory, and percent of one core, of an agent that has settled."""
    with running(agent(box)) as process:
        while online(box) < 2:
            time.sleep(LOOK_S)
        time.sleep(SETTLE_S)
        before, before_s = ticks(process.pid), time.monotonic()
        time.sleep(IDLE_S)
        used_s = (ticks(process.pid) - before) / os.sysconf("SC_CLK_TCK")
        percent = 100 * used_s / (time.monotonic() - before_s)
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
    return int(re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[0]) * 1024 / 1e6, percent


def ticks(pid: int) -> int:
    """Clock ticks of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def measure(folder: Path, rounds: int) -> list[tuple[str, str, float, float]]:
    """Every measure with its unit, value and target."""
    anywhere, box = "127.0.0.1:0", folder / "box"
    ports = ("--console", anywhere, "--enrol", anywhere, *LOOPBACK)
    with running(cantor("hub", "--json", "--data", str(folder / "hub"), *ports)) as hub:
        assert hub.stdout is not None
        json.loads(hub.stdout.readline())
        made = cantor("token", "create", "--data", str(folder / "hub"))
        token = subprocess.check_output(made, text=True).strip()
        subprocess.check_call(cantor("enroll", token, "--data", str(box)), stdout=sys.stderr)
        found, told, remembered = [], [], []
        for _ in range(rounds):
            forget(box, "peers.json")
            told.append(joined_s(box, "--no-mdns"))
            remembered.append(joined_s(box, "--no-mdns"))
        forget(box, "hub.json")
        for _ in range(rounds):
            forget(box, "peers.json")
            found.append(joined_s(box))
        pss_mb, percent = idle(box)
    return [
        ("joined by a remembered address", "s", statistics.median(remembered), REMEMBERED_S_MAX),
        ("joined where the hub said it is", "s", statistics.median(told), REMEMBERED_S_MAX),
        ("joined by multicast DNS", "s", statistics.median(found), FOUND_S_MAX),
        ("proportional memory, idle", "MB", pss_mb, PSS_MB_MAX),
        ("processor, idle", "% of a core", percent, CPU_PERCENT_MAX),
    ]


def main() -> int:
    """Measure, print and write the result."""
    with tempfile.TemporaryDirectory(prefix="cantor-bench-") as folder:
        measures = measure(Path(folder), int(os.environ.get("ROUNDS", "3")))
    entries = []
    for name, unit, value, target in measures:
        print(f"{name:<34} {value:6.2f} {unit} (target {target:g})")
        entry = {"measure": name, "unit": unit, "better": "lower", "ours": round(value, 2)}
        entries.append({**entry, "peers": {}, "target": target, "met": value <= target})
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What every contestant of the tasks benchmark does, and how long it took it: one line of JSON.

Two workers each. ``submit`` and ``wait`` are the contestant's own. Needs nothing but numpy, as the
peers run it in an environment of their own.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 2
CALLS, WARM_UP = 2000, 300
TASKS = int(os.environ.get("TASKS", "10000"))
ARRAYS = 200
ARRAY_BYTES = 1024 * 1024


def nothing(*_: object) -> None:
    """A task that does nothing."""


class Counter:
    """An actor."""

    def __init__(self) -> None:
        self.count = 0

    def add(self) -> int:
        """Count one more."""
        self.count += 1
        return self.count


def one_by_one(
    call: Callable[[], object], count: int = CALLS, warm_up: int = WARM_UP
) -> list[float]:
    """Microseconds from submit to result, one task after the other."""
    found = []
    for number in range(warm_up + count):
        began = time.perf_counter()
        call()
        if number >= warm_up:
            found.append((time.perf_counter() - began) * 1e6)
    return found


def per_second(everything: Callable[[], object], count: int = TASKS) -> float:
    """Tasks per second when many are submitted at once, the best of three times."""
    rates = []
    for _ in range(3):
        began = time.perf_counter()
        everything()
        rates.append(count / (time.perf_counter() - began))
    return max(rates)


def calls(submit: Callable[..., Any], wait: Callable[[Any], Any]) -> dict[str, float]:
    """The figures that all have: latency, throughput, and what an array costs."""

    def many() -> None:
        for future in [submit(nothing) for _ in range(TASKS)]:
            wait(future)

    found = one_by_one(lambda: wait(submit(nothing)))
    array = np.zeros(ARRAY_BYTES, dtype=np.uint8)
    with_array = one_by_one(lambda: wait(submit(nothing, array)), ARRAYS, 20)
    return {
        "noop_p50_us": statistics.median(found),
        "noop_p99_us": statistics.quantiles(found, n=100)[-1],
        "tasks_per_s": per_second(many),
        "array_us": statistics.median(with_array) - statistics.median(found),
    }


def resident_mb() -> float:
    """Proportional memory of this process and all below it, in MB. Source: proc(5) smaps_rollup."""
    return sum(proportional_kb(pid) for pid in family(os.getpid())) / 1024


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = [
        int(child)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for child in path.read_text(encoding="ascii").split()
    ]
    return [pid, *(one for child in below for one in family(child))]


def proportional_kb(pid: int) -> int:
    """The share of memory of a process, in kB."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0


def tell(figures: dict[str, float]) -> None:
    """The result of a contestant."""
    print(json.dumps(figures), flush=True)

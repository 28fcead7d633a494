"""Watches variables on one agent, and tells how late each change came. Prints one line of JSON.

variables_watcher.py FOLDER COUNT
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from tests.benchmarks.mesh.table import percentile

import cantor


def main(folder: str, count: str) -> None:
    """Each value is the time at which it was set, on the clock that all processes share."""
    late: list[float] = []
    with cantor.connect(Path(folder)):
        changes = cantor.variables.watch("bench/")
        print("watching", flush=True)
        while len(late) < int(count):
            change = next(changes)
            late.append((time.monotonic() - change.value) * 1e6)
    late = late[len(late) // 10 :]
    print(json.dumps({"event_p50": percentile(late, 50), "event_p99": percentile(late, 99)}))


if __name__ == "__main__":
    main(*sys.argv[1:])

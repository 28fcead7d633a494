"""Variables: how late a change that is set on one agent is seen at another, and what a set takes.

A set returns when it is on the disk; the change is under way before that.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.mesh.table import ROOT, Row

if TYPE_CHECKING:
    from collections.abc import Sequence

ROUNDS, COUNT = int(os.environ.get("ROUNDS", "3")), os.environ.get("COUNT", "2000")
EVENT_P50_US_MAX, EVENT_P99_US_MAX = 500.0, 2000.0
WAIT_S = 300.0


def measure() -> Sequence[Row]:
    """Medians of several rounds."""
    rounds = [_round() for _ in range(ROUNDS)]
    found = {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
    return [
        Row("variable, set until seen on another node, p50", "us", found["event_p50"],
            EVENT_P50_US_MAX),
        Row("variable, set until seen on another node, p99", "us", found["event_p99"],
            EVENT_P99_US_MAX),
        Row("variable, set until it is on the disk, p50", "us", found["set_p50"], None),
        Row("variable, set until it is on the disk, p99", "us", found["set_p99"], None),
    ]  # fmt: skip


def _round() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("variables_ours.py")), folder, COUNT],
            check=True, capture_output=True, text=True, timeout=WAIT_S,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures

"""Variables of Cantor: set at one agent, watched at another. Prints one line of JSON.

variables_ours.py FOLDER COUNT
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import ROOT, percentile

import cantor


def main(folder: str, count: str) -> None:
    """Set the time so often, one after the other, and wait for the watcher."""
    boxes = Boxes(Path(folder))
    took: list[float] = []
    try:
        for name in ("here", "there"):
            boxes.start(name, "--workers", "1", "--code-run", "tenant")
        boxes.until_known("here", "here", "there")
        watcher = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("variables_watcher.py")),
             str(boxes["there"].folder), count],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert watcher.stdout is not None
        assert watcher.stdout.readline() == "watching\n"
        with cantor.connect(boxes["here"].folder):
            for number in range(int(count)):
                begun = time.monotonic()
                cantor.variables.set(f"bench/{number % 100}", begun)
                took.append((time.monotonic() - begun) * 1e6)
        figures = json.loads(watcher.communicate(timeout=60)[0])
    finally:
        boxes.close()
    figures |= {"set_p50": percentile(took, 50), "set_p99": percentile(took, 99)}
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])

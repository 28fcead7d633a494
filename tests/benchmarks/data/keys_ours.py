"""Keys of Cantor: one program, its agent, and another agent. Prints one line of JSON.

keys_ours.py FOLDER COUNT
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bed.loopback import Boxes
from tests.benchmarks.mesh.table import percentile

import cantor

if TYPE_CHECKING:
    from collections.abc import Callable

WARM_UP = 200


def timed(count: int, do: Callable[[int], object]) -> list[float]:
    """Microseconds of each."""
    took = []
    for number in range(-WARM_UP, count):
        begun = time.perf_counter()
        do(number % 100)
        if number >= 0:
            took.append((time.perf_counter() - begun) * 1e6)
    return took


def main(folder: str, count: str) -> None:
    """Set and get 64 bytes, on the own node and on another."""
    boxes, figures = Boxes(Path(folder)), {}
    try:
        for name in ("here", "there"):
            boxes.start(name, "--workers", "1", "--code-run", "tenant")
        boxes.until_known("here", "here", "there")
        with cantor.connect(boxes["here"].folder):
            for name in ("here", "there"):
                store = cantor.kv(name)
                for verb, took in (
                    ("set", timed(int(count), lambda k, to=store: to.set(f"k{k}", b"x" * 64))),  # type: ignore[misc]
                    ("get", timed(int(count), lambda k, to=store: to.get(f"k{k}"))),  # type: ignore[misc]
                ):
                    figures[f"{name}_{verb}_p50"] = percentile(took, 50)
                    figures[f"{name}_{verb}_p99"] = percentile(took, 99)
    finally:
        boxes.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main(*sys.argv[1:])

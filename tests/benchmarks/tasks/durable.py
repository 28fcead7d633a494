"""Cantor's contestant with durable tasks: an agent with two workers, its folder on this disk."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import calls  # type: ignore[import-not-found] # beside this file
from tests.bed.loopback import Boxes

import cantor

NOTHING = cantor.task(durable=True)(calls.nothing)
CALLS = 500


def main() -> None:
    """Measure and tell."""
    many = [None] * calls.TASKS
    place = Path("build")
    place.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=place) as folder:
        boxes = Boxes(Path(folder).resolve())
        try:
            box = boxes.start("desk", "--workers", str(calls.WORKERS), "--warm-workers", "2")
            with cantor.connect(box.folder):
                found = calls.one_by_one(lambda: NOTHING.submit().result(), CALLS, 50)
                rate = calls.per_second(lambda: list(NOTHING.map(many)))
        finally:
            boxes.close()
        with cantor.local(calls.WORKERS, store=Path(folder, "store")):
            alone = calls.per_second(lambda: list(NOTHING.map(many)))
    calls.tell(
        {
            "durable_p50_us": statistics.median(found),
            "durable_per_s": rate,
            "durable_local_per_s": alone,
        }
    )


if __name__ == "__main__":
    main()

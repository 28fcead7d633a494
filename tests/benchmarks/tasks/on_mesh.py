"""Cantor's contestant on a mesh: two agents on this machine, every task on the other one.

Both speak TLS over the loopback interface; script, agents and workers share its processors.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from pathlib import Path

import calls  # type: ignore[import-not-found] # beside this file
from tests.bed.loopback import Boxes

import cantor

SETTLE_S = 3.0
NOTHING = cantor.task(calls.nothing)


def started(boxes: Boxes) -> float:
    """Seconds from the start of an agent until the first task has run there."""
    began = time.perf_counter()
    box = boxes.start("alone", "--workers", "1", "--warm-workers", "1")
    with cantor.connect(box.folder):
        NOTHING.submit().result()
    return time.perf_counter() - began


def idle_mb(boxes: Boxes) -> float:
    """What an agent and its one warm worker hold together, idle."""
    box = boxes.start("idle", "--workers", "1", "--warm-workers", "1")
    with cantor.connect(box.folder):
        NOTHING.submit().result()
    time.sleep(SETTLE_S)
    kilobytes: list[int] = [calls.proportional_kb(pid) for pid in calls.family(box.process.pid)]
    return sum(kilobytes) / 1024


def main() -> None:
    """Measure and tell."""
    with tempfile.TemporaryDirectory() as folder:
        # As an installed program has it: compiled once, by the first agent that is not measured.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        boxes = Boxes(Path(folder))
        try:
            figures = {"idle_mb": idle_mb(boxes), "start_s": started(boxes)}
            for box in boxes.boxes.values():
                box.stop()
            boxes.boxes.clear()
            desk = boxes.start("desk", "--workers", "0")
            options = ("--code-run", "tenant", "--workers", str(calls.WORKERS))
            boxes.start("wall", *options, "--warm-workers", str(calls.WORKERS))
            boxes.until_known("desk", "wall")
            with cantor.connect(desk.folder):
                figures |= calls.calls(
                    lambda _, *args: NOTHING.submit(*args), lambda future: future.result()
                )
                with cantor.actor(calls.Counter).start() as counter:
                    figures["actor_p50_us"] = statistics.median(calls.one_by_one(counter.add))
                many = [None] * calls.TASKS
                figures["map_per_s"] = calls.per_second(lambda: list(NOTHING.map(many)))
        finally:
            boxes.close()
    calls.tell(figures)


if __name__ == "__main__":
    main()

"""Cantor's contestant."""

from __future__ import annotations

import statistics
import time

import calls  # type: ignore[import-not-found] # beside this file

import cantor
from cantor.tasks.actor import actor

ACTOR = actor(calls.Counter)


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    executor = cantor.Executor(calls.WORKERS)
    executor.submit(calls.nothing).result()
    start_s = time.perf_counter() - began
    figures = calls.calls(executor.submit, lambda future: future.result())
    many = [None] * calls.TASKS
    figures["batch_per_s"] = calls.per_second(lambda: list(executor.map(calls.nothing, many)))
    executor.shutdown()
    with ACTOR.start() as counter:
        found = calls.one_by_one(counter.add)
    calls.tell(figures | {"start_s": start_s, "actor_p50_us": statistics.median(found)})


if __name__ == "__main__":
    main()

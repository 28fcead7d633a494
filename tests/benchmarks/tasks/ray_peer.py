"""Ray. Runs in an environment of its own (``python3 .ci/bootstrap.py peers``), without Cantor."""

from __future__ import annotations

import logging
import statistics
import time

import calls  # type: ignore[import-not-found] # beside this file
import ray  # type: ignore[import-not-found]


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    ray.init(
        num_cpus=calls.WORKERS,
        include_dashboard=False,
        log_to_driver=False,
        logging_level=logging.ERROR,
        object_store_memory=200 * 1024 * 1024,
    )
    nothing = ray.remote(calls.nothing)
    ray.get(nothing.remote())
    start_s = time.perf_counter() - began
    idle_mb = calls.resident_mb()
    figures = calls.calls(lambda _, *args: nothing.remote(*args), ray.get)
    counter = ray.remote(num_cpus=0)(calls.Counter).remote()
    found = calls.one_by_one(lambda: ray.get(counter.add.remote()))
    calls.tell(
        figures | {"start_s": start_s, "idle_mb": idle_mb, "actor_p50_us": statistics.median(found)}
    )
    ray.shutdown()


if __name__ == "__main__":
    main()

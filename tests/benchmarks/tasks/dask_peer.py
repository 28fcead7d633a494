"""Dask distributed. Runs in an environment of its own (``python3 .ci/bootstrap.py peers``)."""

from __future__ import annotations

import statistics
import time

import calls  # type: ignore[import-not-found] # beside this file
from distributed import Client, LocalCluster  # type: ignore[import-not-found]


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    with (
        LocalCluster(
            n_workers=calls.WORKERS, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        client.submit(calls.nothing, pure=False).result()
        start_s = time.perf_counter() - began
        idle_mb = calls.resident_mb()
        figures = calls.calls(
            lambda function, *args: client.submit(function, *args, pure=False),
            lambda future: future.result(),
        )
        counter = client.submit(calls.Counter, actor=True, pure=False).result()
        found = calls.one_by_one(lambda: counter.add().result())
        calls.tell(
            figures
            | {"start_s": start_s, "idle_mb": idle_mb, "actor_p50_us": statistics.median(found)}
        )


if __name__ == "__main__":
    main()

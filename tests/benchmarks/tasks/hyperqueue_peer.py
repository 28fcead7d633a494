"""HyperQueue, in an environment of its own (``python3 .ci/bootstrap.py peers``).

Its tasks are programs: each starts ``true``. Its client looks once a second whether they are done,
so there is a rate only, of as many as take several seconds.
"""

from __future__ import annotations

import tempfile
import time

import calls  # type: ignore[import-not-found] # beside this file
from hyperqueue import Job, LocalCluster  # type: ignore[import-not-found]
from hyperqueue.cluster import WorkerConfig  # type: ignore[import-not-found]

TASKS = min(calls.TASKS, 5000)


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, LocalCluster(folder) as cluster:
        cluster.start_worker(WorkerConfig(cores=calls.WORKERS))
        client = cluster.client()

        def run(count: int) -> None:
            job = Job()
            for _ in range(count):
                job.program(["true"], stdout=None, stderr=None)
            client.wait_for_jobs([client.submit(job)])

        run(1)
        start_s = time.perf_counter() - began
        idle_mb = calls.resident_mb()
        began = time.perf_counter()
        run(TASKS)
        rate = TASKS / (time.perf_counter() - began)
        calls.tell({"start_s": start_s, "idle_mb": idle_mb, "tasks_per_s": rate})


if __name__ == "__main__":
    main()

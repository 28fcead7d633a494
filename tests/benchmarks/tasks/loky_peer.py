"""Joblib's executor, loky, in an environment of its own (``python3 .ci/bootstrap.py peers``)."""

from __future__ import annotations

import time

import calls  # type: ignore[import-not-found] # beside this file
from joblib.externals.loky import (  # type: ignore[import-not-found,import-untyped,unused-ignore]
    get_reusable_executor,
)


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    executor = get_reusable_executor(max_workers=calls.WORKERS)
    executor.submit(calls.nothing).result()
    start_s = time.perf_counter() - began
    idle_mb = calls.resident_mb()
    figures = calls.calls(executor.submit, lambda future: future.result())
    calls.tell(figures | {"start_s": start_s, "idle_mb": idle_mb})
    executor.shutdown(kill_workers=True)


if __name__ == "__main__":
    main()

"""``concurrent.futures.ProcessPoolExecutor``."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor

import calls  # type: ignore[import-not-found] # beside this file


def main() -> None:
    """Measure and tell."""
    began = time.perf_counter()
    with ProcessPoolExecutor(calls.WORKERS) as executor:
        executor.submit(calls.nothing).result()
        start_s = time.perf_counter() - began
        figures = calls.calls(executor.submit, lambda future: future.result())
    calls.tell(figures | {"start_s": start_s})


if __name__ == "__main__":
    main()

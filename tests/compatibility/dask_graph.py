"""A graph of Dask with ``cantor.Executor`` as its scheduler: arrays, delayed calls, classes."""

from __future__ import annotations

import os
import sys
from typing import Any

import cantor


class Reading:
    """Of a class that only pickle takes along."""

    def __init__(self, value: int) -> None:
        self.value = value


def read(value: int) -> Reading:
    """A reading."""
    return Reading(value)


def total(readings: list[Reading]) -> tuple[int, int]:
    """Their sum, and the process that added them up."""
    return sum(one.value for one in readings), os.getpid()


def main() -> int:
    """Compute, and compare with what comes out without workers."""
    import dask  # type: ignore[import-not-found,import-untyped,unused-ignore]
    import dask.bag  # type: ignore[import-not-found,import-untyped,unused-ignore]

    delayed: Any = dask.delayed
    graph = delayed(total)([delayed(read)(number) for number in range(20)])
    bag = dask.bag.from_sequence(range(100), npartitions=4).map(lambda one: one * one).sum()
    with cantor.Executor(2, pickle=True) as executor, dask.config.set(scheduler=executor):
        found, process = graph.compute()
        squares = bag.compute()
    expected = sum(range(20)), sum(number * number for number in range(100))
    print(f"delayed: {found}, bag: {squares}")
    return int((found, squares) != expected or process == os.getpid())


if __name__ == "__main__":
    sys.exit(main())

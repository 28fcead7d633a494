"""Executors whose calls go by pickle, as other libraries expect of them; and pools after a fork."""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import NotSerialisable
from cantor.tasks.pickled import ASIDE_BYTES_MIN, dump, load

pytestmark = pytest.mark.integration


class Plain:
    """Of no kind that travels by value."""

    def __init__(self, number: int) -> None:
        self.number = number

    def doubled(self) -> Plain:
        return Plain(2 * self.number)


def spoil(array: np.ndarray) -> int:
    array[0] = 7
    return int(array[0])


def add_in_a_worker() -> tuple[int, int]:
    return os.getpid(), cantor.task(jobs.add).submit(1, 2).result(30.0)


def test_objects_of_any_class_travel_both_ways() -> None:
    with cantor.Executor(1, pickle=True) as executor:
        assert executor.submit(Plain(4).doubled).result(30.0).number == 8
        assert [one.number for one in executor.map(Plain, [1, 2])] == [1, 2]
        with pytest.raises(ValueError, match="no"):
            executor.submit(jobs.fail, "no").result(30.0)
    with cantor.Executor(1) as executor, pytest.raises(NotSerialisable):
        executor.submit(print, Plain(1))


def test_large_arrays_go_beside_the_pickle_and_small_ones_can_be_written() -> None:
    small, large = np.zeros(10), np.zeros(ASIDE_BYTES_MIN)
    body, aside = dump([small, large])
    assert len(body) < ASIDE_BYTES_MIN
    assert [memoryview(one).nbytes for one in aside] == [large.nbytes]
    assert np.array_equal(load(body, aside)[1], large)
    with cantor.Executor(1, pickle=True) as executor:
        assert executor.submit(spoil, small).result(30.0) == 7
        with pytest.raises(ValueError, match="read-only"):
            executor.submit(spoil, large).result(30.0)


def test_a_forked_process_has_workers_of_its_own() -> None:
    mine = add_in_a_worker()
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as forked:
        theirs = forked.submit(add_in_a_worker).result(30.0)
    assert (mine[1], theirs[1]) == (3, 3)
    assert mine[0] != theirs[0]

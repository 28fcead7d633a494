from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from cantor.workers.crew import resident_bytes
from cantor.workers.seat import Seat
from cantor.workers.wear import KEPT_MAX, Replaced, Wear, Worn

if TYPE_CHECKING:
    from cantor.workers.processes import WorkerProcess


def worker(units_run: int = 1, ready_bytes: int = 0) -> WorkerProcess:
    """This process, as if it were a worker that has run so much."""
    seat = Seat(1, units_run=units_run)
    return cast(
        "WorkerProcess",
        SimpleNamespace(
            seat=seat,
            pid=os.getpid(),
            ready_bytes=ready_bytes,
            latest_name="leak",
        ),
    )


@pytest.mark.parametrize(
    ("wear", "units_run", "why"),
    [
        (Wear(), 10**6, ""),
        (Wear(units_max=3), 2, ""),
        (Wear(units_max=3), 3, "it has run 3 tasks"),
        (Wear(memory_max_bytes=2**50), 1, ""),
        (Wear(memory_max_bytes=1), 1, "when it has nothing to do"),
        (Wear(memory_max_bytes=1), 0, ""),
        (Wear(growth_max_bytes=2**50), 1, ""),
        (Wear(growth_max_bytes=1), 1, "more than before its first task"),
        (Wear(growth_max_bytes=1), 0, ""),
    ],
)
def test_a_worker_is_worn_by_what_it_has_run_or_holds(wear: Wear, units_run: int, why: str) -> None:
    told = wear.why(worker(units_run))

    assert told.endswith(why)
    assert bool(told) == bool(why)


def test_growth_counts_from_when_it_was_ready() -> None:
    one = worker()
    Wear(growth_max_bytes=1).begin(one)

    assert 0 < one.ready_bytes <= 2 * resident_bytes(os.getpid())
    assert not Wear(growth_max_bytes=one.ready_bytes).why(one)


def test_who_is_replaced_is_told_with_the_task_that_ran_last(
    caplog: pytest.LogCaptureFixture,
) -> None:
    worn = Worn(Wear(memory_max_bytes=1))

    assert worn.is_worn(worker())

    (replaced,) = worn.replaced
    assert str(replaced).startswith(f"worker {os.getpid()} is replaced: it holds")
    assert str(replaced) in caplog.text
    assert "leak" in caplog.text


def test_a_worker_that_has_run_its_tasks_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    worn = Worn(Wear(units_max=1))

    assert worn.is_worn(worker())
    assert caplog.text == ""
    assert worn.replaced[0] == Replaced(os.getpid(), "it has run 1 tasks", "leak")


def test_only_the_last_are_kept() -> None:
    worn = Worn(Wear(units_max=1))
    for _ in range(KEPT_MAX + 1):
        worn.is_worn(worker())

    assert len(worn.replaced) == KEPT_MAX

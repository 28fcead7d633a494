"""The contract of ``concurrent.futures.Executor``, with real worker processes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import operator
import threading
import time
from typing import TYPE_CHECKING, cast

import pytest
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import NotSerialisable, NotShippable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0


@pytest.fixture
def executor() -> Iterator[cantor.Executor]:
    with cantor.Executor(2) as executor:
        yield executor


def test_a_call_has_its_result(executor: cantor.Executor) -> None:
    assert executor.submit(jobs.add, 2, other=3).result(SOON_S) == 5
    assert executor.submit(pow, 2, 5).result(SOON_S) == 32


def test_closures_and_lambdas_travel(executor: cantor.Executor) -> None:
    step = 3

    assert executor.submit(lambda: step + 1).result(SOON_S) == 4


def test_a_coroutine_function_is_run_to_its_end(executor: cantor.Executor) -> None:
    future = cast("cantor.Future[int]", executor.submit(jobs.sum_slowly, 1, 2))

    assert future.result(SOON_S) == 3


def test_map_keeps_the_order(executor: cantor.Executor) -> None:
    assert list(executor.map(jobs.add, range(500), range(500))) == list(range(0, 1000, 2))


def test_map_stops_waiting_after_its_time(executor: cantor.Executor, tmp_path: Path) -> None:
    results = executor.map(jobs.wait_for, [str(tmp_path / "never")], timeout=0.05)

    with pytest.raises(TimeoutError):
        next(results)


def test_results_are_the_same_type_of_future(executor: cantor.Executor) -> None:
    future = executor.submit(jobs.add, 1, 2)

    assert isinstance(future, concurrent.futures.Future)
    assert concurrent.futures.wait([future], SOON_S).done == {future}
    assert [one.result() for one in concurrent.futures.as_completed([future])] == [3]


def test_an_error_comes_back_with_the_lines_where_it_was_raised(executor: cantor.Executor) -> None:
    with pytest.raises(ValueError, match="too much") as caught:
        executor.submit(jobs.fail, "too much").result(SOON_S)

    assert "raise ValueError(text)" in str(caught.value.__cause__)
    assert "execution.py" not in str(caught.value.__cause__)


def test_an_error_of_ones_own_comes_back_whole(executor: cantor.Executor) -> None:
    with pytest.raises(jobs.OddError, match="3 is odd") as caught:
        executor.submit(jobs.fail_oddly).result(SOON_S)

    assert caught.value.where == "here"


def test_an_exit_is_the_error_of_its_task_and_ends_no_worker(executor: cantor.Executor) -> None:
    with pytest.raises(SystemExit):
        executor.submit(jobs.leave_politely).result(SOON_S)

    assert executor.submit(jobs.add, 1, 1).result(SOON_S) == 2


def test_after_the_shutdown_nothing_is_taken(executor: cantor.Executor) -> None:
    executor.shutdown()

    with pytest.raises(RuntimeError, match="closed"):
        executor.submit(jobs.add, 1, 2)


def test_a_shutdown_waits_for_what_was_submitted() -> None:
    executor = cantor.Executor(1)
    futures = [executor.submit(jobs.add, number, 0) for number in range(50)]

    executor.shutdown(wait=True)

    assert [future.result(0) for future in futures] == list(range(50))


def test_a_shutdown_can_cancel_what_waits_and_lets_run_what_runs(tmp_path: Path) -> None:
    executor = cantor.Executor(1)
    begun, go = tmp_path / "begun", tmp_path / "go"
    running = executor.submit(jobs.note_and_wait, str(begun), str(go))
    waiting = [executor.submit(jobs.add, 1, 1) for _ in range(5)]
    until = time.monotonic() + SOON_S
    while not begun.exists() and time.monotonic() < until:
        concurrent.futures.wait([running], 0.005)

    executor.shutdown(wait=False, cancel_futures=True)
    go.touch()

    assert running.result(SOON_S) is None
    assert concurrent.futures.wait(waiting, SOON_S).not_done == set()
    assert all(future.cancelled() for future in waiting)


def test_workers_are_replaced_after_as_many_calls_as_was_said() -> None:
    with cantor.Executor(1, max_tasks_per_child=2) as executor:
        pids = [executor.submit(jobs.pid).result(SOON_S) for _ in range(6)]

    assert len(set(pids)) == 3


def test_no_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="max_workers"):
        cantor.Executor(0)


async def test_an_event_loop_runs_functions_in_it(executor: cantor.Executor) -> None:
    loop = asyncio.get_running_loop()

    assert await loop.run_in_executor(executor, operator.add, 1, 2) == 3
    assert await executor.submit(jobs.add, 3, 4) == 7


def test_what_cannot_travel_is_said_at_once(executor: cantor.Executor) -> None:
    lock = threading.Lock()

    with pytest.raises(NotSerialisable, match="args"):
        executor.submit(jobs.add, object(), 1)  # type: ignore[arg-type]
    with pytest.raises(NotShippable, match="lock"):
        executor.submit(lambda: lock.locked())  # noqa: PLW0108 (a closure is what is meant)


def test_a_result_that_cannot_travel_is_the_error_of_its_task(executor: cantor.Executor) -> None:
    with pytest.raises(NotSerialisable, match="a object"):
        executor.submit(object).result(SOON_S)


def test_each_worker_is_set_up_before_all_else() -> None:
    with cantor.Executor(2, initializer=jobs.set_up, initargs=(7,)) as executor:
        found = list(executor.map(jobs.what_was_set_up, range(20)))

    assert found == [7] * 20


def test_if_the_setup_fails_so_does_what_waits() -> None:
    with (
        cantor.Executor(1, initializer=jobs.fail, initargs=("no way",)) as executor,
        pytest.raises(ValueError, match="no way"),
    ):
        executor.submit(jobs.add, 1, 2).result(SOON_S)

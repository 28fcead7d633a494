"""Tasks of mode "thread": many in one worker, apart in all that their callers see."""

from __future__ import annotations

import os
import signal
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs
from tests.integration.cantor.tasks.test_quantities import EVERY_CPU

import cantor
from cantor.base.errors import ConfigError
from cantor.workers.errors import PoolClosedError, TaskTimeoutError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0
threaded = partial(cantor.task, mode="thread")


@pytest.fixture(autouse=True)
def here() -> Iterator[cantor.local]:
    with cantor.local(workers=1, threads=8) as here:
        yield here


def test_many_run_at_once_in_one_worker(tmp_path: Path) -> None:
    meet = threaded(jobs.meet)

    met = [future.result(SOON_S) for future in
           [meet.submit(str(tmp_path), str(number), 8) for number in range(8)]]  # fmt: skip

    assert len(set(met)) == 8
    (pid,) = {pid for pid, _ in met}
    assert pid != os.getpid()


def test_what_each_prints_is_its_own(tmp_path: Path) -> None:
    talk = threaded(jobs.talk_in_turns)
    futures = {name: talk.submit(str(tmp_path), name, 4) for name in "abcd"}

    for name, future in futures.items():
        future.result(SOON_S)
        lines = sorted(future.output.splitlines())
        assert lines == [f"{name} begins and {name} ends", f"{name} warns"]


def test_a_cancelled_task_is_asked_to_end_and_others_go_on(tmp_path: Path) -> None:
    go = tmp_path / "go"
    other = threaded(jobs.wait_for).submit(str(go))
    for number, job in enumerate((jobs.run_until_cancelled, jobs.tell_progress_for_ever)):
        begun, ended = tmp_path / f"begun{number}", tmp_path / f"ended{number}"
        future = threaded(job).submit(str(begun), str(ended))
        until(begun.exists)
        assert future.running()

        assert future.cancel()
        assert future.cancelled()
        until(ended.exists)

    go.touch()
    assert other.result(SOON_S) == threaded(jobs.pid).submit().result(SOON_S)


def test_a_deadline_ends_one_task_for_its_caller(tmp_path: Path) -> None:
    go, begun, ended = tmp_path / "go", tmp_path / "begun", tmp_path / "ended"
    other = threaded(jobs.wait_for).submit(str(go))

    with pytest.raises(TaskTimeoutError, match="not done within"):
        threaded(jobs.run_until_cancelled, deadline_s=0.2).submit(str(begun), str(ended)).result(
            SOON_S
        )

    go.touch()
    assert other.result(SOON_S)


def test_a_worker_with_a_task_that_does_not_end_is_replaced(
    tmp_path: Path, here: cantor.local
) -> None:
    begun, go = tmp_path / "begun", tmp_path / "go"
    other = threaded(jobs.wait_for).submit(str(go))
    stuck = threaded(jobs.note_and_wait).submit(str(begun), jobs.NEVER)
    until(begun.exists)
    assert stuck.cancel()

    until(lambda: threaded(jobs.pid).submit().result(SOON_S) not in here.pool.processes()[:1])
    go.touch()
    first = other.result(SOON_S)
    until(lambda: first not in here.pool.processes())


def test_a_crash_ends_all_that_had_begun(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    once = threaded(jobs.note_and_wait, retries=0).submit(str(begun), jobs.NEVER)
    until(begun.exists)
    again = threaded(jobs.die_once, retries=1).submit(str(tmp_path / "died"))

    with pytest.raises(WorkerDiedError, match="killed by signal 9") as caught:
        once.result(SOON_S)

    assert caught.value.signal == signal.SIGKILL
    assert again.result(SOON_S) == "second attempt"


def test_threads_and_processes_wait_for_each_other() -> None:
    for mode in ("thread", "process"):
        assert threaded(jobs.add_below).submit(1, 2, mode).result(SOON_S) == 3
        assert cantor.task(jobs.add_below).submit(1, 2, mode).result(SOON_S) == 3


def test_one_thread_is_enough_for_tasks_that_wait_for_tasks() -> None:
    with cantor.local(workers=1, threads=1):
        assert threaded(jobs.both_below).submit(4, "thread", "process").result(SOON_S) == 4
        assert threaded(jobs.both_below).submit(4, "thread", "thread").result(SOON_S) == 4


def test_what_was_submitted_is_done_before_the_end_though_both_kinds_submit() -> None:
    with cantor.local(workers=1, threads=1):
        future = threaded(jobs.both_below).submit(3, "thread", "process")

    assert future.result(SOON_S) == 3
    assert future.done()


def test_a_closed_pool_takes_no_threads(here: cantor.local) -> None:
    here.close()

    with pytest.raises(PoolClosedError):
        threaded(jobs.pid).submit()


def test_errors_results_coroutines_and_streams_come_back() -> None:
    with pytest.raises(ValueError, match="odd"):
        threaded(jobs.fail).submit("odd").result(SOON_S)
    assert threaded(jobs.sum_slowly).submit(1, 2).result(SOON_S) == 3
    streams = [threaded(jobs.count_to).stream(50) for _ in range(4)]
    assert [list(stream) for stream in streams] == [list(range(50))] * 4


def test_a_stream_of_a_thread_that_nobody_reads_is_closed(tmp_path: Path) -> None:
    closed = [tmp_path / "left", tmp_path / "cancelled"]
    with threaded(jobs.count_for_ever).stream(str(closed[0])) as left:
        assert next(left) == 0
    cancelled = threaded(jobs.count_for_ever).stream(str(closed[1]))
    assert next(cancelled) == 0
    assert cancelled.future.cancel()

    until(lambda: all(path.exists() for path in closed))


def test_quantities_are_counted_for_threads_too(tmp_path: Path) -> None:
    span = threaded(jobs.span, needs=EVERY_CPU)

    spans = sorted(span.map([str(tmp_path / str(number)) for number in range(4)]))

    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(spans))


def test_a_mode_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match="mode"):
        cantor.task(mode="fibre")(jobs.add)

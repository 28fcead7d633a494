"""Tasks on this machine: what becomes of them when all goes well, and when nothing does."""

from __future__ import annotations

import os
import signal
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import ConfigError, NeedsError
from cantor.workers.errors import OutOfMemoryError, TaskTimeoutError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0


@pytest.fixture
def here() -> Iterator[cantor.local]:
    with cantor.local(workers=2) as here:
        yield here


@pytest.mark.usefixtures("here")
def test_a_task_is_also_a_function() -> None:
    add = cantor.task(jobs.add)

    assert add(1, 2) == 3
    assert add.submit(1, 2).result(SOON_S) == 3
    assert list(add.map([1, 2], [3, 4])) == [4, 6]


def test_without_a_pool_of_ones_own_one_starts_by_itself() -> None:
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3


@pytest.mark.usefixtures("here")
async def test_a_future_can_be_awaited() -> None:
    assert await cantor.task(jobs.add).submit(1, 2) == 3


@pytest.mark.usefixtures("here")
def test_large_arrays_come_back_as_they_went() -> None:
    image = np.arange(3_000_000, dtype=np.uint8).reshape(1000, 1000, 3)

    back = cantor.task(np.flipud).submit(image).result(SOON_S)

    assert np.array_equal(back, image[::-1])


@pytest.mark.usefixtures("here")
def test_more_arrays_than_there_are_slots_arrive_too() -> None:
    arrays = [np.full(100_000, number) for number in range(30)]

    back = list(cantor.task(np.negative).map(arrays))

    assert all(np.array_equal(one, -other) for one, other in zip(back, arrays, strict=True))


@pytest.mark.usefixtures("here")
def test_a_killed_worker_is_the_error_of_its_task_with_what_it_wrote_last() -> None:
    kill = cantor.task(retries=0)(jobs.kill_myself)

    with pytest.raises(WorkerDiedError, match="killed by signal 9") as caught:
        kill.submit(signal.SIGKILL).result(SOON_S)

    assert caught.value.signal == signal.SIGKILL
    assert "last words" in caught.value.stderr
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3


@pytest.mark.usefixtures("here")
def test_an_exit_of_the_process_tells_its_code() -> None:
    with pytest.raises(WorkerDiedError, match="ended with code 7") as caught:
        cantor.task(retries=1)(jobs.leave).submit(7).result(SOON_S)

    assert caught.value.code == 7


@pytest.mark.usefixtures("here")
def test_a_task_is_tried_again_when_its_worker_died(tmp_path: Path) -> None:
    once = cantor.task(retries=1)(jobs.die_once)

    assert once.submit(str(tmp_path / "died")).result(SOON_S) == "second attempt"


@pytest.mark.usefixtures("here")
def test_at_most_once_is_not_tried_again(tmp_path: Path) -> None:
    once = cantor.task(retries=1, at_most_once=True)(jobs.die_once)

    with pytest.raises(WorkerDiedError):
        once.submit(str(tmp_path / "died")).result(SOON_S)


def test_workers_killed_from_outside_lose_no_task(here: cantor.local) -> None:
    add = cantor.task(retries=50)(jobs.add)
    futures = [add.submit(number, 1) for number in range(300)]
    until(lambda: len(here.pool.processes()) == 2)
    for pid in here.pool.processes():
        os.kill(pid, signal.SIGKILL)

    assert [future.result(SOON_S) for future in futures] == list(range(1, 301))


@pytest.mark.usefixtures("here")
def test_a_map_waits_as_long_as_was_said() -> None:
    assert list(cantor.task(jobs.add).map([1], [2], timeout=SOON_S)) == [3]
    with pytest.raises(TimeoutError):
        list(cantor.task(jobs.wait_for).map([jobs.NEVER], timeout=0.05))


@pytest.mark.usefixtures("here")
def test_a_deadline_ends_what_runs_and_its_worker() -> None:
    slow = cantor.task(deadline_s=0.5)(jobs.wait_for)

    with pytest.raises(TaskTimeoutError, match="not done within"):
        slow.submit(jobs.NEVER).result(SOON_S)


@pytest.mark.usefixtures("here")
def test_a_cancelled_task_that_runs_ends_with_its_finally_blocks(tmp_path: Path) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    future = cantor.task(jobs.clean_up).submit(str(begun), str(cleaned))
    until(begun.exists)
    assert future.running()

    assert future.cancel()

    assert future.cancelled()
    until(cleaned.exists)
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3


@pytest.mark.usefixtures("here")
def test_a_cancelled_task_that_waits_never_runs(tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    busy = [cantor.task(jobs.wait_for).submit(str(go)) for _ in range(2)]
    waiting = cantor.task(jobs.note_and_wait).submit(str(begun), str(go))

    assert waiting.cancel()
    go.touch()

    assert all(future.result(SOON_S) for future in busy)
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3
    assert not begun.exists()


@pytest.mark.usefixtures("here")
def test_memory_that_the_needs_take_is_the_limit() -> None:
    take = cantor.task(needs="Memory = 64MiB")(jobs.take_memory)

    assert take.submit(8).result(SOON_S) == 8 * 2**20
    with pytest.raises(OutOfMemoryError, match="64 MiB"):
        take.submit(256).result(SOON_S)
    assert take.submit(8).result(SOON_S) == 8 * 2**20


@pytest.mark.usefixtures("here")
def test_needs_that_this_machine_can_never_meet_are_said_at_once() -> None:
    with pytest.raises(NeedsError, match="Unobtainium"):
        cantor.task(needs="Unobtainium = 1")(jobs.add).submit(1, 2)


def test_an_expression_out_of_grammar_is_refused_where_it_is_written() -> None:
    with pytest.raises(ConfigError, match=r"\^"):
        cantor.task(needs="GPU = = 1")(jobs.add)


def test_a_leaking_worker_is_replaced_and_that_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with cantor.local(workers=1, memory_growth_max_bytes=32 * 2**20) as here:
        first = cantor.task(jobs.pid).submit().result(SOON_S)
        assert cantor.task(jobs.pid).submit().result(SOON_S) == first
        assert cantor.task(jobs.leak).submit(64).result(SOON_S) == first
        until(lambda: bool(here.pool.replaced))
        second = cantor.task(jobs.pid).submit().result(SOON_S)

    assert here.pool.processes() == []
    assert first != second
    assert f"worker {first} is replaced" in caplog.text
    assert "it ran leak last" in str(here.pool.replaced[0])


@pytest.mark.parametrize("mode", ["process", "thread"])
def test_a_worker_is_replaced_after_so_many_tasks(mode: str) -> None:
    pid = cantor.task(mode=mode)(jobs.pid)
    with cantor.local(workers=1, tasks_max=2):
        pids = [pid.submit().result(SOON_S) for _ in range(6)]

    assert len(set(pids)) == 3


def test_workers_are_as_a_file_says(tmp_path: Path) -> None:
    file = tmp_path / "workers.yaml"
    file.write_text("workers: 1\nwarm: 1\ntasks_max: 1\n", encoding="utf-8")

    with cantor.local(file=file, tasks_max=5) as here:
        until(lambda: len(here.pool.processes()) == 1)
        pids = {cantor.task(jobs.pid).submit().result(SOON_S) for _ in range(5)}

    assert len(pids) == 1
    with pytest.raises(ConfigError, match="no number from 1 on"):
        cantor.local(workers=0)


@pytest.mark.usefixtures("here")
def test_what_a_task_prints_comes_to_its_caller(capsys: pytest.CaptureFixture[str]) -> None:
    future = cantor.task(jobs.talk).submit()
    future.result(SOON_S)
    until(lambda: "from C" in future.output)

    assert {"to stdout", "to stderr", "from C"} <= set(future.output.splitlines())
    assert future.progress == (0.5, "half")
    printed = capsys.readouterr()
    assert "to stdout" in printed.out
    assert "to stderr" in printed.err


@pytest.mark.usefixtures("here")
def test_a_watcher_sees_the_progress() -> None:
    seen: list[tuple[float, str]] = []
    future = cantor.task(jobs.talk).submit()
    future.add_progress_callback(lambda fraction, text: seen.append((fraction, text)))
    future.result(SOON_S)

    assert seen == [(0.5, "half")]


@pytest.mark.usefixtures("here")
def test_a_stream_gives_its_items_in_order() -> None:
    assert list(cantor.task(jobs.count_to).stream(100)) == list(range(100))


@pytest.mark.usefixtures("here")
async def test_a_stream_can_be_read_in_an_event_loop() -> None:
    items = [item async for item in cantor.task(jobs.count_to).stream(40)]

    assert items == list(range(40))


@pytest.mark.usefixtures("here")
def test_a_stream_that_fails_gives_what_came_before() -> None:
    stream = cantor.task(jobs.fail_after).stream(3)

    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="no more"):
        next(stream)


@pytest.mark.usefixtures("here")
def test_a_stream_that_nobody_reads_any_more_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    with cantor.task(jobs.count_for_ever).stream(str(closed)) as stream:
        assert [next(stream) for _ in range(40)] == list(range(40))

    until(closed.exists)
    assert stream.future.result(SOON_S) is None


@pytest.mark.usefixtures("here")
def test_tasks_that_wait_for_tasks_do_not_block_each_other() -> None:
    assert jobs.fibonacci.submit(6).result(SOON_S) == 8
    assert jobs.which_end_first.submit([1, 2, 3]).result(SOON_S) == [1, 1, 2]


@pytest.mark.usefixtures("here")
def test_an_error_below_comes_up_with_both_tracebacks() -> None:
    with pytest.raises(ValueError, match="deep down") as caught:
        jobs.fail_below.submit("deep down").result(SOON_S)

    assert "raise ValueError(text)" in str(caught.value.__cause__)


def test_urgent_tasks_overtake_those_that_wait(tmp_path: Path) -> None:
    go = tmp_path / "go"
    order: list[str] = []

    def note(name: str, _: object) -> None:
        order.append(name)

    with cantor.local(workers=1):
        cantor.task(jobs.wait_for).submit(str(go))
        for name, priority in (("background", 2), ("normal", 1), ("urgent", 0)):
            future = cantor.task(priority=priority)(jobs.add).submit(1, 2)
            future.add_done_callback(partial(note, name))
        go.touch()

    assert order == ["urgent", "normal", "background"]


def test_a_pool_can_be_ended_with_what_runs(tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    here = cantor.local(workers=1)
    with here:
        future = cantor.task(jobs.note_and_wait).submit(str(begun), jobs.NEVER)
        until(begun.exists)
        here.close(kill=True)

    assert future.cancelled()


@pytest.mark.usefixtures("here")
def test_what_a_task_submitted_ends_with_its_worker(tmp_path: Path) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    above = cantor.task(jobs.clean_up_below).submit(str(begun), str(cleaned))
    until(begun.exists)
    assert not cleaned.exists()
    above.cancel()

    until(cleaned.exists)

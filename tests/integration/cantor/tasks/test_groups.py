"""Groups: their tasks begin together or not at all."""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs
from tests.integration.cantor.tasks.test_quantities import EVERY_CPU, all_of

import cantor
from cantor.base.errors import ConfigError, NeedsError
from cantor.workers.errors import WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0
meet = cantor.task(jobs.meet)
add = cantor.task(jobs.add)


@pytest.fixture(autouse=True)
def here() -> Iterator[cantor.local]:
    with cantor.local(workers=3) as here:
        yield here


def test_its_tasks_run_at_once_each_in_a_worker(tmp_path: Path) -> None:
    group = cantor.group([meet.call(str(tmp_path), str(number), 3) for number in range(3)])

    assert len({pid for pid, _ in group.results(SOON_S)}) == len(group) == 3


def test_nothing_of_it_begins_before_there_is_a_worker_for_each(tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    busy = cantor.task(jobs.wait_for).submit(str(go))
    note = cantor.task(jobs.note_and_wait)
    group = cantor.group([note.call(str(begun), str(go)) for _ in range(3)])
    until(busy.running)
    urgent = cantor.task(priority=0)(jobs.add).submit(1, 2)

    assert urgent.result(SOON_S) == 3  # who goes before it does not wait for it
    assert not begun.exists()

    go.touch()
    group.results(SOON_S)
    assert begun.exists()


def test_while_it_waits_for_quantities_it_holds_no_worker(tmp_path: Path) -> None:
    go = tmp_path / "go"
    holds = cantor.task(needs="CPU = 1")(jobs.wait_for).submit(str(go))
    until(holds.running)
    greedy = cantor.task(needs=EVERY_CPU)(jobs.add)
    group = cantor.group([greedy.call(1, 2), add.call(3, 4), add.call(5, 6)])

    assert list(add.map(range(20), range(20))) == [2 * number for number in range(20)]
    assert not any(future.done() for future in group)

    go.touch()
    assert group.results(SOON_S) == [3, 7, 11]


def test_several_groups_that_want_the_same_all_end() -> None:
    one = cantor.task(needs="CPU = 1")(jobs.add)
    size = min(2, all_of("CPU"))
    groups = [
        cantor.group([one.call(number, 0) for _ in range(size)] + [add.call(number, 0)])
        for number in range(10)
    ]

    for number, group in enumerate(groups):
        assert group.results(SOON_S)[0] == number


def test_if_one_fails_the_others_are_cancelled(tmp_path: Path) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    group = cantor.group([
        cantor.task(jobs.clean_up).call(str(begun), str(cleaned)),
        cantor.task(jobs.fail_when).call(str(begun), "no more"),
    ])  # fmt: skip

    with pytest.raises(ValueError, match="no more"):
        group.results(SOON_S)

    assert group.futures[0].cancelled()
    until(cleaned.exists)


def test_it_can_keep_going(tmp_path: Path) -> None:
    go = tmp_path / "go"
    kill = cantor.task(retries=0)(jobs.kill_myself)
    waits = cantor.task(jobs.wait_for).call(str(go))
    group = cantor.group([kill.call(9), waits], keep_going=True)
    assert isinstance(group.futures[0].exception(SOON_S), WorkerDiedError)

    go.touch()
    assert group.futures[1].result(SOON_S)
    with pytest.raises(WorkerDiedError):
        group.results(SOON_S)


def test_one_whose_worker_died_is_tried_again_by_itself(tmp_path: Path) -> None:
    once = cantor.task(retries=1)(jobs.die_once)
    group = cantor.group([once.call(str(tmp_path / "died")), add.call(1, 2)])

    assert group.results(SOON_S) == ["second attempt", 3]


def test_a_cancelled_group_never_begins(tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    busy = cantor.task(jobs.wait_for).submit(str(go))
    until(busy.running)
    note = cantor.task(jobs.note_and_wait)
    group = cantor.group([note.call(str(begun), str(go)) for _ in range(3)])

    group.cancel()
    go.touch()

    with pytest.raises(CancelledError):
        group.results(SOON_S)
    assert busy.result(SOON_S)
    assert add.submit(1, 2).result(SOON_S) == 3
    assert not begun.exists()


def test_the_memory_of_each_is_its_own_limit() -> None:
    small = cantor.task(needs="Memory = 64MiB")(jobs.take_memory)
    large = cantor.task(needs="Memory = 256MiB")(jobs.take_memory)
    group = cantor.group([small.call(128), large.call(128)], keep_going=True)

    assert "64 MiB" in str(group.futures[0].exception(SOON_S))
    assert group.futures[1].result(SOON_S) == 128 * 2**20


def test_threads_begin_together_too(tmp_path: Path) -> None:
    beside = cantor.task(mode="thread")(jobs.meet)
    group = cantor.group([beside.call(str(tmp_path), str(number), 8) for number in range(8)])

    assert len(set(group.results(SOON_S))) == 8


def test_what_can_never_begin_is_refused_at_once() -> None:
    with pytest.raises(ConfigError, match="no tasks"):
        cantor.group([])
    with pytest.raises(ConfigError, match="4 tasks cannot begin together: 3 run"):
        cantor.group([add.call(1, 2)] * 4)
    with pytest.raises(ConfigError, match="one mode"):
        cantor.group([add.call(1, 2), cantor.task(mode="thread")(jobs.add).call(1, 2)])
    greedy = cantor.task(needs=EVERY_CPU)(jobs.add)
    with pytest.raises(NeedsError, match="CPU"):
        cantor.group([greedy.call(1, 2), greedy.call(1, 2)])
    assert "not from within a task" in jobs.begin_a_group.submit().result(SOON_S)

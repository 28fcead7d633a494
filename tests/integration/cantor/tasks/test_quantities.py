"""What tasks take of the machine is counted: its processors stand for any quantity."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.tasks.needs_here import machine

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0


def all_of(name: str) -> int:
    return next(int(one.value) for one in machine().resources if one.name == name)


EVERY_CPU = f"CPU = {all_of('CPU')}"


def test_tasks_that_take_all_of_a_quantity_never_run_together(tmp_path: Path) -> None:
    span = cantor.task(needs=EVERY_CPU)(jobs.span)

    with cantor.local(workers=2, warm=2):
        spans = sorted(span.map([str(tmp_path / str(number)) for number in range(8)]))

    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(spans))


def test_two_pools_of_a_program_share_the_machine(tmp_path: Path) -> None:
    span = cantor.task(needs=EVERY_CPU)(jobs.span)

    with cantor.local(workers=1):
        here = [span.submit(str(tmp_path / f"a{number}")) for number in range(4)]
        with cantor.local(workers=1):
            there = [span.submit(str(tmp_path / f"b{number}")) for number in range(4)]
            spans = sorted(future.result(SOON_S) for future in (*here, *there))

    assert all(ended <= begun for (_, ended), (begun, _) in pairwise(spans))


def test_what_takes_nothing_does_not_wait_for_what_does(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with cantor.local(workers=2):
        holds = cantor.task(needs=EVERY_CPU)(jobs.wait_for).submit(str(go))
        waits = cantor.task(needs=EVERY_CPU)(jobs.add).submit(1, 2)

        assert cantor.task(jobs.add).submit(3, 4).result(SOON_S) == 7
        assert not waits.done()

        go.touch()
        assert holds.result(SOON_S)
        assert waits.result(SOON_S) == 3


def test_units_are_free_when_the_worker_of_a_cancelled_task_has_ended(tmp_path: Path) -> None:
    begun = tmp_path / "first"
    span = cantor.task(needs=EVERY_CPU)(jobs.span)
    with cantor.local(workers=2):
        first = span.submit(str(begun), True)
        until(begun.exists)
        second = span.submit(str(tmp_path / "second"))

        assert first.cancel()
        began, _ = second.result(SOON_S)

    assert began >= float((tmp_path / "first.ended").read_text(encoding="ascii"))


def test_units_of_a_worker_that_died_are_free_again(tmp_path: Path) -> None:
    once = cantor.task(needs=EVERY_CPU, retries=1)(jobs.die_once)

    with cantor.local(workers=2):
        assert once.submit(str(tmp_path / "died")).result(SOON_S) == "second attempt"


def test_memory_is_taken_from_that_of_the_machine(tmp_path: Path) -> None:
    go, begun = tmp_path / "go", tmp_path / "begun"
    more_than_half = f"Memory = {all_of('Memory') // 2 + 1}B"
    with cantor.local(workers=2, warm=2):
        first = cantor.task(needs=more_than_half)(jobs.wait_for).submit(str(go))
        second = cantor.task(needs=more_than_half)(jobs.note_and_wait).submit(str(begun), str(go))
        cantor.task(jobs.add).submit(1, 2).result(SOON_S)

        assert not begun.exists()
        go.touch()
        assert first.result(SOON_S)
        second.result(SOON_S)


def test_a_comparison_tests_what_is_free_when_the_task_begins(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with cantor.local(workers=2):
        cantor.task(needs="CPU = 1")(jobs.wait_for).submit(str(go))
        with pytest.warns(UserWarning, match="takes none"):
            all_free = cantor.task(needs=f"CPU >= {all_of('CPU')}")(jobs.add)
        waits = all_free.submit(1, 2)
        cantor.task(jobs.add).submit(3, 4).result(SOON_S)

        assert not waits.done()
        go.touch()
        assert waits.result(SOON_S) == 3


def test_a_cancelled_task_that_waits_for_units_leaves_them_to_others(tmp_path: Path) -> None:
    go = tmp_path / "go"
    with cantor.local(workers=2):
        cantor.task(needs=EVERY_CPU)(jobs.wait_for).submit(str(go))
        waits = cantor.task(needs=EVERY_CPU)(jobs.add).submit(1, 2)
        last = cantor.task(needs="CPU = 1")(jobs.add).submit(3, 4)

        assert waits.cancel()
        go.touch()
        assert last.result(SOON_S) == 7


def test_a_task_below_takes_of_the_same_machine(tmp_path: Path) -> None:
    with cantor.local(workers=1):
        assert jobs.submit_with_needs.submit(EVERY_CPU, str(tmp_path / "below")).result(SOON_S)

"""Items of tasks while they run: read here, and by other tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
SOON_S = 30.0


@pytest.fixture(autouse=True)
def here() -> Iterator[cantor.local]:
    with cantor.local(workers=2) as here:
        yield here


def test_a_task_reads_the_stream_of_another() -> None:
    assert jobs.sum_below.submit(500).result(SOON_S) == sum(range(500))


def test_more_arrays_than_there_are_slots_pass_between_tasks() -> None:
    assert jobs.arrays_below.submit(40).result(SOON_S) == 40_000 * sum(range(40))


def test_a_stream_below_that_fails_gives_what_came_before() -> None:
    assert jobs.fail_below_after.submit(3).result(SOON_S) == [0, 1, 2, len("no more")]


def test_a_stream_below_that_nobody_reads_any_more_is_closed(tmp_path: Path) -> None:
    closed = tmp_path / "closed"

    assert jobs.first_below.submit(str(closed), 40).result(SOON_S) == list(range(40))
    until(closed.exists)


def test_a_stream_that_is_forgotten_is_closed(tmp_path: Path) -> None:
    here, below = tmp_path / "here", tmp_path / "below"

    assert next(cantor.task(jobs.count_for_ever).stream(str(here))) == 0
    assert jobs.forget_below.submit(str(below)).result(SOON_S) == 0
    until(lambda: here.exists() and below.exists())


def test_a_stream_that_is_closed_before_it_begins_never_runs(tmp_path: Path) -> None:
    go, closed = tmp_path / "go", tmp_path / "closed"
    busy = [cantor.task(jobs.wait_for).submit(str(go)) for _ in range(2)]
    stream = cantor.task(jobs.count_for_ever).stream(str(closed))

    stream.close()
    go.touch()

    assert all(future.result(SOON_S) for future in busy)
    assert list(stream) == []
    assert cantor.task(jobs.add).submit(1, 2).result(SOON_S) == 3
    assert not closed.exists()

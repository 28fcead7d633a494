"""Durable tasks between those who wait, the disk, and where they run."""

from __future__ import annotations

import queue
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError
from cantor.node.tasks.keeping import Keeping, Kept
from cantor.node.tasks.wording import DONE, ENDED, FAILED, KEPT, WROTE
from cantor.stores.task_records import TASK_BYTES_MAX
from cantor.stores.task_store import TaskStore
from cantor.workers.failures import unpack_failure
from cantor.workers.units import Passed, Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WAIT_S = 30.0
ONE, TWO = "1" * 32, "2" * 32


class Caller:
    """Hears what becomes of units."""

    def __init__(self) -> None:
        self.heard: queue.Queue[tuple[int, list[Any], tuple[Any, ...]]] = queue.Queue()

    def told(self, unit: int, message: list[Any], parts: tuple[Any, ...]) -> None:
        self.heard.put((unit, message, parts))

    def next(self) -> tuple[int, list[Any], tuple[Any, ...]]:
        return self.heard.get(timeout=WAIT_S)

    def failure(self) -> BaseException:
        _, message, _ = self.next()
        assert message[0] == FAILED
        return unpack_failure(message[1])


@dataclass
class Somewhere:
    """What a task is where it runs."""

    attempt: int = 1


class Place:
    """Where tasks run: the test says when they end."""

    def __init__(self, folder: Path, refuse: Exception | None = None) -> None:
        self.began: queue.Queue[Kept] = queue.Queue()
        self.ended: list[str] = []
        self.refuse = refuse
        store = TaskStore(folder, lambda do: do())
        self.keeping = Keeping(store, self._run, self._end)

    def next(self) -> Kept:
        return self.began.get(timeout=WAIT_S)

    def _run(self, kept: Kept) -> object:
        if self.refuse is not None:
            raise self.refuse
        self.began.put(kept)
        return Somewhere()

    def _end(self, kept: Kept) -> None:
        self.ended.append(kept.id)
        self.keeping.told(kept, [ENDED, "cancelled", None], ())


@pytest.fixture
def caller() -> Caller:
    return Caller()


def job(caller: Caller, task: str = ONE, terms: Terms | None = None) -> Kept:
    return Kept(
        task, Passed("c0de", b"code"), terms or Terms(name="job"), "3.11", (b"arguments",),
        watchers=[(caller, 7)],
    )  # fmt: skip


def test_a_task_runs_when_it_is_kept_and_its_result_is_told_when_that_is(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    assert caller.next() == (7, [KEPT], ())
    kept = place.next()
    place.keeping.told(kept, [WROTE, 1, "hello"], ())
    assert caller.next() == (7, [WROTE, 1, "hello"], ())
    place.keeping.told(kept, [DONE], (b"result", b"buffer"))
    assert caller.next() == (7, [DONE], (b"result", b"buffer"))
    place.keeping.told(kept, [DONE], (b"another", b"result"))
    place.keeping.find(caller, 8, ONE)
    assert [caller.next() for _ in range(2)] == [
        (8, [KEPT], ()),
        (8, [DONE], (b"result", b"buffer")),
    ]
    place.keeping.close()


def test_what_had_no_result_runs_again_and_whoever_asks_hears_of_it(
    tmp_path: Path, caller: Caller
) -> None:
    first = Place(tmp_path)
    for task in (ONE, TWO):
        first.keeping.submit(job(caller, task))
        assert caller.next()[1] == [KEPT]
    first.keeping.told(first.next(), [DONE], (b"result",))
    assert caller.next()[1] == [DONE]
    first.keeping.close()
    assert "runs again" in str(caller.failure())

    second = Place(tmp_path)
    assert second.keeping.resume() == 1
    kept = second.next()
    assert (kept.id, kept.code.data, kept.terms.name) == (TWO, b"code", "job")
    assert (kept.parts, kept.python, kept.is_again) == ((b"arguments",), "3.11", True)
    second.keeping.find(caller, 9, TWO)
    assert caller.next() == (9, [KEPT], ())
    second.keeping.told(kept, [DONE], (b"late",))
    assert caller.next() == (9, [DONE], (b"late",))
    second.keeping.close()


def test_what_may_run_once_is_lost_with_what_ran_it(tmp_path: Path, caller: Caller) -> None:
    terms = Terms(name="job", at_most_once=True)
    first = Place(tmp_path)
    first.keeping.submit(job(caller, terms=terms))
    first.next()
    first.keeping.close()
    second = Place(tmp_path)
    second.keeping.resume()
    second.keeping.wait()
    assert second.began.empty()
    heard = Caller()
    second.keeping.find(heard, 1, ONE)
    assert heard.next()[1] == [KEPT]
    assert "may only once" in str(heard.failure())
    second.keeping.close()


def test_a_deadline_counts_over_a_restart(tmp_path: Path, caller: Caller) -> None:
    first = Place(tmp_path)
    first.keeping.submit(job(caller, terms=Terms(deadline_s=50.0)))
    first.next()
    first.keeping.close()
    second = Place(tmp_path)
    second.keeping.resume()
    left = second.next().terms.deadline_s
    assert left is not None
    assert 0 < left < 50.0
    second.keeping.close()


def test_a_cancelled_task_has_that_as_its_result(tmp_path: Path, caller: Caller) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    place.next()
    assert caller.next()[1] == [KEPT]
    place.keeping.cancel(ONE)
    assert caller.next()[1] == [ENDED, "cancelled", None]
    place.keeping.cancel(ONE)
    assert place.ended == [ONE]
    place.keeping.close()


def test_one_that_was_cancelled_before_it_was_kept_never_runs(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    kept = job(caller)
    kept.is_cancelled = True
    place.keeping.submit(kept)
    assert [caller.next()[1] for _ in range(2)] == [[KEPT], [ENDED, "cancelled", None]]
    assert place.began.empty()
    place.keeping.close()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda kept: setattr(kept, "id", "no id"), "no new id"),
        (lambda kept: setattr(kept, "parts", (bytes(TASK_BYTES_MAX + 1),)), "its arguments have"),
    ],
)
def test_what_cannot_be_kept_is_refused(
    tmp_path: Path, caller: Caller, spoil: Callable[[Kept], None], why: str
) -> None:
    place = Place(tmp_path)
    kept = job(caller)
    spoil(kept)
    place.keeping.submit(kept)
    assert why in str(caller.failure())
    place.keeping.wait()
    place.keeping.close()


def test_an_id_that_is_in_use_is_refused(tmp_path: Path, caller: Caller) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    place.next()
    other = Caller()
    place.keeping.submit(job(other))
    assert "no new id" in str(other.failure())
    place.keeping.close()


def test_a_result_that_is_too_large_is_an_error_that_is_kept(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    assert caller.next()[1] == [KEPT]
    place.keeping.told(place.next(), [DONE], (bytes(TASK_BYTES_MAX + 1),))
    assert "its result has" in str(caller.failure())
    place.keeping.find(caller, 1, ONE)
    assert caller.next()[1] == [KEPT]
    assert "its result has" in str(caller.failure())
    place.keeping.close()


def test_what_cannot_run_has_that_as_its_result(tmp_path: Path, caller: Caller) -> None:
    place = Place(tmp_path, ConfigError("odd needs"))
    place.keeping.submit(job(caller))
    assert caller.next()[1] == [KEPT]
    assert "odd needs" in str(caller.failure())
    place.keeping.close()


def test_an_unknown_id_is_an_error_and_who_left_hears_nothing(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    place.keeping.find(caller, 1, TWO)
    assert "no such task" in str(caller.failure())
    place.keeping.submit(job(caller))
    assert caller.next()[1] == [KEPT]
    place.keeping.left(caller)
    place.keeping.told(place.next(), [DONE], (b"result",))
    place.keeping.wait()
    assert caller.heard.empty()
    place.keeping.close()


def test_a_name_that_no_disk_takes_is_refused_and_others_are_kept(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    bad = job(caller, TWO, Terms(name="\ud800"))
    place.keeping.submit(bad)
    assert "surrogates" in str(caller.failure())

    place.keeping.submit(job(caller))
    assert caller.next()[1] == [KEPT]
    place.keeping.close()


@pytest.mark.parametrize("task", ["\ud800", "", "x" * 32, ONE[:-1]])
def test_what_is_no_id_is_an_unknown_one(tmp_path: Path, caller: Caller, task: str) -> None:
    place = Place(tmp_path)
    place.keeping.find(caller, 7, task)

    assert "no such task is kept here" in str(caller.failure())
    place.keeping.close()


def test_a_result_that_is_too_large_after_closing_is_no_fault(
    tmp_path: Path, caller: Caller
) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    kept = place.next()
    place.keeping.store.close()  # as its close begins while a result comes

    place.keeping.told(kept, [DONE], (b"x" * (TASK_BYTES_MAX + 1),))

    place.keeping.close()


@pytest.mark.parametrize(
    ("word", "state"), [("expired", "expired"), ("\ud800", "failed"), ("", "failed")]
)
def test_an_end_that_nobody_knows_is_kept_as_a_failure(
    tmp_path: Path, caller: Caller, word: str, state: str
) -> None:
    place = Place(tmp_path)
    place.keeping.submit(job(caller))
    place.keeping.told(place.next(), [ENDED, word, None], ())
    assert caller.next()[1] == [KEPT]
    assert caller.next()[1][:2] == [ENDED, word]

    rows: queue.Queue[Any] = queue.Queue()
    place.keeping.store.rows(1, rows.put)
    assert [row.state for row in rows.get(timeout=WAIT_S)] == [state]
    place.keeping.close()

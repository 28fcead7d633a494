"""Durable tasks on a disk: what was told to be written is there, also when the disk misbehaves."""

from __future__ import annotations

import queue
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.bed.bad_disk import BadDisk

from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.task_records import FILE_NAME, TASK_BYTES_MAX, Asked, Limits, Outcome
from cantor.stores.task_store import LOCK_PAUSE_S, TaskStore

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S = 30.0


class Clock:
    """Seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A store whose answers come one by one."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401 (the store's)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.store = TaskStore(folder, lambda do: do(), **options)

    def answer(self) -> Any:  # noqa: ANN401 (what was asked)
        return self.answers.get(timeout=WAIT_S)

    def ask(self, task: str, size: int = 3) -> Any:  # noqa: ANN401 (an error, or None)
        self.store.ask(asked(task, size), b"code", self.answers.put)
        return self.answer()

    def end(self, task: str, told: bytes = b"result", attempt: str = "1.1") -> Any:  # noqa: ANN401
        outcome = Outcome(task, "job", "done", attempt, told)
        self.store.end(outcome, self.answers.put)
        return self.answer()

    def read(self, task: str) -> Any:  # noqa: ANN401 (an outcome, or None)
        self.store.read(task, self.answers.put)
        return self.answer()


def asked(task: str, size: int = 3) -> Asked:
    return Asked(task, "job", "c0de", b"terms", "3.11", b"x" * size)


@pytest.fixture
def bad_disk() -> Iterator[type[BadDisk]]:
    BadDisk.reset()
    yield BadDisk
    BadDisk.reset()


def test_keeps_what_was_asked_until_it_has_a_result(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    assert [desk.ask(task) for task in ("one", "two")] == [None, None]
    assert desk.end("one") is None
    assert desk.store.used[0] == 2
    desk.store.close()

    again = Desk(tmp_path)
    assert [(one.id, code) for one, code in again.store.unfinished()] == [("two", b"code")]
    assert again.read("one").told == b"result"
    assert again.read("two") is None
    assert again.store.life == 2
    again.store.close()


def test_unfinished_tasks_of_one_function_share_its_code(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for task in ("one", "two"):
        desk.ask(task)
    (_, first), (_, second) = desk.store.unfinished()
    assert first is second
    desk.store.close()


def test_closing_it_twice_closes_no_other_file(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask("one")
    desk.store.close()
    with (tmp_path / "other").open("w") as other:  # has the number that was free first
        desk.store.close()
        other.write("all of it")

    assert (tmp_path / "other").read_text() == "all of it"


def test_the_first_result_of_a_task_is_its_only_one(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.ask("one")
    desk.end("one", b"first", "1.1")
    desk.end("one", b"second", "1.2")
    found = desk.read("one")
    assert (found.told, found.attempt) == (b"first", "1.1")
    desk.store.close()


def test_many_parts_are_one_commit(tmp_path: Path) -> None:
    commits: list[str] = []

    def connect(path: Path) -> sqlite3.Connection:
        database = groups.connect(path)
        database.set_trace_callback(lambda text: commits.append(text) if "COMMIT" in text else None)
        return database

    desk = Desk(tmp_path, connect=connect)
    desk.ask("first")
    before = len(commits)
    for number in range(1000):
        desk.store.ask(asked(f"{number:04}"), b"code", desk.answers.put)
    assert [desk.answer() for _ in range(1000)] == [None] * 1000
    assert len(commits) - before < 500
    desk.store.close()
    assert len(Desk(tmp_path).store.unfinished()) == 1001


def test_a_disk_that_fails_is_an_error_and_costs_nothing_that_counted(
    tmp_path: Path, bad_disk: type[BadDisk]
) -> None:
    desk = Desk(tmp_path, connect=BadDisk.open)
    assert desk.ask("one") is None
    bad_disk.refuse = 1
    refused = desk.ask("two")
    assert bad_disk.refused == 1
    assert isinstance(refused, StoreError)
    assert "disk I/O error" in str(refused)
    assert desk.ask("three") is None
    desk.store.close()
    assert [one.id for one, _ in Desk(tmp_path).store.unfinished()] == ["one", "three"]


def test_what_can_never_be_written_costs_nothing_else_in_its_group(
    tmp_path: Path, bad_disk: type[BadDisk]
) -> None:
    desk = Desk(tmp_path, connect=BadDisk.open)
    for task in ("one", "two"):
        desk.ask(task)
    bad_disk.refuse = 1
    assert isinstance(desk.end("one"), StoreError)  # it will be in a group with the next one
    outcome = Outcome("two", "\ud800", "done", "1.1", b"")
    desk.store.end(outcome, desk.answers.put)

    answers = [desk.answer() for _ in range(2)]
    assert None in answers
    assert next(str(one) for one in answers if one is not None).count("surrogates") == 1
    assert desk.read("one").told == b"result"
    assert desk.read("two") is None
    desk.store.close()


def test_a_result_that_the_disk_refuses_is_written_later(
    tmp_path: Path, bad_disk: type[BadDisk]
) -> None:
    desk = Desk(tmp_path, connect=BadDisk.open)
    desk.ask("one")
    bad_disk.refuse = 1
    assert isinstance(desk.end("one"), StoreError)
    assert bad_disk.refused == 1
    assert desk.answer() is None  # by itself, after a while
    assert desk.read("one").told == b"result"
    desk.store.close()


def test_a_full_disk_is_an_error_until_there_is_room(tmp_path: Path) -> None:
    room = {"pages": 10_000}

    def connect(path: Path) -> sqlite3.Connection:
        database = groups.connect(path)
        database.execute(f"PRAGMA max_page_count={room['pages']}")
        return database

    desk = Desk(tmp_path, connect=connect)
    desk.ask("one")
    desk.store.close()
    room["pages"] = 40
    desk = Desk(tmp_path, connect=connect)
    refused = desk.ask("two", 1024 * 1024)
    assert isinstance(refused, StoreError)
    assert "full" in str(refused)
    room["pages"] = 10_000
    assert desk.ask("three", 1024 * 1024) is None
    desk.store.close()
    assert [one.id for one, _ in Desk(tmp_path).store.unfinished()] == ["one", "three"]


def test_results_are_kept_for_so_long(tmp_path: Path) -> None:
    clock, limits = Clock(), Limits(result_s=1000.0, taken_s=100.0)
    desk = Desk(tmp_path, limits=limits, monotonic=clock)
    for task in ("one", "two"):
        desk.ask(task)
        desk.end(task)
    desk.store.take("one")
    assert desk.read("one").left_s(desk.store.now, limits) == 100.0
    clock.now += 150.0
    desk.ask("open")  # each group looks, once a minute
    assert desk.read("one") is None
    assert desk.read("two").left_s(desk.store.now, limits) == 850.0
    desk.store.close()

    clock.now = 5.0  # another start of the machine: time goes on where it was
    desk = Desk(tmp_path, limits=limits, monotonic=clock)
    clock.now += 840.0
    desk.ask("more")
    assert desk.read("two") is not None
    clock.now += 100.0
    desk.ask("most")
    assert desk.read("two") is None
    assert [one.id for one, _ in after_closing(desk, tmp_path)] == ["open", "more", "most"]


def after_closing(desk: Desk, folder: Path) -> list[tuple[Asked, bytes]]:
    desk.store.close()
    return Desk(folder).store.unfinished()


def test_what_was_taken_makes_room_and_nothing_else_does(tmp_path: Path) -> None:
    clock = Clock()
    desk = Desk(tmp_path, limits=Limits(tasks_max=10), monotonic=clock)
    for number in range(10):
        desk.ask(str(number))
        desk.end(str(number))
    with pytest.raises(StoreError, match="as many as may be"):
        desk.ask("more")
    desk.store.take("3")
    clock.now += 2.0
    assert desk.read("4").told == b"result"
    assert desk.read("3") is None
    assert desk.ask("more") is None
    desk.store.close()


def test_arguments_and_results_have_a_limit(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(StoreError, match="its arguments have"):
        desk.ask("one", TASK_BYTES_MAX + 1)
    desk.ask("two")
    with pytest.raises(StoreError, match="its result has"):
        desk.end("two", bytes(TASK_BYTES_MAX + 1))
    desk.store.close()


def test_forgets_and_lists(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for task in ("one", "two"):
        desk.ask(task)
        desk.end(task)
    for task, is_known in (("one", True), ("one", False)):
        desk.store.forget(task, desk.answers.put)
        assert desk.answer() is is_known
    desk.store.rows(10, desk.answers.put)
    assert [row.id for row in desk.answer()] == ["two"]
    desk.store.close()


def test_a_process_that_ends_right_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = Desk(tmp_path)
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        before.store.close()

    monkeypatch.setattr("cantor.stores.task_store.time.sleep", pause)
    Desk(tmp_path).store.close()
    assert pauses == [LOCK_PAUSE_S]


def test_one_process_has_it_at_a_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    with pytest.raises(StoreError, match="another process"):
        Desk(tmp_path)
    desk.store.close()
    Desk(tmp_path).store.close()
    with pytest.raises(StoreError, match="closed"):
        desk.ask("late")


def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"no database at all, but some text" * 100)
    with pytest.raises(StoreError, match="not a database"):
        Desk(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    Desk(tmp_path).store.close()  # nobody holds the lock


def test_a_file_that_is_no_database_is_closed_again(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"no database at all, but some text" * 100)
    with pytest.raises(sqlite3.DatabaseError, match="not a database") as told:
        groups.connect(path)
    # The error is held, and with it all that the call had: only what was closed is gone.
    assert told.tb is not None
    descriptors = Path("/proc/self/fd").iterdir()
    assert path not in {one.readlink() for one in descriptors if one.is_symlink()}

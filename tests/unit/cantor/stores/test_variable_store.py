"""Variables on a disk: what was acknowledged is there, and a disk that refuses is told of."""

from __future__ import annotations

import sqlite3
import threading
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import make_entry
from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.variable_store import FILE_NAME, VariableStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.ledger.variables.entry import Entry

ASH = NodeId("a" * 32)


class Told:
    """What came of one group after the other."""

    def __init__(self) -> None:
        self.outcomes: list[Any] = []
        self._came = threading.Semaphore(0)

    def __call__(self, outcome: Any) -> None:  # noqa: ANN401 (its own)
        self.outcomes.append(outcome)
        self._came.release()

    def wait(self) -> Any:  # noqa: ANN401
        assert self._came.acquire(timeout=30)
        return self.outcomes[-1]


def save(
    store: VariableStore, entries: Sequence[Entry], gone: Sequence[str] = (), h: int = 0
) -> Any:  # noqa: ANN401
    told = Told()
    store.save(entries, gone, h, told)
    return told.wait()


def opened(folder: Path) -> VariableStore:
    return VariableStore(folder, lambda tell: tell())


def test_what_was_saved_is_there_after_it_was_opened_again(tmp_path: Path) -> None:
    store = opened(tmp_path)
    assert store.load() == ([], 0)
    first, second = make_entry("a", 1, ASH, b"1"), make_entry("a", 2, ASH, b"2")
    deleted, gone = make_entry("b", 3, ASH, None), make_entry("c", 4, ASH, b"x")
    assert save(store, [first, deleted, gone]) is None
    assert save(store, [second], ["c"], h=7) is None
    store.close()

    entries, horizon = opened(tmp_path).load()

    assert sorted(entries) == [second, deleted]
    assert horizon == 7
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_disk_that_refuses_is_told_of_and_gets_it_later(tmp_path: Path) -> None:
    is_full = threading.Event()

    def connect(path: Path) -> sqlite3.Connection:
        if is_full.is_set():
            raise sqlite3.OperationalError("database or disk is full")
        return groups.connect(path)

    store = VariableStore(tmp_path, lambda tell: tell(), connect=connect)
    store._groups._let_go()
    store._groups._again_s = 0.05
    is_full.set()
    told = Told()

    store.save([make_entry("a", 1, ASH, b"1")], (), 0, told)
    assert isinstance(told.wait(), StoreError)
    is_full.clear()

    assert told.wait() is None
    store.close()
    assert [entry.name for entry in opened(tmp_path).load()[0]] == ["a"]


def test_a_row_that_is_damaged_is_told_of(tmp_path: Path) -> None:
    store = opened(tmp_path)
    save(store, [make_entry("a", 1, ASH, b"1")])
    store.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("UPDATE variables SET writer = 'x'")
    database.close()

    with pytest.raises(StoreError, match="damaged"):
        opened(tmp_path).load()


def test_a_file_that_is_none_is_told_of(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 100)

    with pytest.raises(StoreError):
        opened(tmp_path)


def test_a_store_that_is_closed_takes_nothing(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.close()

    with pytest.raises(StoreError, match="closed"):
        store.save([], (), 0, Told())

"""The table of objects on a disk."""

from __future__ import annotations

import queue
import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConflictError, NotFoundError
from cantor.stores.contents import Content
from cantor.stores.errors import StoreError
from cantor.stores.object_store import FILE_NAME, ObjectStore
from cantor.stores.object_tables import Delete, Entry, ObjectTables, Put

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0


def entry(key: str, size: int = 10, **about: Any) -> Entry:  # noqa: ANN401
    content = Content(size, bytes([size % 256]) * 32)
    made = Entry(key * 32, "", 1, 5.0, None, False, False, f"{key}1", content, b"layout")
    return replace(made, **about)


class Desk:
    """A store whose answers come one by one."""

    def __init__(self, folder: Path, tables: ObjectTables | None = None) -> None:
        self.answers: queue.Queue[Any] = queue.Queue()
        self.store = ObjectStore(folder, lambda do: do(), tables or ObjectTables(1000))

    def put(self, entry: Entry, expect: int | None = None, *, may_replace: bool = False) -> Any:  # noqa: ANN401
        self.store.change(Put(entry, expect, self.answers.put, may_replace=may_replace))
        return self.answers.get(timeout=WAIT_S)

    def delete(self, key: str, expect: int | None = None, *, is_held: bool = False) -> Any:  # noqa: ANN401
        self.store.change(Delete(key * 32, expect, is_held, self.answers.put))
        return self.answers.get(timeout=WAIT_S)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.store.close()


def test_versions_follow_each_other_and_a_put_counts_once(desk: Desk, tmp_path: Path) -> None:
    first, before = desk.put(entry("a", name="one"))
    assert (first.version, before) == (1, None)
    again, _ = desk.put(entry("a", name="one"))
    assert again.version == 1, "asked again under the same token"
    second, before = desk.put(entry("a", 20, token="a2"), 1)
    assert (second.version, second.name, before) == (2, "one", first)
    assert isinstance(desk.put(entry("a", token="a3"), 1), ConflictError)
    assert isinstance(desk.put(entry("b"), 3), NotFoundError)
    assert desk.store.tables.bytes == 20
    desk.store.close()
    other = Desk(tmp_path)
    assert other.store.get("a" * 32) == second
    assert other.store.named("one") == second
    assert (other.store.tables.objects, other.store.tables.bytes) == (1, 20)
    assert other.store.contents() == {second.content.id}
    other.store.close()


def test_a_name_is_that_of_one(desk: Desk) -> None:
    first, _ = desk.put(entry("a", name="one"))
    assert isinstance(desk.put(entry("b", name="one")), ConflictError)
    newer, before = desk.put(entry("b", 30, name="one"), may_replace=True)
    assert (newer.key, newer.version, before) == (first.key, 2, first)
    desk.put(entry("c", name="two"))
    desk.put(entry("d"))
    assert [one.name for one in desk.store.after("", "", "", 9)] == ["", "one", "two"]
    assert [one.name for one in desk.store.after("t", "", "", 9)] == ["two"]
    assert [one.name for one in desk.store.after("", "one", "b" * 32, 9)] == ["two"]


def test_what_is_full_is_told(tmp_path: Path) -> None:
    desk = Desk(tmp_path, ObjectTables(100, objects_max=2))
    desk.put(entry("a", 60))
    assert isinstance(desk.put(entry("b", 60)), StoreError)
    desk.put(entry("b", 10))
    assert isinstance(desk.put(entry("c", 10)), StoreError), "too many"
    assert desk.put(entry("a", 90, token="a2"))[0].version == 2, "in place of the one before"
    desk.delete("b")
    desk.delete("a")
    assert desk.put(entry("c", 100))[0].version == 1
    desk.store.close()


def test_what_is_deleted_while_it_is_held_is_hidden(desk: Desk) -> None:
    desk.put(entry("a", name="one"))
    assert isinstance(desk.delete("a", 3), ConflictError)
    assert desk.delete("a", 1, is_held=True).name == "one"
    assert desk.store.get("a" * 32).is_gone  # type: ignore[union-attr]
    assert desk.store.named("one") is None
    assert desk.store.after("", "", "", 9) == []
    assert desk.store.over(0.0, 9)
    assert desk.store.has_passing()
    assert desk.delete("a", is_held=True) is None, "it was"
    assert isinstance(desk.put(entry("a", token="a2"), 1), NotFoundError)
    assert desk.delete("a") is not None
    assert desk.delete("a") is None
    assert not desk.store.has_passing()


def test_what_has_a_time_is_over_then(desk: Desk) -> None:
    desk.put(entry("a", until=100.0))
    assert desk.store.over(99.0, 9) == []
    assert [one.key for one in desk.store.over(100.0, 9)] == ["a" * 32]


def test_a_damaged_row_is_told(desk: Desk, tmp_path: Path) -> None:
    desk.put(entry("a"))
    desk.put(entry("b"))
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database, database:
        database.execute("UPDATE objects SET size = 11 WHERE key = ?", ("a" * 32,))
    with pytest.raises(StoreError, match="not what was written"):
        desk.store.get("a" * 32)
    assert desk.store.get("b" * 32) is not None

"""Keys on a disk: what was told to be written is there, also when the disk misbehaves."""

from __future__ import annotations

import queue
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.bed.bad_disk import BadDisk

from cantor.base.errors import ConflictError
from cantor.stores import key_tables
from cantor.stores.errors import StoreError
from cantor.stores.key_store import FILE_NAME, KeyStore
from cantor.stores.key_tables import Change, Entry, KeyTables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S = 30.0
WAL_HEADER, WAL_FRAME = 32, 24


class Desk:
    """A store whose answers come one by one."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401 (the store's)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.store = KeyStore(folder, lambda do: do(), **options)

    def set(self, key: str, value: bytes | None, expect: int | None = None, at: float = 1.0) -> Any:  # noqa: ANN401
        self.store.change(Change("s", key, value, at, expect, self.answers.put))
        return self.answers.get(timeout=WAIT_S)

    def values(self) -> dict[str, bytes | None]:
        return {one.key: one.value for one in self.store.after("s", "", "", 10_000)}


@pytest.fixture
def bad_disk() -> Iterator[type[BadDisk]]:
    BadDisk.reset()
    yield BadDisk
    BadDisk.reset()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def test_a_key_has_its_last_value_and_revisions_grow(desk: Desk) -> None:
    first = desk.set("a", b"1")
    second = desk.set("a", b"2", at=2.5)
    assert second.revision > first.revision
    assert desk.store.get("s", "a") == Entry("s", "a", second.revision, 2.5, b"2")
    assert desk.store.get("other", "a") is None
    assert desk.store.stores() == [("s", 1, 2)]


def test_a_change_that_is_not_as_expected_changes_nothing(desk: Desk) -> None:
    assert isinstance(desk.set("a", b"1", expect=4), ConflictError)
    first = desk.set("a", b"1", expect=0)
    assert isinstance(desk.set("a", b"2", expect=0), ConflictError)
    assert desk.set("a", None, expect=first.revision).value is None
    assert desk.set("a", None) is None
    assert desk.set("a", b"3", expect=0).value == b"3", "one that was deleted is not there"
    assert desk.values() == {"a": b"3"}


def test_what_changed_since_comes_once_in_order_with_what_was_deleted(desk: Desk) -> None:
    start = desk.set("a", b"1").revision
    for key, value in (("b", b"1"), ("c", b"1"), ("b", b"2"), ("a", None)):
        desk.set(key, value)
    told = desk.store.since("s", "", start, 10)
    assert [(one.key, one.value) for one in told] == [("c", b"1"), ("b", b"2"), ("a", None)]
    assert [one.key for one in desk.store.since("s", "b", start, 10)] == ["b"]
    assert len(desk.store.since("s", "", 0, 2)) == 2


def test_pages_follow_each_other_and_keep_to_their_prefix(desk: Desk) -> None:
    for key in ("a", "line/1", "line/2", "line/\U0010ffff", "line0", "ä"):
        desk.set(key, b"x")
    lines = desk.store.after("s", "line/", "", 2)
    assert [one.key for one in lines] == ["line/1", "line/2"]
    assert [one.key for one in desk.store.after("s", "line/", "line/2", 2)] == []
    assert len(desk.values()) == 6


def test_it_takes_no_more_than_it_may(tmp_path: Path) -> None:
    desk = Desk(tmp_path, tables=KeyTables(keys_max=2, bytes_max=20))
    with closing(desk.store):
        assert isinstance(desk.set("a", b"x" * 30), StoreError)
        desk.set("a", b"x")
        desk.set("b", b"x")
        refused = desk.set("c", b"x")
        assert isinstance(refused, StoreError)
        assert "2 keys" in refused.what
        assert desk.set("a", b"y").value == b"y", "what is there can change"
        assert desk.set("b", None).value is None
        assert desk.set("c", b"x").value == b"x"


def test_old_deletions_are_forgotten_and_that_is_known(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(key_tables, "GONE_MAX", 4)
    for number in range(6):
        desk.set(f"k{number}", b"x")
        desk.set(f"k{number}", None)
    last = desk.set("left", b"x").revision
    forgotten = desk.store.tables.forgotten
    assert 0 < forgotten < last
    assert 0 < len(desk.store.since("s", "", 0, 100)) < 7
    desk.store.close()
    again = Desk(tmp_path)
    with closing(again.store):
        assert again.store.tables.forgotten == forgotten
        assert again.store.tables.id == desk.store.tables.id
        assert again.set("new", b"x").revision > last


@pytest.mark.parametrize("words", ["disk I/O error", "database or disk is full"])
def test_a_disk_that_refuses_is_told_and_nothing_of_it_counts(
    tmp_path: Path, bad_disk: type[BadDisk], words: str
) -> None:
    desk = Desk(tmp_path, connect=bad_disk.open)
    with closing(desk.store):
        kept = desk.set("kept", b"1")
        bad_disk.words, bad_disk.refuse = words, 1
        refused = desk.set("lost", b"2")
        assert isinstance(refused, StoreError)
        assert words in str(refused)
        assert bad_disk.refused == 1
        assert desk.values() == {"kept": b"1"}
        later = desk.set("later", b"3")
        assert later.revision == kept.revision + 1, "a revision that nobody has seen"
        assert desk.store.tables.keys == 2
    assert Desk(tmp_path).values() == {"kept": b"1", "later": b"3"}


def test_all_prefixes_of_the_log_hold_what_was_acknowledged_before(tmp_path: Path) -> None:
    """A power cut leaves some first part of the write-ahead log: whatever was synced is in it."""
    whole = tmp_path / "whole"
    whole.mkdir()
    desk = Desk(whole)
    log = whole / f"{FILE_NAME}-wal"
    acknowledged: list[tuple[int, dict[str, bytes | None]]] = []
    held: dict[str, bytes | None] = {}
    for number in range(12):
        key, value = f"k{number % 5}", None if number % 4 == 3 else bytes([number]) * 900
        desk.set(key, value)
        held = {one: kept for one, kept in {**held, key: value}.items() if kept is not None}
        acknowledged.append((log.stat().st_size, held))
    data, base = log.read_bytes(), (whole / FILE_NAME).read_bytes()
    page = 4096 + WAL_FRAME
    cuts = sorted({*range(WAL_HEADER, len(data), page), *range(WAL_HEADER, len(data), 1999)})
    assert len(cuts) > 20
    checked = 0
    for cut in cuts:
        folder = tmp_path / f"cut{cut}"
        folder.mkdir()
        (folder / FILE_NAME).write_bytes(base)
        (folder / f"{FILE_NAME}-wal").write_bytes(data[:cut])
        again = Desk(folder)
        with closing(again.store):
            told = again.values()
        # What a group began and did not end is left out whole, so it is the state after some group.
        before = [{}, *(state for size, state in acknowledged if size <= cut)]
        assert told == before[-1] or told in [state for _, state in acknowledged], cut
        checked += told == before[-1]
        shutil.rmtree(folder)
    assert checked == len(cuts)
    desk.store.close()


@settings(max_examples=20)  # each opens two databases
@given(st.data())
def test_no_flipped_bit_of_a_value_goes_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("flip")
    desk = Desk(folder)
    value = b"the value: " + data.draw(st.binary(min_size=40, max_size=200))
    desk.set("bad", value)
    desk.set("good", b"1")
    desk.store.close()
    path = folder / FILE_NAME
    held = bytearray(path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(value) - 1))
    held[held.index(value) + bit // 8] ^= 1 << bit % 8
    path.write_bytes(held)
    again = Desk(folder)
    with closing(again.store):
        with pytest.raises(StoreError, match=r"s/bad.*not what was written"):
            again.store.get("s", "bad")
        good = again.store.get("s", "good")
        assert good is not None
        assert good.value == b"1"


def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"not a database" * 300)
    with pytest.raises(StoreError, match="not a database"):
        Desk(tmp_path)


def test_what_others_wrote_into_the_file_is_not_believed(desk: Desk, tmp_path: Path) -> None:
    desk.set("a", b"1")
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as database, database:
        database.execute("UPDATE keys SET revision = 77")
    with pytest.raises(StoreError, match="not what was written"):
        desk.store.get("s", "a")

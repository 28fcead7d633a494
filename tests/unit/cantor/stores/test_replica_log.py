"""The log of a replica on a disk: what was synced is there, and what is damaged is never used."""

from __future__ import annotations

import queue
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId
from cantor.replication.events import Write
from cantor.replication.records import NEVER, Entry, Epoch, Kept, Kind, Members, Seat, Snapshot
from cantor.stores.errors import StoreError
from cantor.stores.replica_log import FILE_NAME, ReplicaLog

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NODE = NodeId("a" * 32)
EPOCH = Epoch(4, NODE)
MEMBERS = Members((Seat(NODE, 2**64 - 1),), (NODE,))
SNAPSHOT = Snapshot(3, EPOCH, MEMBERS, b"state")
WAIT_S = 30.0


def entries(first: int, last: int, text: bytes = b"do") -> tuple[Entry, ...]:
    return tuple(Entry(n, EPOCH, Kind.COMMAND, text) for n in range(first, last + 1))


def write(
    first: int, last: int, *, forget: int = 0, snapshot: Snapshot | None = None,
    committed: int = 0, text: bytes = b"do",
) -> Write:  # fmt: skip
    some = entries(first, last, text)
    return Write(1, 2**64 - 1, EPOCH, committed, first, some, forget, snapshot)


class Desk:
    """A store whose answers come one by one."""

    def __init__(self, folder: Path, **options: Any) -> None:  # noqa: ANN401 (the store's)
        self.answers: queue.Queue[Any] = queue.Queue()
        self.store = ReplicaLog(folder, lambda do: do(), **options)

    def write(self, *writes: Write, name: str = "g") -> Any:  # noqa: ANN401 (None, or an error)
        told = None
        for one in writes:
            self.store.write(name, one, self.answers.put)
            told = self.answers.get(timeout=WAIT_S)
        return told


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    one = Desk(tmp_path)
    yield one
    one.store.close()


def load(folder: Path, name: str = "g") -> Kept | None:
    store = ReplicaLog(folder, lambda do: do())
    try:
        return store.load(name)
    finally:
        store.close()


def damage(folder: Path, statement: str, *values: object) -> None:
    """Change something, and prove that it was changed."""
    database = sqlite3.connect(folder / FILE_NAME)
    assert database.execute(statement, values).rowcount == 1
    database.commit()
    database.close()


def test_what_was_synced_is_there_when_it_is_opened_again(desk: Desk, tmp_path: Path) -> None:
    assert desk.write(write(1, 3), write(4, 5, committed=4)) is None
    desk.store.close()
    assert load(tmp_path) == Kept(2**64 - 1, EPOCH, 4, None, entries(1, 5))
    assert load(tmp_path, "another") is None


def test_later_entries_take_the_place_of_what_was_there(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 5), write(3, 3, text=b"other"))
    desk.store.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.entries == (*entries(1, 2), *entries(3, 3, b"other"))


def test_a_snapshot_takes_the_place_of_entries_and_keeps_a_tail(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 5), write(6, 6, forget=2, snapshot=SNAPSHOT))
    desk.store.snapshot("g", desk.answers.put)
    assert desk.answers.get(timeout=WAIT_S) == SNAPSHOT
    desk.store.close()
    assert load(tmp_path) == Kept(2**64 - 1, EPOCH, 0, SNAPSHOT, entries(3, 6))


def test_a_snapshot_of_another_member_takes_the_place_of_all(desk: Desk, tmp_path: Path) -> None:
    far = Snapshot(30, EPOCH, MEMBERS, b"far")
    desk.write(write(1, 5), write(31, 30, forget=30, snapshot=far))
    desk.store.close()
    assert load(tmp_path) == Kept(2**64 - 1, EPOCH, 0, far, ())


def test_groups_do_not_meet_and_can_be_forgotten(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 2))
    desk.write(write(1, 1), name="h")
    desk.store.forget("g", desk.answers.put)
    assert desk.answers.get(timeout=WAIT_S) is None
    desk.store.snapshot("g", desk.answers.put)
    assert desk.answers.get(timeout=WAIT_S) is None
    desk.store.close()
    store = ReplicaLog(tmp_path, lambda do: do())
    assert store.names() == ["h"]
    store.close()


def test_nothing_is_left_of_a_log_when_another_is_begun(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 5), write(6, 6, forget=2, snapshot=SNAPSHOT))
    desk.write(Write(1, 7, NEVER, 0, 1, (), 0))
    desk.store.close()
    assert load(tmp_path) == Kept(7)


@pytest.mark.parametrize("first", [2, 9])
def test_a_log_with_a_gap_is_not_written(desk: Desk, tmp_path: Path, first: int) -> None:
    if first == 9:
        desk.write(write(1, 2))
    assert isinstance(desk.write(write(first, first)), StoreError)
    desk.store.close()
    kept = load(tmp_path)
    assert (kept is None) == (first == 2)


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("UPDATE entries SET data = ? WHERE n = 4", (b"\x00",)),
        ("UPDATE entries SET crc = crc + 1 WHERE n = 4", ()),
        ("DELETE FROM entries WHERE n = 3", ()),
        ("DELETE FROM entries WHERE n = 4", ()),
        ("DELETE FROM entries WHERE n = 5", ()),
        ("UPDATE entries SET n = 6 WHERE n = 5", ()),
        ("UPDATE entries SET name = 'h' WHERE n = 5", ()),
        ("DELETE FROM states", ()),
        ("UPDATE states SET promised = ?", (b"\x92\x00\xc4\x00",)),
        ("UPDATE states SET birth = ?", (b"\0" * 8,)),
        ("UPDATE states SET committed = committed + 1", ()),
        ("UPDATE states SET last = last - 1", ()),
        ("DELETE FROM snapshots", ()),
        ("UPDATE snapshots SET data = ?", (b"stale",)),
        ("UPDATE snapshots SET n = n + 1", ()),
    ],
)
def test_what_is_damaged_or_missing_is_never_used(
    desk: Desk, tmp_path: Path, statement: str, values: tuple[object, ...]
) -> None:
    desk.write(write(1, 5), write(6, 5, forget=2, snapshot=SNAPSHOT))
    desk.store.close()
    assert load(tmp_path) is not None
    damage(tmp_path, statement, *values)
    with pytest.raises(StoreError, match="damaged"):
        load(tmp_path)


def test_any_bit_that_flips_in_a_record_is_found(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 1))
    desk.store.close()
    database = sqlite3.connect(tmp_path / FILE_NAME)
    (data,) = database.execute("SELECT data FROM entries").fetchone()
    database.close()
    for bit in range(0, 8 * len(data), 5):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        damage(tmp_path, "UPDATE entries SET data = ?", bytes(flipped))
        with pytest.raises(StoreError, match="damaged"):
            load(tmp_path)


def test_a_file_that_was_cut_short_is_refused(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 200, text=b"x" * 500))
    desk.store.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(StoreError):
        load(tmp_path)


def test_a_damaged_snapshot_is_not_sent(desk: Desk, tmp_path: Path) -> None:
    desk.write(write(1, 3), write(4, 4, forget=3, snapshot=SNAPSHOT))
    damage(tmp_path, "UPDATE snapshots SET data = ?", b"stale")
    desk.store.snapshot("g", desk.answers.put)
    assert isinstance(desk.answers.get(timeout=WAIT_S), StoreError)


class BadDisk(sqlite3.Connection):
    """Refuses so many commits, as SQLite does when the system says EIO or ENOSPC."""

    refuse = 0
    refused = 0

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401 (SQLite's)
        if statement == "COMMIT" and BadDisk.refuse > 0:
            BadDisk.refuse -= 1
            BadDisk.refused += 1
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(statement, *args)

    @classmethod
    def open(cls, path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=cls)


def test_what_the_disk_refuses_is_told_and_can_be_written_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path, connect=BadDisk.open)
    desk.write(write(1, 2))
    BadDisk.refuse, BadDisk.refused = 1, 0
    assert isinstance(desk.write(write(3, 4)), StoreError)
    assert BadDisk.refused == 1
    assert desk.write(write(3, 4)) is None
    desk.store.close()
    kept = load(tmp_path)
    assert kept is not None
    assert kept.entries == entries(1, 4)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError):
        ReplicaLog(tmp_path / "file" / "folder", lambda do: do())

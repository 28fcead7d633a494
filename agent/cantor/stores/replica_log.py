"""The logs of this node's replica groups on its disk, in one database: one sync for all groups.

Every record has a checksum over what it holds and where it stands, so that a flipped bit, a record
of another place and one that is missing are all told. Whose log is damaged must not go on with the
rest of it: it has promised and confirmed more than it knows. It begins a new log, and the others
send it what it needs.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from cantor.base.errors import RemoteProtocolError
from cantor.replication.records import Kept, Snapshot
from cantor.replication.wording import (
    decode_entry,
    decode_epoch,
    decode_members,
    encode_entry,
    encode_epoch,
    encode_members,
)
from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.groups import Groups

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    from cantor.replication.events import Write

    Tell: TypeAlias = Callable[[Any], None]

FILE_NAME = "replicas.sqlite3"
_REMEDY = "begin a new log for it: the other members send what it held"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS states (
    name TEXT PRIMARY KEY, birth BLOB NOT NULL, promised BLOB NOT NULL, committed INTEGER NOT NULL,
    snapshot INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    crc INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS entries (
    name TEXT NOT NULL, n INTEGER NOT NULL, data BLOB NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (name, n)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (
    name TEXT PRIMARY KEY, n INTEGER NOT NULL, epoch BLOB NOT NULL, members BLOB NOT NULL,
    data BLOB NOT NULL, crc INTEGER NOT NULL);
"""
_STATE = "SELECT birth, promised, committed, snapshot, first, last, crc FROM states WHERE name = ?"
_SNAPSHOT = "SELECT n, epoch, members, data, crc FROM snapshots WHERE name = ?"
_ENTRIES = "SELECT n, data, crc FROM entries WHERE name = ? ORDER BY n"
_FIRST = "SELECT min(n) FROM entries WHERE name = ?"
_LAST = "SELECT max(n) FROM entries WHERE name = ?"
_PUT_STATE = "INSERT OR REPLACE INTO states VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_SNAPSHOT = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)"
_PUT_ENTRY = "INSERT INTO entries VALUES (?, ?, ?, ?)"
_FORGET = "DELETE FROM entries WHERE name = ? AND (n >= ? OR n <= ?)"


@dataclass(slots=True, eq=False)
class _Part:
    """Something to do with one group: write, forget it, or read its snapshot."""

    name: str
    what: Write | Literal["forget", "snapshot"]
    tell: Tell
    stays: bool = False

    @property
    def size(self) -> int:
        return 0

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (its own, or a StoreError)
        self.tell(outcome)


class ReplicaLog:
    """What is asked returns at once; ``tell`` gets None, a Snapshot or what was asked for when it
    is synced, and a StoreError if the disk refuses. ``soon`` takes what shall be told of a group of
    writes, in the store's thread, and calls it where that belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        *,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; the folder is made if it is not there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._path = folder / FILE_NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError("its folder cannot be made", where=str(folder)) from error
        self._groups = Groups(self._path, _Plan(), soon, connect=connect)

    def names(self) -> list[str]:
        """The groups that are kept here; call it before anything is written.

        Raises:
            StoreError: it cannot be read.
        """
        return self._groups.read(_names)

    def load(self, name: str) -> Kept | None:
        """What is kept of a group, None if nothing is; call it before anything is written.

        Raises:
            StoreError: it cannot be read, or is not what was written: then ``forget`` it, and begin
                a new log with another birth.
        """
        try:
            return self._groups.read(lambda database: _load(database, name))
        except RemoteProtocolError as error:
            raise StoreError(
                f"the log of {name} is damaged: {error.what}",
                where=str(self._path), remedy=_REMEDY,
            ) from error  # fmt: skip

    def write(self, name: str, write: Write, tell: Tell) -> None:
        """Do what a member wants written; ``tell`` gets None when it is synced."""
        self._groups.add(_Part(name, write, tell))

    def snapshot(self, name: str, tell: Tell) -> None:
        """``tell`` gets the snapshot of a group as it is then, None if there is none, or a
        StoreError if it is damaged.
        """
        self._groups.add(_Part(name, "snapshot", tell))

    def forget(self, name: str, tell: Tell) -> None:
        """Keep nothing of a group."""
        self._groups.add(_Part(name, "forget", tell))

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()


class _Plan:
    def prepare(self, database: sqlite3.Connection) -> None:
        database.executescript(_SCHEMA)

    def write(self, database: sqlite3.Connection, parts: list[_Part]) -> list[Any]:
        return [_do(database, part) for part in parts]


def _do(database: sqlite3.Connection, part: _Part) -> Any:  # noqa: ANN401 (what is told)
    if part.what == "snapshot":
        try:
            return _snapshot(database, part.name)
        except RemoteProtocolError as error:
            return StoreError(f"the snapshot of {part.name} is damaged: {error.what}")
    if part.what == "forget":
        _forget(database, part.name)
        return None
    _write(database, part.name, part.what)
    return None


def _write(database: sqlite3.Connection, name: str, write: Write) -> None:
    """All of it, or by the transaction nothing; a log of another birth is gone then."""
    birth = write.birth.to_bytes(8, "big")
    before = database.execute(_STATE, (name,)).fetchone()
    if before is not None and before[0] != birth:
        _forget(database, name)
        before = None
    taken = write.snapshot
    if taken is not None:
        row = (taken.index, encode_epoch(taken.epoch), encode_members(taken.members), taken.data)
        database.execute(_PUT_SNAPSHOT, (name, *row, _crc("snapshot", name, *row)))
    database.execute(_FORGET, (name, write.first, write.forget))
    at = taken.index if taken is not None else before[3] if before is not None else 0
    (last,) = database.execute(_LAST, (name,)).fetchone()
    if write.entries and write.first not in ((last + 1,) if last else range(1, at + 2)):
        raise StoreError(f"the log of {name} would have a gap", remedy=_REMEDY)
    rows = []
    for entry in write.entries:
        data = encode_entry(entry)
        rows.append((name, entry.index, data, _crc("entry", name, entry.index, data)))
    database.executemany(_PUT_ENTRY, rows)
    (first,) = database.execute(_FIRST, (name,)).fetchone()
    last = write.entries[-1].index if write.entries else last
    promised = encode_epoch(write.promised)
    state = (birth, promised, write.committed, at, first or at + 1, last or at)
    database.execute(_PUT_STATE, (name, *state, _crc("state", name, *state)))


def _forget(database: sqlite3.Connection, name: str) -> None:
    for table in ("states", "entries", "snapshots"):
        database.execute(f"DELETE FROM {table} WHERE name = ?", (name,))  # noqa: S608


def _names(database: sqlite3.Connection) -> list[str]:
    """Of all tables: a group whose state is gone is damaged, not unknown."""
    query = (
        "SELECT name FROM states UNION SELECT name FROM entries UNION SELECT name FROM snapshots"
    )
    return sorted(str(name) for (name,) in database.execute(query))


def _load(database: sqlite3.Connection, name: str) -> Kept | None:
    state = database.execute(_STATE, (name,)).fetchone()
    snapshot = _snapshot(database, name)
    rows = database.execute(_ENTRIES, (name,)).fetchall()
    if state is None:
        if rows or snapshot is not None:
            raise RemoteProtocolError("its state is missing")
        return None
    *told, crc = state
    if _crc("state", name, *told) != crc:
        raise RemoteProtocolError("its state does not hold")
    birth, promised, committed, at, first, last = told
    if (snapshot.index if snapshot is not None else 0) != at:
        raise RemoteProtocolError("its snapshot is missing, or is another one")
    if [n for n, _, _ in rows] != list(range(first, last + 1)):
        raise RemoteProtocolError("entries are missing")
    entries = tuple(_entry(name, *row) for row in rows)
    promised_epoch = decode_epoch(promised)
    return Kept(int.from_bytes(birth, "big"), promised_epoch, committed, snapshot, entries)


def _entry(name: str, n: int, data: bytes, crc: int) -> Any:  # noqa: ANN401
    if _crc("entry", name, n, data) != crc:
        raise RemoteProtocolError(f"entry {n} does not hold")
    entry = decode_entry(data)
    if entry.index != n:
        raise RemoteProtocolError(f"entry {n} is another one")
    return entry


def _snapshot(database: sqlite3.Connection, name: str) -> Snapshot | None:
    row = database.execute(_SNAPSHOT, (name,)).fetchone()
    if row is None:
        return None
    *told, crc = row
    if _crc("snapshot", name, *told) != crc:
        raise RemoteProtocolError("its snapshot does not hold")
    n, epoch, members, data = told
    return Snapshot(n, decode_epoch(epoch), decode_members(members), data)


def _crc(*parts: object) -> int:
    """Over all parts, each with its length: what stands elsewhere has another one."""
    crc = 0
    for part in parts:
        data = part if isinstance(part, bytes) else str(part).encode()
        crc = zlib.crc32(data, zlib.crc32(str(len(data)).encode(), crc))
    return crc

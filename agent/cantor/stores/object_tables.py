"""The table of the objects that a node owns, and what changes it inside a transaction."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConflictError, NotFoundError
from cantor.stores.contents import Content
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

OBJECTS_MAX = 200_000
_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, version INTEGER NOT NULL, at REAL NOT NULL,
    until REAL, once INTEGER NOT NULL, is_gone INTEGER NOT NULL, token TEXT NOT NULL,
    content TEXT NOT NULL, size INTEGER NOT NULL, hashes BLOB NOT NULL, layout BLOB NOT NULL,
    sum INTEGER NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS objects_by_name ON objects (name) WHERE name != '';
CREATE INDEX IF NOT EXISTS objects_by_content ON objects (content);
CREATE INDEX IF NOT EXISTS objects_passing ON objects (until)
    WHERE until IS NOT NULL OR is_gone = 1;
"""
COLUMNS = "key, name, version, at, until, once, is_gone, token, size, hashes, layout, sum"


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of an object. ``layout`` is packed: the sizes of the parts of a value.

    ``at`` is when it was put, and ``until`` when it goes by itself, in UTC seconds; ``is_once``: it
    goes when it was read. ``is_gone``: it was deleted, and a task that uses it has it still.
    ``token`` is that of who put it.
    """

    key: str
    name: str
    version: int
    at: float
    until: float | None
    is_once: bool
    is_gone: bool
    token: str
    content: Content
    layout: bytes


@dataclass(slots=True)
class Put:
    """Make an object, or with ``expect`` its next version; 0: it must be new, None: either."""

    entry: Entry
    expect: int | None
    tell: Callable[[Any], None]
    may_replace: bool = False
    """Another object of that name becomes a version older, under its own key."""
    stays: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.entry.content.hashes) + len(self.entry.layout)

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (new and old Entry, or an error)
        """What came of it."""
        self.tell(outcome)


@dataclass(slots=True)
class Delete:
    """Delete an object, if it has the version that is expected; ``is_held``: hide it only."""

    key: str
    expect: int | None
    is_held: bool
    tell: Callable[[Any], None]
    stays: bool = False
    size: int = 0

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (the old Entry, None, or an error)
        """What came of it."""
        self.tell(outcome)


class ObjectTables:
    """A plan for :class:`cantor.stores.groups.Groups`; it counts what the table holds."""

    def __init__(self, bytes_max: int, objects_max: int = OBJECTS_MAX) -> None:
        self.bytes_max = bytes_max
        self._objects_max = objects_max
        self.objects = self.bytes = 0

    def prepare(self, database: sqlite3.Connection) -> None:
        """Make the table, and count what it holds."""
        database.executescript(_SCHEMA)
        self.objects, self.bytes = database.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM objects"
        ).fetchone()

    def write(self, database: sqlite3.Connection, parts: list[Put | Delete]) -> list[Any]:
        """Write these; of a Put the new entry and the one before, of a Delete the one before, or
        why it was refused.
        """
        return [
            self._put(database, part) if isinstance(part, Put) else self._delete(database, part)
            for part in parts
        ]

    def _put(
        self, database: sqlite3.Connection, put: Put
    ) -> tuple[Entry, Entry | None] | Exception:
        entry = put.entry
        named = _found(database, "name", entry.name) if entry.name else None
        before = _found(database, "key", entry.key)
        if before is None and named is not None and put.may_replace:
            before, entry = named, replace(entry, key=named.key)
        if before is not None and before.token == entry.token:
            return before, None  # it is asked for again
        refusal = _refusal(put, before, named)
        if refusal is not None:
            return refusal
        more = entry.content.size - (before.content.size if before else 0)
        if self.bytes + more > self.bytes_max or self.objects - bool(before) >= self._objects_max:
            return StoreError(
                f"{self.objects} objects of {self.bytes} bytes are kept here (limit"
                f" {self.bytes_max} bytes): {entry.content.size} more do not fit",
                remedy="delete some, or put it on another node",
            )
        if before is not None:
            name = entry.name or before.name
            entry = replace(entry, version=before.version + 1, name=name)
        _store(database, entry)
        self.bytes += more
        self.objects += before is None
        return entry, before

    def _delete(self, database: sqlite3.Connection, delete: Delete) -> Entry | Exception | None:
        before = _found(database, "key", delete.key)
        if before is None or (before.is_gone and delete.is_held):
            return None
        if delete.expect not in (None, before.version):
            return _conflict(delete.key, before.version, delete.expect)
        if delete.is_held:
            _store(database, replace(before, is_gone=True, name=""))
            return before
        database.execute("DELETE FROM objects WHERE key = ?", (delete.key,))
        self.bytes -= before.content.size
        self.objects -= 1
        return before


def entry_of(row: tuple[Any, ...]) -> Entry:
    """The entry in a row of :data:`COLUMNS`.

    Raises:
        StoreError: it is not what was written.
    """
    key, name, version, at, until, is_once, is_gone, token, size, hashes, layout, told = row
    content = Content(size, hashes)
    entry = Entry(
        key, name, version, at, until, bool(is_once), bool(is_gone), token, content, layout
    )
    if sum_of(entry) != told:
        raise StoreError(
            "what the disk gives back is not what was written", where=f"object {key}",
            remedy="delete the object, and look after the disk",
        )  # fmt: skip
    return entry


def sum_of(entry: Entry) -> int:
    """Of all that a row holds."""
    head = (
        f"{entry.key}\0{entry.name}\0{entry.version}\0{entry.at!r}\0{entry.until!r}\0"
        f"{entry.is_once}\0{entry.is_gone}\0{entry.token}\0{entry.content.size}"
    )
    return zlib.crc32(entry.layout, zlib.crc32(entry.content.hashes, zlib.crc32(head.encode())))


def _found(database: sqlite3.Connection, column: str, value: str) -> Entry | None:
    row = database.execute(
        f"SELECT {COLUMNS} FROM objects WHERE {column} = ?",  # noqa: S608 (ours)
        (value,),
    ).fetchone()
    return None if row is None else entry_of(row)


def _store(database: sqlite3.Connection, entry: Entry) -> None:
    database.execute(
        "INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            entry.key, entry.name, entry.version, entry.at, entry.until, entry.is_once,
            entry.is_gone, entry.token, entry.content.id, entry.content.size,
            entry.content.hashes, entry.layout, sum_of(entry),
        ),
    )  # fmt: skip


def _refusal(put: Put, before: Entry | None, named: Entry | None) -> Exception | None:
    entry = put.entry
    if before is not None and before.is_gone:
        before = None
    if before is None and put.expect:
        return NotFoundError("there is no such object", where=entry.key, remedy="put it anew")
    if before is not None and put.expect not in (None, before.version):
        return _conflict(entry.key, before.version, put.expect)
    if named is not None and (before is None or named.key != before.key):
        return ConflictError(
            f"object {named.key} has that name", where=entry.name,
            remedy="replace or update it, or choose another name",
        )  # fmt: skip
    return None


def _conflict(key: str, found: int, expect: int | None) -> ConflictError:
    expected = f"version {expect}" if expect else "no such object"
    return ConflictError(
        f"it is at version {found}, and {expected} was expected", where=key,
        remedy="get it again, and decide anew",
    )  # fmt: skip

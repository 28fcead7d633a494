"""The tables of keys and values, and what changes them inside a transaction."""

from __future__ import annotations

import secrets
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConflictError
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

KEYS_MAX = 1_000_000
BYTES_MAX = 1 << 30
GONE_MAX = 20_000
"""So many deleted keys are remembered, for who watches; the oldest are forgotten."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS keys (
    store TEXT NOT NULL, key TEXT NOT NULL, revision INTEGER NOT NULL, at REAL NOT NULL,
    value BLOB, sum INTEGER NOT NULL, PRIMARY KEY (store, key)
);
CREATE UNIQUE INDEX IF NOT EXISTS keys_by_revision ON keys (revision);
CREATE INDEX IF NOT EXISTS keys_gone ON keys (revision) WHERE value IS NULL;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A key as it was at a revision. ``value`` is None if it was deleted; ``at`` is UTC seconds."""

    store: str
    key: str
    revision: int
    at: float
    value: bytes | None


@dataclass(slots=True)
class Change:
    """What shall become of a key: ``value`` None deletes it.

    ``expect`` is the revision that it must have, 0 if it must not be there, None for any.
    """

    store: str
    key: str
    value: bytes | None
    at: float
    expect: int | None
    tell: Callable[[Any], None]
    stays: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.key) + len(self.value or b"")

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (an Entry, None, or an error)
        """What came of it."""
        self.tell(outcome)


class KeyTables:
    """A plan for :class:`cantor.stores.groups.Groups`; it counts what the tables hold."""

    def __init__(
        self, keys_max: int = KEYS_MAX, bytes_max: int = BYTES_MAX, *, database_id: str = ""
    ) -> None:
        self._keys_max = keys_max
        self._bytes_max = bytes_max
        self.id = database_id
        """Of this database, as long as it is not lost; a new one has one of its own."""
        self.revision = 0
        """The last that was written."""
        self.forgotten = 0
        """Of what was deleted up to this revision, some is not remembered."""
        self.keys = self.bytes = self._gone = 0

    def prepare(self, database: sqlite3.Connection) -> None:
        """Make the tables, and count what they hold."""
        database.executescript(_SCHEMA)
        with database:
            database.execute(
                "INSERT OR IGNORE INTO facts VALUES ('id', ?)", (self.id or secrets.token_hex(8),)
            )
        facts = dict(database.execute("SELECT name, value FROM facts"))
        self.id = str(facts["id"])
        self.forgotten = int(facts.get("forgotten", 0))
        last = database.execute("SELECT max(revision) FROM keys").fetchone()[0]
        self.revision = max(last or 0, int(facts.get("revision", 0)))
        self.keys, self.bytes, self._gone = database.execute(
            "SELECT count(value), coalesce(sum(length(key) + length(value)), 0),"
            " count(*) - count(value) FROM keys"
        ).fetchone()

    def write(self, database: sqlite3.Connection, parts: list[Change]) -> list[Any]:
        """Write these; of each the entry that it made, None if there was none to delete, or why it
        was refused.
        """
        outcomes = [self._change(database, part) for part in parts]
        if self._gone > GONE_MAX:
            self._forget(database)
        return outcomes

    def _change(self, database: sqlite3.Connection, change: Change) -> Entry | Exception | None:
        row = database.execute(
            "SELECT revision, length(value) FROM keys WHERE store = ? AND key = ?",
            (change.store, change.key),
        ).fetchone()
        is_there = row is not None and row[1] is not None
        found = row[0] if is_there else 0
        if change.expect is not None and change.expect != found:
            return _conflict(change, found)
        if change.value is None and not is_there:
            return None
        size = len(change.key) + row[1] if is_there else 0
        keys = self.keys + (change.value is not None) - is_there
        total = self.bytes + (0 if change.value is None else change.size) - size
        if change.value is not None and (keys > self._keys_max or total > self._bytes_max):
            return StoreError(
                f"{self.keys} keys with {self.bytes} bytes are kept, as many as may be",
                where=f"{change.store}/{change.key}", remedy="delete some",
            )  # fmt: skip
        self.revision += 1
        entry = Entry(change.store, change.key, self.revision, change.at, change.value)
        database.execute(
            "INSERT OR REPLACE INTO keys VALUES (?, ?, ?, ?, ?, ?)",
            (entry.store, entry.key, entry.revision, entry.at, entry.value, sum_of(entry)),
        )
        was_gone = row is not None and not is_there
        self._gone += (change.value is None) - was_gone
        self.keys, self.bytes = keys, total
        return entry

    def _forget(self, database: sqlite3.Connection) -> None:
        """Half of what was deleted is remembered no more, the oldest."""
        (last,) = database.execute(
            "SELECT revision FROM keys WHERE value IS NULL ORDER BY revision LIMIT 1 OFFSET ?",
            (self._gone // 2,),
        ).fetchone()
        database.execute("DELETE FROM keys WHERE value IS NULL AND revision <= ?", (last,))
        self.forgotten = last
        for name, value in (("forgotten", last), ("revision", self.revision)):
            database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))
        (self._gone,) = database.execute("SELECT count(*) FROM keys WHERE value IS NULL").fetchone()


def sum_of(entry: Entry) -> int:
    """Of all that a row holds: a disk may give back something else than it was given."""
    head = f"{entry.store}\0{entry.key}\0{entry.revision}\0{entry.at!r}".encode()
    return zlib.crc32(b"" if entry.value is None else entry.value, zlib.crc32(head))


def _conflict(change: Change, found: int) -> ConflictError:
    what = f"it is at revision {found}" if found else "it is not there"
    expected = f"revision {change.expect}" if change.expect else "none"
    return ConflictError(
        f"{what}, and {expected} was expected", where=f"{change.store}/{change.key}",
        remedy="get it again, and decide anew",
    )  # fmt: skip

"""The tables of queues and their messages, and how a group of parts is written into them."""

from __future__ import annotations

import json
import secrets
import sqlite3
from itertools import groupby
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.stores.queue_records import (
    DROP,
    MAKE,
    MOVE,
    PUT,
    REMOVE,
    TRIED,
    Kept,
    Move,
    Part,
    Put,
    QueueTerms,
    Stored,
    sum_of,
    terms_from,
)
from cantor.stores.statements import chunks, insert, marks

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS_MAX = 512
_SCHEMA = """
CREATE TABLE IF NOT EXISTS life (id TEXT NOT NULL, n INTEGER NOT NULL, open_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS queues (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, terms TEXT NOT NULL,
    dropped INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
    n INTEGER PRIMARY KEY, queue INTEGER NOT NULL, put_at REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, take INTEGER NOT NULL DEFAULT 0, until REAL NOT NULL,
    source TEXT NOT NULL, why TEXT NOT NULL, sum INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS messages_by_queue ON messages (queue);
CREATE INDEX IF NOT EXISTS messages_tried ON messages (queue) WHERE tries > 0 OR until > 0;
"""
_PUT = "INSERT OR IGNORE INTO messages (n, queue, put_at, until, source, why, sum, body) VALUES "
_REMOVE = "DELETE FROM messages WHERE n IN "
_TRIED = "WITH told(n, tries, take, until) AS (VALUES "
_TRIED_END = (
    ") UPDATE messages SET tries = told.tries, take = told.take, until = told.until"
    " FROM told WHERE messages.n = told.n"
)
_MESSAGE = "SELECT put_at, source, why, body, sum FROM messages WHERE n = ? AND queue = ?"
_COUNTS = "SELECT queue, count(*), sum(length(body)), max(n) FROM messages GROUP BY queue"
_WAITING = (
    "SELECT queue, n, length(body), tries, take, until FROM messages"
    " WHERE tries > 0 OR until > 0 ORDER BY n"
)


class QueueTables:
    """A plan for ``Groups``; ``life`` counts how often the store was opened, ``id`` is of this
    database as long as it is not lost. In one thread at a time.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._base = 0.0
        self._opened: float | None = None
        self.id = ""
        self.life = 0
        self._ways: dict[int, Callable[[sqlite3.Connection, list[Part]], list[Any]]] = {
            MAKE: _make,
            DROP: _drop,
            PUT: _put,
            REMOVE: _remove,
            MOVE: _move,
            TRIED: _tried,
        }

    @property
    def now(self) -> float:
        """Seconds that this store was open, in all."""
        return self._base + self._monotonic() - (self._opened or 0.0)

    def prepare(self, database: sqlite3.Connection) -> None:
        """Make the tables; on the first time, go on where time was."""
        database.executescript(_SCHEMA)
        if self._opened is not None:
            return
        row = database.execute("SELECT id, n, open_s FROM life").fetchone()
        if row is None:
            row = (secrets.token_hex(8), 0, 0.0)
            database.execute("INSERT INTO life VALUES (?, ?, ?)", row)
        self.id, self._base = row[0], row[2]
        self.life = row[1] + 1
        database.execute("UPDATE life SET n = ?", (self.life,))
        self._opened = self._monotonic()

    def write(self, database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
        """Write a group in its order."""
        outcomes: list[Any] = []
        for kind, some in groupby(parts, lambda part: part.kind):
            outcomes += self._ways[kind](database, list(some))
        database.execute("UPDATE life SET open_s = ?", (self.now,))
        return outcomes

    def kept(self, database: sqlite3.Connection) -> list[Kept]:
        """All queues, with the messages that are not simply waiting for their first try."""
        counts = {queue: told for queue, *told in database.execute(_COUNTS)}
        tried: dict[int, list[Any]] = {}
        for queue, *told in database.execute(_WAITING):
            tried.setdefault(queue, []).append(tuple(told))
        return [
            _kept(row, counts.get(row[0], [0, 0, 0]), tried.get(row[0], []))
            for row in database.execute("SELECT number, name, terms, dropped FROM queues")
        ]


def _kept(row: tuple[Any, ...], counts: list[int], tried: list[Any]) -> Kept:
    number, name, terms, dropped = row
    count, size, last = counts
    try:
        told = terms_from(json.loads(terms), name)
    except (ValueError, TypeError, ConfigError) as error:
        raise sqlite3.DatabaseError(f"the terms of queue {name} are damaged") from error
    return Kept(number, name, told, dropped, count, size, last, tried)


def _make(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    return [_made(database, *part.content) for part in parts]


def _made(database: sqlite3.Connection, name: str, terms: QueueTerms) -> int | None:
    return database.execute(
        "INSERT INTO queues (name, terms) VALUES (?, ?)", (name, json.dumps(terms.as_value()))
    ).lastrowid


def _drop(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    for part in parts:
        database.execute("DELETE FROM messages WHERE queue = ?", (part.content,))
        database.execute("DELETE FROM queues WHERE number = ?", (part.content,))
    return [None] * len(parts)


def _put(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    rows = [
        (one.n, put.queue, one.put_at, put.until, one.source, one.why, sum_of(put.queue, one),
         one.body)
        for put in _contents(parts)
        for one in put.messages
    ]  # fmt: skip
    insert(database, _PUT, rows, ROWS_MAX)
    return [None] * len(parts)


def _remove(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    removed = _contents(parts)
    for some in chunks([n for one in removed for n in one.numbers], ROWS_MAX):
        database.execute(_REMOVE + marks(len(some)), some)
    for one in removed:
        if one.dropped:
            _count_dropped(database, one.queue, one.dropped)
    return [None] * len(parts)


def _count_dropped(database: sqlite3.Connection, queue: int, count: int) -> None:
    database.execute("UPDATE queues SET dropped = dropped + ? WHERE number = ?", (count, queue))


def _move(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    return [_moved(database, move) for move in _contents(parts)]


def _moved(database: sqlite3.Connection, move: Move) -> bool:
    row = database.execute(_MESSAGE, (move.n, move.queue)).fetchone()
    if row is None:
        return False
    put_at, _, _, body, _ = row
    if move.body is not None:
        body = move.body
    letter = Stored(move.new, put_at, body, move.source, move.why)
    _put(database, [Part(PUT, Put(move.to, [letter]))])
    database.execute("DELETE FROM messages WHERE n = ?", (move.n,))
    return True


def _tried(database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
    rows = {n: (n, tries, take, until) for part in parts for tries, take, until, n in part.content}
    insert(database, _TRIED, list(rows.values()), ROWS_MAX, _TRIED_END)
    return [None] * len(parts)


def _contents(parts: list[Part]) -> list[Any]:
    return [part.content for part in parts]

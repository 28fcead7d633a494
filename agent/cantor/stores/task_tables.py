"""The tables of durable tasks, and how a group of parts is written into them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.stores.statements import chunks, insert, marks
from cantor.stores.task_records import (
    ASK,
    END,
    FORGET,
    READ,
    ROWS,
    TAKE,
    Asked,
    Limits,
    Outcome,
    Part,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

SWEEP_S = 60.0
"""What was kept long enough is looked for so often."""
TIGHT_SWEEP_S = 1.0
"""So often when there is little room."""
ROOM = 0.9
"""Results that were taken make room when more than this part of a limit is used."""
_SCHEMA = """
CREATE TABLE IF NOT EXISTS life (n INTEGER NOT NULL, open_s REAL NOT NULL);
CREATE TABLE IF NOT EXISTS codes (id TEXT PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS asked (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, code TEXT NOT NULL,
    terms BLOB NOT NULL, python TEXT NOT NULL, at REAL NOT NULL, arguments BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS outcomes (
    n INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, state TEXT NOT NULL,
    attempt TEXT NOT NULL, at REAL NOT NULL, taken REAL, size INTEGER NOT NULL,
    told BLOB NOT NULL);
"""
_ASK = "INSERT OR IGNORE INTO asked (id, name, code, terms, python, at, arguments) VALUES "
_END = "INSERT OR IGNORE INTO outcomes (id, name, state, attempt, at, size, told) VALUES "
_TAKE = "UPDATE outcomes SET taken = ? WHERE id IN "
_DONE = "DELETE FROM asked WHERE id IN "
_MAKE_ROOM = (
    "DELETE FROM outcomes WHERE n IN"
    " (SELECT n FROM outcomes WHERE taken IS NOT NULL ORDER BY n LIMIT ?)"
)
_READ = "SELECT id, name, state, attempt, at, taken, told FROM outcomes WHERE id = ?"
_NEWEST = "SELECT id, name, state, attempt, at, taken FROM outcomes ORDER BY n DESC LIMIT ?"
_LATEST = (
    "SELECT max(coalesce((SELECT max(at) FROM asked), 0),"
    " coalesce((SELECT max(max(at), coalesce(max(taken), 0)) FROM outcomes), 0))"
)


class Tables:
    """A plan for ``Groups``; ``count`` and ``bytes`` are what is kept, ``life`` counts how often
    the store was opened. In one thread at a time.
    """

    def __init__(self, limits: Limits, monotonic: Callable[[], float]) -> None:
        self._limits = limits
        self._monotonic = monotonic
        self._codes: set[str] = set()
        self._base = 0.0
        self._opened: float | None = None
        self._swept = 0.0
        self.life = 0
        self.count = 0
        self.bytes = 0

    @property
    def now(self) -> float:
        """Seconds that this store was open, in all."""
        return self._base + self._monotonic() - (self._opened or 0.0)

    def prepare(self, database: sqlite3.Connection) -> None:
        """Make the tables; on the first time, go on where time was."""
        database.executescript(_SCHEMA)
        self._codes.clear()
        if self._opened is None:
            self._begin(database)
        self._measure(database)

    def _begin(self, database: sqlite3.Connection) -> None:
        row = database.execute("SELECT n, open_s FROM life").fetchone()
        if row is None:
            database.execute("INSERT INTO life VALUES (1, 0)")
            row = (0, 0.0)
        self.life = row[0] + 1
        database.execute("UPDATE life SET n = ?", (self.life,))
        (latest,) = database.execute(_LATEST).fetchone()  # newer than the last sweep
        self._base = max(row[1], latest)
        self._opened = self._monotonic()
        self._swept = self._base

    def write(self, database: sqlite3.Connection, parts: list[Part]) -> list[Any]:
        """Write a group: all that was asked, then all that has ended, then the rest in order."""
        now = self.now
        asked = [part.content for part in parts if part.kind == ASK]
        ended = [part.content for part in parts if part.kind == END]
        if asked:
            self._ask(database, asked, now)
        if ended:
            self._end(database, ended, now)
        taken = [part.content for part in parts if part.kind == TAKE]
        for some in chunks(taken):
            database.execute(_TAKE + marks(len(some)), (now, *some))
        outcomes = [
            _REST[part.kind](database, part.content) if part.kind in _REST else None
            for part in parts
        ]
        self._count(asked, ended, outcomes)
        if now - self._swept >= (TIGHT_SWEEP_S if self._is_tight() else SWEEP_S):
            self._sweep(database, now)
        return outcomes

    def asked(self, database: sqlite3.Connection) -> list[tuple[Asked, bytes]]:
        """All that has no result, in the order of the submits, each with its code."""
        codes = dict(database.execute("SELECT id, data FROM codes"))  # each once in memory
        rows = database.execute(
            "SELECT id, name, code, terms, python, arguments, at FROM asked ORDER BY n"
        )
        return [(one, codes[one.code]) for row in rows if (one := Asked(*row)).code in codes]

    def _ask(
        self, database: sqlite3.Connection, asked: list[tuple[Asked, bytes]], now: float
    ) -> None:
        for one, data in asked:
            if one.code not in self._codes:
                database.execute("INSERT OR IGNORE INTO codes VALUES (?, ?)", (one.code, data))
                self._codes.add(one.code)
        rows = [
            (one.id, one.name, one.code, one.terms, one.python, now, one.arguments)
            for one, _ in asked
        ]
        insert(database, _ASK, rows)

    def _end(self, database: sqlite3.Connection, ended: list[Outcome], now: float) -> None:
        rows = [
            (one.id, one.name, one.state, one.attempt, now, one.size, one.told) for one in ended
        ]
        insert(database, _END, rows)
        for some in chunks([one.id for one in ended]):
            database.execute(_DONE + marks(len(some)), some)

    def _count(
        self, asked: list[tuple[Asked, bytes]], ended: list[Outcome], outcomes: list[Any]
    ) -> None:
        """About: what is written again, or forgotten, the next sweep sets right."""
        self.count += len(asked) - sum(outcome is True for outcome in outcomes)
        self.bytes += sum(one.size for one, _ in asked) + sum(one.size for one in ended)

    def _is_tight(self) -> bool:
        limits = self._limits
        return self.count > ROOM * limits.tasks_max or self.bytes > ROOM * limits.bytes_max

    def _sweep(self, database: sqlite3.Connection, now: float) -> None:
        limits = self._limits
        self._swept = now
        database.execute("UPDATE life SET open_s = ?", (now,))
        database.execute(
            "DELETE FROM outcomes WHERE at < ? OR taken < ?",
            (now - limits.result_s, now - limits.taken_s),
        )
        self._measure(database)
        if self._is_tight():
            database.execute(_MAKE_ROOM, (self.count // 2,))
            self._measure(database)
        database.execute("DELETE FROM codes WHERE id NOT IN (SELECT code FROM asked)")
        self._codes = {row[0] for row in database.execute("SELECT id FROM codes")}

    def _measure(self, database: sqlite3.Connection) -> None:
        query = "SELECT (SELECT count(*) FROM {0}), (SELECT coalesce(sum({1}), 0) FROM {0})"
        asked = database.execute(query.format("asked", "length(arguments)")).fetchone()
        ended = database.execute(query.format("outcomes", "size")).fetchone()
        self.count = asked[0] + ended[0]
        self.bytes = asked[1] + ended[1]


def _forget(database: sqlite3.Connection, task: str) -> bool:
    return database.execute("DELETE FROM outcomes WHERE id = ?", (task,)).rowcount > 0


def _read(database: sqlite3.Connection, task: str) -> Outcome | None:
    row = database.execute(_READ, (task,)).fetchone()
    return None if row is None else _outcome(row[:-1], row[-1])


def _rows(database: sqlite3.Connection, count: int) -> list[Outcome]:
    return [_outcome(row, b"") for row in database.execute(_NEWEST, (count,))]


def _outcome(row: Sequence[Any], told: bytes) -> Outcome:
    task, name, state, attempt, at, taken = row
    return Outcome(task, name, state, attempt, told, at, taken)


_REST: dict[int, Callable[[sqlite3.Connection, Any], Any]] = {
    FORGET: _forget,
    READ: _read,
    ROWS: _rows,
}

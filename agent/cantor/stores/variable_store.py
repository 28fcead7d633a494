"""The variables of a tenant on the disk of one node, written in groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError
from cantor.ledger.variables.entry import Entry, read_entry
from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.groups import Groups

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

    Outcome = StoreError | None
    Tell = Callable[[Outcome], None]

FILE_NAME = "variables.db"
_TABLES = (
    "CREATE TABLE IF NOT EXISTS variables (name TEXT PRIMARY KEY, hlc INTEGER NOT NULL,"
    " writer BLOB NOT NULL, value BLOB) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS horizon (one INTEGER PRIMARY KEY CHECK (one = 1),"
    " hlc INTEGER NOT NULL)",
)


class Save:
    """Entries as they are now, names that are not kept any longer, and the horizon."""

    stays = True
    """What was taken holds in the mesh, whether this disk likes it or not."""

    def __init__(
        self, entries: Sequence[Entry], gone: Sequence[str], horizon: int, tell: Tell
    ) -> None:
        self.entries = entries
        self.gone = gone
        self.horizon = horizon
        self.told = tell

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return sum(entry.size for entry in self.entries) + 64


class VariableStore:
    """``soon`` takes what shall be told of a group, in the store's thread, and calls it where that
    belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        *,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; it is made if it is not there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._groups = Groups(folder / FILE_NAME, _Tables(), soon, connect=connect)

    def load(self) -> tuple[list[Entry], int]:
        """All that is kept, and the horizon; only before anything is saved.

        Raises:
            StoreError: it cannot be read.
        """
        return self._groups.read(_load)

    def save(self, entries: Sequence[Entry], gone: Sequence[str], horizon: int, tell: Tell) -> None:
        """Keep entries in place of those of the same names; ``tell`` hears when they are synced.

        If the disk refuses it hears that, and again when they are written after all.

        Raises:
            StoreError: the store is closed.
        """
        self._groups.add(Save(entries, gone, horizon, tell))

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()


class _Tables:
    """The plan of the groups."""

    def prepare(self, database: sqlite3.Connection) -> None:
        for table in _TABLES:
            database.execute(table)

    def write(self, database: sqlite3.Connection, parts: list[Any]) -> list[Any]:
        for part in parts:
            database.executemany(
                "INSERT OR REPLACE INTO variables VALUES (?, ?, ?, ?)",
                [(e.name, e.hlc, bytes.fromhex(e.writer), e.value) for e in part.entries],
            )
            database.executemany("DELETE FROM variables WHERE name = ?", [(n,) for n in part.gone])
        horizon = max(part.horizon for part in parts)
        if horizon:
            database.execute("INSERT OR REPLACE INTO horizon VALUES (1, ?)", (horizon,))
        return [None] * len(parts)


def _load(database: sqlite3.Connection) -> tuple[list[Entry], int]:
    found = database.execute("SELECT hlc FROM horizon").fetchone()
    rows = database.execute("SELECT name, hlc, writer, value FROM variables").fetchall()
    try:
        return [read_entry(list(row)) for row in rows], int(found[0]) if found else 0
    except RemoteProtocolError as error:
        raise StoreError(
            "what is kept of the variables is damaged",
            where=FILE_NAME,
            remedy="end the agent and remove the file: it is filled again from the other nodes",
        ) from error

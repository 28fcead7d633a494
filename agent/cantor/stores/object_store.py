"""The objects that a node owns: their table, changed in groups, each synced before it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.stores import groups
from cantor.stores.groups import Groups
from cantor.stores.object_tables import COLUMNS, Delete, Entry, ObjectTables, Put, entry_of
from cantor.stores.reader import Reader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

FILE_NAME = "objects.db"
_LAST = "\U0010ffff"


class ObjectStore:
    """``soon`` takes what shall be told of a group, in the store's thread, and calls it where that
    belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        tables: ObjectTables,
        *,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; the file is made if it is not there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._path = folder / FILE_NAME
        self.tables = tables
        self._reader = Reader(self._path)
        self._groups = Groups(self._path, tables, soon, connect=connect)

    def change(self, change: Put | Delete) -> None:
        """Write it with the next group.

        Raises:
            StoreError: the store is closed.
        """
        self._groups.add(change)

    def get(self, key: str) -> Entry | None:
        """An object by its key.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        return self._one("key = ?", key)

    def named(self, name: str) -> Entry | None:
        """An object by its name. Raises as :meth:`get`."""
        return self._one("name = ?", name)

    def after(self, prefix: str, name: str, key: str, count: int) -> list[Entry]:
        """The next objects whose names begin so, in order of name and key; those without a name
        come first, if the prefix is empty. Raises as :meth:`get`.
        """
        return self._read(
            "is_gone = 0 AND name >= ? AND name < ? AND (name, key) > (?, ?)"
            " ORDER BY name, key LIMIT ?",
            (prefix, prefix + _LAST, name, key, count),
        )

    def over(self, now: float, count: int) -> list[Entry]:
        """Objects whose time is over, or that were deleted while they were held."""
        return self._read("until <= ? OR is_gone = 1 LIMIT ?", (now, count))

    def has_passing(self) -> bool:
        """Whether any object goes by itself. Raises as :meth:`uses`."""
        query = "SELECT 1 FROM objects WHERE until IS NOT NULL OR is_gone = 1 LIMIT 1"
        return bool(self._reader.query(query, ()))

    def uses(self, content_id: str) -> bool:
        """Whether any object has that content.

        Raises:
            StoreError: it cannot be read.
        """
        query = "SELECT 1 FROM objects WHERE content = ? LIMIT 1"
        return bool(self._reader.query(query, (content_id,)))

    def contents(self) -> set[str]:
        """What contents objects have. Raises as :meth:`uses`."""
        return {row[0] for row in self._reader.query("SELECT DISTINCT content FROM objects", ())}

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()
        self._reader.close()

    def _one(self, where: str, value: str) -> Entry | None:
        found = self._read(where, (value,))
        return found[0] if found else None

    def _read(self, where: str, values: tuple[Any, ...]) -> list[Entry]:
        query = f"SELECT {COLUMNS} FROM objects WHERE {where}"  # noqa: S608 (ours)
        return [entry_of(row) for row in self._reader.query(query, values)]

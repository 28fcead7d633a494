"""Keys and values on the disk of one node: changes in groups, each synced before it is told.

Readers see what was written; a change that is not synced yet nobody sees.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.groups import Groups
from cantor.stores.key_tables import Change, Entry, KeyTables, sum_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    T = TypeVar("T")

FILE_NAME = "keys.db"
_COLUMNS = "SELECT store, key, revision, at, value, sum FROM keys"
_LAST = "\U0010ffff"


class KeyStore:
    """``soon`` takes what shall be told of a group, in the store's thread, and calls it where that
    belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        *,
        tables: KeyTables | None = None,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; the file is made if it is not there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._path = folder / FILE_NAME
        self._soon = soon
        self.tables = tables or KeyTables()
        self._reader: sqlite3.Connection | None = None
        self._groups = Groups(self._path, self.tables, self._told, connect=connect)

    def change(self, change: Change) -> None:
        """Write it with the next group.

        Raises:
            StoreError: the store is closed.
        """
        self._groups.add(change)

    def get(self, store: str, key: str) -> Entry | None:
        """The value of a key, if it has one.

        Raises:
            StoreError: it cannot be read, or is damaged.
        """
        found = self._read(
            f"{_COLUMNS} WHERE store = ? AND key = ? AND value IS NOT NULL", (store, key)
        )
        return found[0] if found else None

    def after(
        self, store: str, prefix: str, key: str, count: int, *, is_from: bool = False
    ) -> list[Entry]:
        """The next keys with a value that begin so, in order; ``is_from``: that key, too.

        Raises:
            StoreError: they cannot be read, or one is damaged.
        """
        sign = ">=" if is_from else ">"
        return self._read(
            f"{_COLUMNS} WHERE store = ? AND key {sign} ? AND key >= ? AND key < ?"
            " AND value IS NOT NULL ORDER BY key LIMIT ?",
            (store, key, prefix, prefix + _LAST, count),
        )

    def since(self, store: str, prefix: str, revision: int, count: int) -> list[Entry]:
        """What has changed after a revision, each key once as it is now, the oldest change first.

        Raises:
            StoreError: they cannot be read, or one is damaged.
        """
        return self._read(
            f"{_COLUMNS} WHERE revision > ? AND store = ? AND key >= ? AND key < ?"
            " ORDER BY revision LIMIT ?",
            (revision, store, prefix, prefix + _LAST, count),
        )

    def stores(self) -> list[tuple[str, int, int]]:
        """What stores have keys: the name of each, how many, and their bytes.

        Raises:
            StoreError: they cannot be read.
        """
        return self._query(
            "SELECT store, count(*), sum(length(key) + length(value)) FROM keys"
            " WHERE value IS NOT NULL GROUP BY store ORDER BY store",
            (),
        )

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()
        self._let_go()

    def _read(self, query: str, values: tuple[Any, ...]) -> list[Entry]:
        entries = []
        for *row, told in self._query(query, values):
            entry = Entry(*row)
            if sum_of(entry) != told:
                raise StoreError(
                    "what the disk gives back is not what was written",
                    where=f"{self._path.name}: {entry.store}/{entry.key}",
                    remedy="set or delete the key, and look after the disk",
                )
            entries.append(entry)
        return entries

    def _query(self, query: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            if self._reader is None:
                self._reader = sqlite3.connect(
                    f"file:{self._path}?mode=ro", uri=True, isolation_level=None
                )
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._let_go()
            raise StoreError(f"cannot be read: {error}", where=str(self._path)) from error

    def _let_go(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            with suppress(sqlite3.Error):
                reader.close()

    def _told(self, told: list[tuple[Change, Any]]) -> None:
        def tell() -> None:
            for change, outcome in told:
                change.told(outcome)

        self._soon(tell)

"""Keys and values on the disk of one node: changes in groups, each synced before it is told.

Readers see what was written; a change that is not synced yet nobody sees.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.groups import Groups
from cantor.stores.key_queries import KeyQueries
from cantor.stores.key_tables import KeyTables

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Any

    from cantor.stores.key_tables import Change

FILE_NAME = "keys.db"


class KeyStore(KeyQueries):
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
        super().__init__(FILE_NAME)
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

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()
        self._let_go()

    def _query(self, query: str, values: Sequence[Any]) -> list[Any]:
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

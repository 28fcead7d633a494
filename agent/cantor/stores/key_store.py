"""Keys and values on the disk of one node: changes in groups, each synced before it is told.

Readers see what was written; a change that is not synced yet nobody sees.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.stores import groups
from cantor.stores.groups import Groups
from cantor.stores.key_queries import KeyQueries
from cantor.stores.key_tables import KeyTables
from cantor.stores.reader import Reader

if TYPE_CHECKING:
    import sqlite3
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
        self.tables = tables or KeyTables()
        self._reader = Reader(self._path)
        self._groups = Groups(self._path, self.tables, soon, connect=connect)

    def change(self, change: Change) -> None:
        """Write it with the next group.

        Raises:
            StoreError: the store is closed.
        """
        self._groups.add(change)

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()
        self._reader.close()

    def _query(self, query: str, values: Sequence[Any]) -> list[Any]:
        return self._reader.query(query, values)

"""Reading a database that the thread of a store writes: what was written is seen at once."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Reader:
    """A second connection, opened when something is asked; used in one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None

    def query(self, query: str, values: Sequence[Any]) -> list[Any]:
        """The rows.

        Raises:
            StoreError: they cannot be read.
        """
        try:
            if self._database is None:
                self._database = sqlite3.connect(
                    f"file:{self._path}?mode=ro", uri=True, isolation_level=None
                )
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self.close()
            raise StoreError(f"cannot be read: {error}", where=str(self._path)) from error

    def close(self) -> None:
        """Let go of the file; it is opened again by the next question."""
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

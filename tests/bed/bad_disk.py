"""A disk that refuses to write, under a database."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class BadDisk(sqlite3.Connection):
    """Refuses so many commits, as SQLite does when the system says EIO or ENOSPC; counts them."""

    refuse = 0
    refused = 0
    words = "disk I/O error"

    def execute(self, statement: str, *args: Any) -> sqlite3.Cursor:  # noqa: ANN401 (SQLite's)
        if statement == "COMMIT" and BadDisk.refuse > 0:
            BadDisk.refuse -= 1
            BadDisk.refused += 1
            raise sqlite3.OperationalError(BadDisk.words)
        return super().execute(statement, *args)

    @classmethod
    def open(cls, path: Path) -> sqlite3.Connection:
        """The database of that file, as the stores open it."""
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, factory=cls)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        return database

    @classmethod
    def reset(cls) -> None:
        """Refuse nothing, and count from nothing."""
        cls.refuse = cls.refused = 0
        cls.words = "disk I/O error"

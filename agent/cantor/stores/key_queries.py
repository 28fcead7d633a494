"""Reading keys and values, wherever their tables are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.stores.errors import StoreError
from cantor.stores.key_tables import Entry, sum_of

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLUMNS = "SELECT store, key, revision, at, value, sum FROM keys"
_LAST = "\U0010ffff"


class KeyQueries:
    """``where`` is what people find the tables under."""

    def __init__(self, where: str) -> None:
        self._where = where

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

    def _read(self, query: str, values: Sequence[Any]) -> list[Entry]:
        entries = []
        for *row, told in self._query(query, values):
            entry = Entry(*row)
            if sum_of(entry) != told:
                raise StoreError(
                    "what the disk gives back is not what was written",
                    where=f"{self._where}: {entry.store}/{entry.key}",
                    remedy="set or delete the key, and look after the disk",
                )
            entries.append(entry)
        return entries

    def _query(self, query: str, values: Sequence[Any]) -> list[Any]:
        """The rows; it may raise a StoreError."""
        raise NotImplementedError

"""Durable queues on the disk of one node: changes in groups, each synced before it is told.

Readers see what was written; what is not synced yet nobody sees. What is remembered of takes is
written with the next group, and nobody waits for it: a take that is lost makes its message come
again, no more.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.stores import groups
from cantor.stores.groups import Groups
from cantor.stores.queue_records import FILE_NAME, Kept, Part, Stored, sum_of
from cantor.stores.queue_tables import ROWS_MAX, QueueTables
from cantor.stores.reader import Reader
from cantor.stores.statements import chunks, marks

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from pathlib import Path

_NUMBER_BITS = 32
_AFTER = (
    "SELECT n, length(body) FROM messages WHERE queue = ? AND n > ? AND n <= ? ORDER BY n LIMIT ?"
)
_BODIES = "SELECT n, put_at, body, source, why, sum FROM messages WHERE queue = ? AND n IN "


class QueueStore:
    """``soon`` takes what shall be told of a group, in the store's thread, and calls it where that
    belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; the file is made if it is not there.

        Raises:
            StoreError: it cannot be read or written.
        """
        self._path = folder / FILE_NAME
        self._tables = QueueTables(monotonic)
        self._reader = Reader(self._path)
        self._groups = Groups(self._path, self._tables, soon, connect=connect)
        self._numbers = self._tables.life << _NUMBER_BITS

    @property
    def id(self) -> str:
        """Of this database, as long as it is not lost."""
        return self._tables.id

    @property
    def now(self) -> float:
        """Seconds that this store was open, in all."""
        return self._tables.now

    def number(self) -> int:
        """One that nothing here ever had, greater than all before."""
        self._numbers += 1
        return self._numbers

    def kept(self) -> list[Kept]:
        """All queues that it has; call it before anything is written.

        Raises:
            StoreError: they cannot be read.
        """
        return self._groups.read(self._tables.kept)

    def write(self, part: Part) -> None:
        """Write it with the next group.

        Raises:
            StoreError: the store is closed.
        """
        self._groups.add(part)

    def after(self, queue: int, after: int, last: int, count: int) -> list[tuple[int, int]]:
        """The next messages of a queue behind a number up to another: of each n and size.

        Raises:
            StoreError: they cannot be read.
        """
        return self._reader.query(_AFTER, (queue, after, last, count))

    def messages(self, queue: int, numbers: Sequence[int]) -> dict[int, Stored]:
        """These messages; what is not there is left out, what is damaged says so.

        Raises:
            StoreError: they cannot be read.
        """
        found = {}
        for some in chunks(numbers, ROWS_MAX):
            for *row, told in self._reader.query(_BODIES + marks(len(some)), (queue, *some)):
                one = Stored(*row)
                is_damaged = sum_of(queue, one) != told
                found[one.n] = replace(one, is_damaged=True) if is_damaged else one
        return found

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._groups.close()
        self._reader.close()

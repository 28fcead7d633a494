"""Groups of writes on one SQLite database: what comes while the disk works goes with the next one.

One thread has the connection. All that a group holds is one transaction, synced once; only then is
each of its parts told. If a group fails, nothing of it counts and the database is opened anew, for
what the file holds is not known any more. Parts that may not be given up stay for the next group.
"""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")
AGAIN_S = 2.0
"""What could not be written and may not be given up is tried so long after."""
GROUP_PARTS_MAX = 4096
AGAIN_BYTES_MAX = 256 * 1024 * 1024
"""What stays beyond that is given up after all: memory has an end, too."""
_BUSY_TIMEOUT_S = 10.0
_NO_ROOM = "free some: nothing is acknowledged that was not written"


class Part(Protocol):
    """One part of a group."""

    stays: bool
    """It is tried until it is written."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (its own, or a StoreError)
        """What came of it: called once, and once more when what failed and stays is written."""


class Plan(Protocol):
    """What to do with a database."""

    def prepare(self, database: sqlite3.Connection) -> None:
        """It was opened: tables are made here."""

    def write(self, database: sqlite3.Connection, parts: list[Any]) -> list[Any]:
        """Write these, inside a transaction; what to tell each of them."""


def connect(path: Path) -> sqlite3.Connection:
    """The database of that file; other users cannot read it.

    Raises:
        OSError, sqlite3.Error: it cannot be opened.
    """
    path.touch(mode=0o600)
    database = sqlite3.connect(
        path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
    except BaseException:
        database.close()  # a damaged file is told by the first statement, not by opening it
        raise
    return database


class Groups:
    """``soon`` takes what shall be told of a group, in the thread of the groups, and calls it where
    that belongs.
    """

    def __init__(
        self,
        path: Path,
        plan: Plan,
        soon: Callable[[Callable[[], None]], None],
        *,
        connect: Callable[[Path], sqlite3.Connection] = connect,
        again_s: float = AGAIN_S,
    ) -> None:
        """Open the database.

        Raises:
            StoreError: it cannot be.
        """
        self._path = path
        self._plan = plan
        self._soon = soon
        self._connect = connect
        self._again_s = again_s
        self._changed = threading.Condition()
        self._pending: list[Any] = []
        self._again: list[Any] = []
        self._is_closing = False
        self._database: sqlite3.Connection | None = None
        try:
            self._open()
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error
        self._thread = threading.Thread(target=self._run, name="cantor:store", daemon=True)
        self._has_begun = False

    def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the database at once; only before the first part is added.

        Raises:
            StoreError: it cannot be read.
        """
        try:
            return query(self._database or self._open())
        except (OSError, sqlite3.Error) as error:
            raise self._error(error) from error

    def add(self, part: Part) -> None:
        """Write it with the next group.

        Raises:
            StoreError: the store is closed.
        """
        with self._changed:
            if self._is_closing:
                raise StoreError("the store is closed", where=str(self._path))
            if not self._has_begun:
                self._has_begun = True
                self._thread.start()
            self._pending.append(part)
            self._changed.notify()

    def close(self) -> None:
        """Write what is left, and end; it blocks. What stays is tried once more only."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._has_begun:
            self._thread.join()
        self._let_go()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(
                    lambda: self._pending or self._is_closing,
                    self._again_s if self._again else None,
                )
                room = GROUP_PARTS_MAX
                group, self._pending = self._pending[:room], self._pending[room:]
                is_last = self._is_closing and not self._pending
            if group or self._again:
                self._write(group)
            if is_last:
                return

    def _write(self, fresh: list[Any]) -> None:
        again, self._again = self._again, []
        parts = [*again, *fresh]
        try:
            outcomes = self._commit(parts)
        except (OSError, sqlite3.Error) as error:
            failed = self._error(error)
            self._let_go()
            self._again = again
            room = AGAIN_BYTES_MAX - sum(part.size for part in again)
            for part in fresh:
                if part.stays and part.size <= room:
                    self._again.append(part)
                    room -= part.size
            self._tell([(part, failed) for part in fresh])  # those before know it
        except Exception as error:  # noqa: BLE001 (one of them cannot be written, ever: which?)
            self._let_go()
            if len(parts) == 1:
                self._tell([(parts[0], StoreError(f"cannot be written: {error}"))])
            else:
                for part in parts:
                    self._write([part])
        else:
            self._tell(list(zip(parts, outcomes, strict=True)))

    def _tell(self, outcomes: list[tuple[Any, Any]]) -> None:
        def tell() -> None:
            for part, outcome in outcomes:
                part.told(outcome)

        self._soon(tell)

    def _commit(self, parts: list[Any]) -> list[Any]:
        database = self._database or self._open()
        database.execute("BEGIN IMMEDIATE")
        outcomes = self._plan.write(database, parts)
        database.execute("COMMIT")
        return outcomes

    def _open(self) -> sqlite3.Connection:
        database = self._connect(self._path)
        try:
            self._plan.prepare(database)
        except BaseException:
            database.close()
            raise
        self._database = database
        return database

    def _let_go(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            with suppress(sqlite3.Error), closing(database):
                if database.in_transaction:
                    database.execute("ROLLBACK")

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"cannot be written: {error}", where=str(self._path), remedy=_NO_ROOM)

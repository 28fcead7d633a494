"""Durable tasks of one agent, or of one program: submits and results on its disk, in groups."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING, Any

from cantor.base.errors import reason_of
from cantor.stores import groups
from cantor.stores.errors import StoreError
from cantor.stores.groups import Groups
from cantor.stores.task_records import (
    ASK,
    END,
    FILE_NAME,
    FORGET,
    READ,
    ROWS,
    TAKE,
    TASK_BYTES_MAX,
    Asked,
    Limits,
    Outcome,
    Part,
)
from cantor.stores.task_tables import Tables

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from pathlib import Path

    Tell = Callable[[Any], None]

_LOCK_NAME = "tasks.lock"
LOCK_TRIES = 50
LOCK_PAUSE_S = 0.02
"""Who was killed while it started a worker leaves the lock to that one until it has begun."""


class TaskStore:
    """One process has it at a time. What is asked returns at once; ``tell`` gets what came of it, a
    StoreError if the disk refused. ``soon`` takes what shall be told of a group, in the store's
    thread, and calls it where that belongs.
    """

    def __init__(
        self,
        folder: Path,
        soon: Callable[[Callable[[], None]], None],
        *,
        limits: Limits | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        connect: Callable[[Path], sqlite3.Connection] = groups.connect,
    ) -> None:
        """Open it; the folder is made if it is not there.

        Raises:
            StoreError: it cannot be read or written, or another process has it.
        """
        self.limits = limits or Limits()
        self._path = folder / FILE_NAME
        self._lock: int | None = _locked(folder)
        self._tables = Tables(self.limits, monotonic)
        try:
            self._groups = Groups(self._path, self._tables, soon, connect=connect)
        except StoreError:
            self._let_go()
            raise

    @property
    def now(self) -> float:
        """Seconds that this store was open, in all."""
        return self._tables.now

    @property
    def life(self) -> int:
        """How often it was opened."""
        return self._tables.life

    @property
    def used(self) -> tuple[int, int]:
        """How many tasks and results it keeps, and their bytes."""
        return self._tables.count, self._tables.bytes

    def unfinished(self) -> list[tuple[Asked, bytes]]:
        """All tasks without a result, with their code; call it before anything is written.

        Raises:
            StoreError: they cannot be read.
        """
        return self._groups.read(self._tables.asked)

    def ask(self, asked: Asked, code: bytes, tell: Tell) -> None:
        """Keep a task.

        Raises:
            StoreError: there is no room for it.
        """
        count, used = self.used
        if asked.size > TASK_BYTES_MAX:
            raise StoreError(
                f"its arguments have {asked.size} bytes (limit {TASK_BYTES_MAX})",
                where=asked.name, remedy="a durable task takes less: name a file or an object",
            )  # fmt: skip
        if count >= self.limits.tasks_max or used + asked.size > self.limits.bytes_max:
            raise StoreError(
                f"{count} tasks and results with {used} bytes are kept, as many as may be",
                where=str(self._path),
                remedy="take or forget results: cantor task kept, cantor task forget",
            )
        self._groups.add(Part(ASK, (asked, code), tell))

    def end(self, outcome: Outcome, tell: Tell) -> None:
        """Keep what became of a task; if the disk refuses, ``tell`` hears it, and again when it is
        written after all.

        Raises:
            StoreError: it is too large, or the store is closed.
        """
        if outcome.size > TASK_BYTES_MAX:
            raise StoreError(
                f"its result has {outcome.size} bytes (limit {TASK_BYTES_MAX})",
                where=outcome.name,
                remedy="a durable task returns less: let it name a file or an object",
            )
        self._groups.add(Part(END, outcome, tell, stays=True))

    def take(self, task: str) -> None:
        """Its submitter has the result."""
        self._groups.add(Part(TAKE, task))

    def forget(self, task: str, tell: Tell) -> None:
        """Keep a result no longer; ``tell`` gets whether there was one."""
        self._groups.add(Part(FORGET, task, tell))

    def read(self, task: str, tell: Tell) -> None:
        """``tell`` gets the outcome of a task, None if there is none."""
        self._groups.add(Part(READ, task, tell))

    def rows(self, count: int, tell: Tell) -> None:
        """``tell`` gets the newest outcomes, without what they told."""
        self._groups.add(Part(ROWS, count, tell))

    def close(self) -> None:
        """Write what is left, and let another process have it; it blocks."""
        self._groups.close()
        self._let_go()

    def _let_go(self) -> None:
        lock, self._lock = self._lock, None
        if lock is not None:  # a second time it would be another file's number
            os.close(lock)


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(
            f"cannot be opened: {reason_of(error)}", where=str(folder), remedy="name another folder"
        ) from error
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(LOCK_PAUSE_S)
        else:
            return lock
    os.close(lock)
    raise StoreError(
        "another process keeps its tasks there", where=str(folder),
        remedy="end it, or name another folder",
    )  # fmt: skip

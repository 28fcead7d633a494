"""The journal of grants on the disk: written in groups by a thread of its own.

A group is appended and synced as one. If that fails, what the file holds is not known any more
(Linux forgets pages that it could not write): the next group is written as a whole new file.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import UnavailableError, reason_of
from cantor.identity.files import write_durably
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.events import WriteFailed, Written

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.scheduling.grants.journal import Kept, Record

BYTES_MAX = 4 * 1024 * 1024
"""A longer journal is written anew with what still counts."""


class Disk(Protocol):
    """Where the journal lives; tests put faults in its place. Methods raise ``OSError``."""

    def append(self, data: bytes) -> None:
        """Add to the file, and return when it is on the disk."""

    def replace(self, data: bytes) -> None:
        """Put a whole new file in its place, and return when it is on the disk."""

    def close(self) -> None:
        """Let go of the file."""


class FileDisk:
    """A real file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def append(self, data: bytes) -> None:
        if self._file is None:
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        left = memoryview(data)
        while left:
            left = left[os.write(self._file, left) :]
        os.fdatasync(self._file)

    def replace(self, data: bytes) -> None:
        self.close()
        write_durably(self._path, data)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class JournalFile:
    """Appends records; ``done`` is called in its thread with how each group came out."""

    def __init__(
        self,
        path: Path,
        done: Callable[[Written | WriteFailed], None],
        *,
        disk: Disk | None = None,
    ) -> None:
        self._path = path
        self._done = done
        self._disk = disk or FileDisk(path)
        self._changed = threading.Condition()
        self._pending: list[tuple[int, Record]] = []
        self._closing = False
        self._thread: threading.Thread | None = None
        self._state = journal.Kept()
        self._bytes = 0
        self._is_sound = False

    def read(self) -> tuple[Kept, bool]:
        """What it says, and whether there is one; call it once, before anything is written.

        Raises:
            UnavailableError: it is there and cannot be read.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return journal.Kept(), False
        except OSError as error:
            raise UnavailableError(
                f"cannot be read: {reason_of(error)}",
                where=str(self._path),
                remedy="mend the disk: nothing is granted without this file",
            ) from error
        kept = journal.read(data)
        self._state = journal.Kept(kept.epoch, dict(kept.leases), is_lost=kept.is_lost)
        self._bytes = kept.length
        self._is_sound = kept.length == len(data) > 0
        return kept, True

    def append(self, number: int, record: Record) -> None:
        """Write a record, soon."""
        with self._changed:
            self._pending.append((number, record))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="grants", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def close(self) -> None:
        """Write what is left, and end; it blocks."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._disk.close()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                group, self._pending = self._pending, []
            self._done(self._write(group))

    def _write(self, group: list[tuple[int, Record]]) -> Written | WriteFailed:
        before = self._state
        after = journal.Kept(before.epoch, dict(before.leases), is_lost=before.is_lost)
        for _, record in group:
            journal.apply(after, record)
        after.over.clear()
        number = group[-1][0]
        added = b"".join(journal.encode(record) for _, record in group)
        try:
            if self._is_sound and self._bytes + len(added) <= BYTES_MAX:
                self._disk.append(added)
                self._bytes += len(added)
            else:
                whole = journal.written(after)
                self._disk.replace(whole)
                self._bytes = len(whole)
        except OSError as error:
            self._is_sound = False
            self._disk.close()
            reason = f"the node cannot write down what it grants: {reason_of(error)}"
            return WriteFailed(number, reason)
        self._is_sound = True
        self._state = after
        return Written(number)

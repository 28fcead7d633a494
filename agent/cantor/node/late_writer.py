"""Files that are written by a thread of their own: once per burst, and never on the event loop."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.identity.files import write_durably

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_log = logging.getLogger(__name__)


class LateWriter:
    """Writes the newest content of each file durably; what comes while it writes is one write more.

    ``put`` may be called from one thread, ``kept`` from any.
    """

    def __init__(self, write: Callable[[Path, bytes], None] = write_durably) -> None:
        self._write = write
        self._changed = threading.Condition()
        self._pending: dict[Path, Callable[[], bytes]] = {}
        self._writing = False
        self._closing = False
        self._failures: dict[Path, str] = {}
        self._thread: threading.Thread | None = None

    def put(self, path: Path, make: Callable[[], bytes]) -> None:
        """Let ``path`` hold what ``make`` returns, soon; it is called in the other thread."""
        with self._changed:
            self._pending[path] = make
            if self._thread is None:
                self._closing = False
                self._thread = threading.Thread(target=self._run, name="node-memory", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def kept(self) -> None:
        """Return once everything is on the disk that was put before.

        Raises:
            UnavailableError: it cannot be written; the next try may succeed.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._pending and not self._writing)
            for path, reason in self._failures.items():
                raise UnavailableError(
                    f"cannot be written: {reason}", where=str(path), remedy="make room on the disk"
                )

    def close(self) -> None:
        """Write what is still pending, and end."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._closing = True
            self._changed.notify_all()
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._pending or self._closing)
                if not self._pending:
                    return
                taken, self._pending = self._pending, {}
                self._writing = True
            failures = {path: reason for path in taken if (reason := self._try(path, taken[path]))}
            with self._changed:
                self._writing = False
                kept = {path: self._failures[path] for path in self._failures if path not in taken}
                self._failures = kept | failures
                self._changed.notify_all()

    def _try(self, path: Path, make: Callable[[], bytes]) -> str:
        try:
            self._write(path, make())
        except OSError as error:
            _log.exception("a file of the node cannot be written", extra={"path": str(path)})
            return error.strerror or str(error)
        return ""

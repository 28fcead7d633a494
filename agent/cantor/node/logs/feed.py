"""The way into a node's logs from any thread: a disk that is slow or full holds nobody up."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from cantor.base.allowance import Allowance
from cantor.base.errors import reason_of
from cantor.base.log_format import FieldFormatter
from cantor.node.logs.lines import AGENT, Level, Line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.node.logs.journal import Journal

LINES_PER_S = 500.0
LINES_AT_ONCE = 10_000
"""What one source may say: one that talks without end must not drive out the others."""
WAITING_MAX = 20_000
SOURCES_MAX = 1000
WRITTEN_S = 1.0


class Feed:
    """Hands lines to the journal in a thread of its own.

    What is too much, or what the disk did not take, is counted, and the count is written when there
    is room again. ``wrote`` is called in that thread.
    """

    def __init__(
        self,
        journal: Journal,
        wrote: Callable[[], None],
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._journal = journal
        self._wrote = wrote
        self._wall = wall
        self._monotonic = monotonic
        self._changed = threading.Condition()
        self._waiting: deque[bytes] = deque()
        self._allowances: dict[str, Allowance] = {}
        self._left_out: dict[str, int] = {}
        self._unwritten, self._why = 0, ""
        self._is_closing = False
        self._is_writing = False
        self._thread = threading.Thread(target=self._run, name="node-logs", daemon=True)
        self._thread.start()

    def put(self, source: str, level: Level, texts: Iterable[str]) -> None:
        """Write these soon, each as one line."""
        at = self._wall()
        with self._changed:
            for text in texts:
                if not self._may(source):
                    self._left_out[source] = self._left_out.get(source, 0) + 1
                    continue
                if left_out := self._left_out.pop(source, 0):
                    self._note(at, source, f"{left_out} lines are left out here: too many at once")
                self._waiting.append(Line(at, level, source, text).packed())
            self._changed.notify_all()

    def written(self) -> None:
        """Return once all that was put before was given to the disk, or after a second: it may be
        held up.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._is_writing), WRITTEN_S)

    def close(self) -> None:
        """Write what waits, and end."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        self._journal.close()

    def _may(self, source: str) -> bool:
        if len(self._waiting) >= WAITING_MAX:
            return False
        if len(self._allowances) >= SOURCES_MAX:
            self._allowances.clear()
        allowance = self._allowances.get(source)
        if allowance is None:
            allowance = self._allowances[source] = Allowance(LINES_PER_S, LINES_AT_ONCE)
        return allowance.take(self._monotonic())

    def _note(self, at: float, source: str, text: str) -> None:
        self._waiting.append(Line(at, "warning", source, text).packed())

    def _run(self) -> None:
        while True:
            with self._changed:
                self._is_writing = False
                self._changed.notify_all()
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                if not self._waiting:
                    return
                lines, self._waiting = list(self._waiting), deque()
                self._is_writing = True
            try:
                self._journal.write([*self._lost(), *lines])
                self._unwritten = 0
            except OSError as error:
                self._journal.close()  # the folder may have been removed: it is made again
                self._unwritten, self._why = self._unwritten + len(lines), reason_of(error)
            self._wrote()

    def _lost(self) -> list[bytes]:
        if not self._unwritten:
            return []
        text = f"{self._unwritten} lines could not be written here: {self._why}"
        return [Line(self._wall(), "warning", AGENT, text).packed()]


class FeedHandler(logging.Handler):
    """What this program says of itself, also to stderr where it goes as well."""

    def __init__(self, feed: Feed) -> None:
        super().__init__(logging.INFO)
        self.setFormatter(FieldFormatter(has_level=False))
        self._feed = feed

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        try:
            text = self.format(record)
        except Exception:  # noqa: BLE001 (as logging does: what cannot be said harms nobody)
            self.handleError(record)
            return
        self._feed.put(AGENT, _level_of(record.levelno), [text])


def _level_of(number: int) -> Level:
    if number >= logging.ERROR:
        return "error"
    if number >= logging.WARNING:
        return "warning"
    return "info" if number >= logging.INFO else "debug"

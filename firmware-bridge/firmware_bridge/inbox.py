"""Events on their way from a driver's thread to the event loop: bounded, in order, in batches."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from firmware_bridge.events import Overflowed, Received

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from firmware_bridge.events import Event

BATCH_MAX = 256


class Inbox:
    """``put`` from any thread; ``take`` is called on the loop with each event.

    At most ``waiting_max`` messages wait; those beyond are dropped and told as ``Overflowed``.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, take: Callable[[Event], None], waiting_max: int
    ) -> None:
        self._loop = loop
        self._take = take
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._waiting: deque[Event] = deque()
        self._dropped: dict[str, int] = {}
        self._is_due = False
        self._is_closed = False

    def put(self, event: Event) -> None:
        """Add an event; what comes after ``close`` is forgotten."""
        with self._lock:
            if self._is_closed:
                return
            if isinstance(event, Received) and len(self._waiting) >= self._waiting_max:
                self._dropped[event.link] = self._dropped.get(event.link, 0) + 1
            else:
                self._waiting.append(event)
            if not self._is_due:
                self._is_due = True
                self._loop.call_soon_threadsafe(self._deliver)

    def close(self) -> None:
        """Deliver nothing more."""
        with self._lock:
            self._is_closed = True
            self._waiting.clear()
            self._dropped.clear()

    def _deliver(self) -> None:
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_MAX))]
            dropped, self._dropped = self._dropped, {}
            self._is_due = bool(self._waiting)
            if self._is_due:
                self._loop.call_soon(self._deliver)
        for event in batch:
            self._take(event)
        for link, count in dropped.items():
            self._take(Overflowed(link, count))

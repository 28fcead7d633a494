"""What threads of pools report, taken by the event loop in the order in which it was said."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Reports:
    """Each is called on the loop on which this was started."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_woken = False

    def start(self) -> None:
        """Take them on this loop from now on."""
        self._loop = asyncio.get_running_loop()

    def put(self, report: Callable[[], None]) -> None:
        """Report something, in any thread."""
        self._waiting.append(report)
        if not self._is_woken and self._loop is not None:
            self._is_woken = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._take_all)

    def _take_all(self) -> None:
        self._is_woken = False
        while self._waiting:
            self._waiting.popleft()()

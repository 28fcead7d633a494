"""Calls of an actor's methods on one event loop: those that wait overlap, all begin in order."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING

from cantor.workers.beside import begin_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.execution import Execution
    from cantor.workers.messages import Message


class Loop:
    """Runs units on an event loop of its own thread. ``run`` and ``stop`` are for any thread."""

    def __init__(self, execution: Callable[[], Execution], begin: Callable[[], None]) -> None:
        """``begin`` makes what is written in a context that of its unit."""
        self._execution = execution
        self._begin = begin
        self._loop = asyncio.new_event_loop()
        self._calls: dict[int, asyncio.Task[None]] = {}
        threading.Thread(target=self._loop.run_forever, name="actor", daemon=True).start()

    def run(self, message: Message) -> None:
        """Begin a unit after those before it."""
        self._loop.call_soon_threadsafe(self._start, message)

    def stop(self, unit: int) -> None:
        """Cancel a unit."""
        self._loop.call_soon_threadsafe(self._cancel, unit)

    def _start(self, message: Message) -> None:
        unit = message[1]
        call = self._loop.create_task(self._call(message), context=copy_context())
        self._calls[unit] = call
        call.add_done_callback(lambda _: self._calls.pop(unit))

    async def _call(self, message: Message) -> None:
        begin_unit(message[1])
        self._begin()
        await self._execution().run_beside(message)

    def _cancel(self, unit: int) -> None:
        call = self._calls.get(unit)
        if call is not None:
            call.cancel()

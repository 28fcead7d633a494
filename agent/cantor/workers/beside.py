"""Units that run in threads of one worker, each with its own output, progress and end."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING

from cantor.workers.execution import STOPPED, Execution, Stopped
from cantor.workers.messages import FAILED

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.messages import Message

THREADS_MAX = 10_000
"""No bound: the pool counts."""
_unit: ContextVar[int | None] = ContextVar("cantor:unit", default=None)


def unit_here() -> int | None:
    """The unit that runs in this thread or coroutine beside others."""
    return _unit.get()


def begin_unit(unit: int) -> None:
    """This thread or coroutine runs that unit from now on."""
    _unit.set(unit)


class Threads:
    """Runs units in threads. ``run`` and ``stop`` may be called by any one thread."""

    def __init__(
        self,
        execution: Callable[[], Execution],
        begin: Callable[[], None],
        tell: Callable[[Message], None],
    ) -> None:
        """``begin`` makes what the thread writes that of its unit."""
        self._execution = execution
        self._begin = begin
        self._tell = tell
        self._threads = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="task")
        self._stopped: set[int] = set()
        self._running: set[int] = set()
        self._lock = threading.Lock()

    def run(self, message: Message) -> None:
        """Run a unit; its thread tells its end."""
        with self._lock:
            self._running.add(message[1])
        self._threads.submit(copy_context().run, self._run, message)

    def stop(self, unit: int) -> None:
        """Nobody waits for it any more: its function may ask."""
        with self._lock:
            if unit in self._running:
                self._stopped.add(unit)

    def is_stopped(self, unit: int) -> bool:
        """Whether nobody waits for it any more."""
        return unit in self._stopped

    def _run(self, message: Message) -> None:
        unit = message[1]
        begin_unit(unit)
        self._begin()
        try:
            self._execution().run(message)
        except Stopped:
            self._tell([FAILED, unit, 0.0, STOPPED])
        finally:
            with self._lock:
                self._running.discard(unit)
                self._stopped.discard(unit)

"""The result of a task that is not there yet: for threads, for ``await``, and for both at once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from cantor.base.errors import LocalProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from cantor.workers.backend import Backend

T = TypeVar("T")
OUTPUT_CHARACTERS_MAX = 1024 * 1024
"""So much of what a task printed is kept: the last."""


class Future(concurrent.futures.Future[T]):
    """The result of one task; what takes a ``concurrent.futures.Future`` takes it.

    It can also be awaited, in any event loop. Different from those of the standard library,
    ``cancel`` ends a task that runs, too: its worker process is ended and replaced.
    """

    def __init__(self) -> None:
        super().__init__()
        self._backend: Backend | None = None
        self._unit: Any = None
        self._output = ""
        self._progress = (0.0, "")
        self._watchers: list[Callable[[float, str], None]] = []

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self).__await__()

    def cancel(self) -> bool:
        """End the task whether it waits or runs; False if it has ended already."""
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        self._note_cancelled()
        if self._backend is not None:
            self._backend.cancel(self._unit)
        return True

    def result(self, timeout: float | None = None) -> T:
        """What the task returns; waits for it at most ``timeout`` seconds.

        Raises:
            TimeoutError: it was not there in time.
            CancelledError: it was cancelled.
            LocalProtocolError: it would wait for ever, for it is called where results arrive.
        """
        self._refuse_deadlock()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the task raised, or None; waits and raises as :meth:`result`."""
        self._refuse_deadlock()
        return super().exception(timeout)

    def _refuse_deadlock(self) -> None:
        thread = getattr(self._backend, "thread", None)
        if thread is threading.current_thread() and not self.done():
            raise LocalProtocolError(
                "a callback waits for a result, which only arrives when it has returned",
                remedy="wait in another thread, or add a callback to that future too",
            )

    def running(self) -> bool:
        """Whether its function runs now, as far as this side knows."""
        return not self.done() and bool(getattr(self._unit, "is_running", False))

    @property
    def task_id(self) -> str:
        """The id under which ``find_task`` finds a durable task again, also in another program.

        It waits until the task is on the disk: whoever has the id, the task is not lost.

        Raises:
            LocalProtocolError: the task is not durable, or this is called where results arrive.
            StoreError: it could not be kept.
        """
        raise LocalProtocolError("only durable tasks have an id", remedy="write durable=True")

    @property
    def output(self) -> str:
        """What the task printed so far, both of standard output and error: the last 1 MiB."""
        return self._output

    @property
    def progress(self) -> tuple[float, str]:
        """What the task said last with ``cantor.progress``: from 0 to 1, and a text."""
        return self._progress

    def add_progress_callback(self, watcher: Callable[[float, str], None]) -> None:
        """Call ``watcher(fraction, text)`` for all that the task says, in a thread."""
        self._watchers.append(watcher)

    def _submitted(self, backend: Backend, unit: Any) -> None:  # noqa: ANN401 (the backend's own)
        self._unit = unit
        self._backend = backend

    def _ended_elsewhere(self) -> None:
        """The pool has cancelled it."""
        if not self.cancelled() and super().cancel():
            self._note_cancelled()

    def _progressed(self, fraction: float, text: str) -> None:
        self._progress = (fraction, text)
        for watcher in tuple(self._watchers):
            watcher(fraction, text)

    def _wrote(self, text: str) -> None:
        self._output = (self._output + text)[-OUTPUT_CHARACTERS_MAX:]

    def _note_cancelled(self) -> None:
        """Who waits with ``wait`` or ``as_completed`` learns it only so."""
        with suppress(RuntimeError, InvalidStateError):
            self.set_running_or_notify_cancel()

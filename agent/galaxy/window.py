"""Frames of one filter that are handled at once, each in a thread; they leave in order."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from galaxy.frame import Frame

R = TypeVar("R")


class Window(Generic[R]):
    """At most ``size`` frames under way. Used by one thread, which hears when a frame is done."""

    def __init__(self, name: str, size: int, wake: Callable[[], None]) -> None:
        self.size = size
        self._wake = wake
        self._under_way: deque[tuple[Frame, Future[R]]] = deque()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=f"galaxy:{name}")

    def __len__(self) -> int:
        return len(self._under_way)

    def put(self, frame: Frame, work: Callable[[], R]) -> None:
        """Begin the work on a frame."""
        future = self._threads.submit(work)
        self._under_way.append((frame, future))
        future.add_done_callback(lambda _: self._wake())

    def take(self, *, leave: int) -> tuple[Frame, Future[R]] | None:
        """The oldest frame once it is done, or if more than ``leave`` are under way; or None.

        The caller waits for its result.
        """
        if self._under_way and (len(self._under_way) > leave or self._under_way[0][1].done()):
            return self._under_way.popleft()
        return None

    def close(self) -> None:
        """Give up what has not begun, and wait for what has."""
        self._threads.shutdown(cancel_futures=True)
        self._under_way.clear()

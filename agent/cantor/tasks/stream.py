"""What a generator yields in a worker, item by item at its caller."""

from __future__ import annotations

import asyncio
import threading
import weakref
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cantor.bundles.values import unpack
from cantor.tasks.future import Future
from cantor.tasks.listeners import FutureListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence
    from typing import Self

    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.units import Terms

T = TypeVar("T")
_END = object()


class Stream(Generic[T]):
    """The items of one call, for ``for`` and ``async for``; read once, by one reader.

    The worker is at most 16 items ahead of who reads. Leave early with ``close`` or a ``with``
    block, or forget it: the generator is closed at its next item.
    """

    def __init__(self, terms: Terms, *, echo: bool) -> None:
        self.future: Future[None] = Future()
        """The call itself: its output and progress, and ``cancel``."""
        self._items: SimpleQueue[Any] = SimpleQueue()
        self.listener = _StreamListener(self.future, self._items, terms, echo=echo)
        self._backend: Backend | None = None
        self._unit: Any = None
        put = self._items.put  # nothing that the backend keeps may keep the stream
        self.future.add_done_callback(lambda _: put(_END))

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item = self._items.get()
        if item is _END:
            self._items.put(_END)
            if self.future.cancelled():
                raise StopIteration
            self.future.result()
            raise StopIteration
        self._credit(1)
        body, buffers = item
        value: T = unpack(body, buffers)
        return value

    async def __aiter__(self) -> AsyncIterator[T]:
        while True:
            try:
                yield await asyncio.to_thread(self._next_or_end)
            except _Ended:
                return

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Nobody reads any more."""
        if not self.future.done():
            self._credit(0)

    def submitted(self, backend: Backend, unit: Any) -> None:  # noqa: ANN401 (the backend's own)
        """It is known under that mark there."""
        self._backend, self._unit = backend, unit
        self.future._submitted(backend, unit)
        weakref.finalize(self, _forget, self.future, backend, unit).atexit = False

    def _credit(self, count: int) -> None:
        if self._backend is not None:
            self._backend.credit(self._unit, count)

    def _next_or_end(self) -> T:
        with suppress(StopIteration):
            return next(self)
        raise _Ended


def _forget(future: Future[None], backend: Backend, unit: Any) -> None:  # noqa: ANN401
    """Nobody can read any more. This may be any thread, also one that has locked the backend."""
    if not future.done():
        with suppress(RuntimeError):  # the program ends
            threading.Thread(target=backend.credit, args=(unit, 0), daemon=True).start()


class _Ended(Exception):  # noqa: N818 (an end, no error)
    """There are no more items: StopIteration cannot leave a thread."""


class _StreamListener(FutureListener):
    __slots__ = ("_items",)

    def __init__(
        self, future: Future[None], items: SimpleQueue[Any], terms: Terms, *, echo: bool
    ) -> None:
        super().__init__(future, terms, echo=echo)
        self._items = items

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        self._items.put((body, buffers))

"""What is asked twice under one number is done once: its answer is remembered for a while."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.node.state.wording import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.clock import Clock

    Key = tuple[object, ...]

KEPT_S = 120.0
"""Nobody asks again under a number after so long."""
KEPT_MAX = 16_384
KEPT_BYTES_MAX = 16 << 20
"""Of the values in answers."""


class Once:
    """On the event loop only. What is under way is shared by all who ask for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: OrderedDict[Key, tuple[float, asyncio.Future[Answer]]] = OrderedDict()
        self._bytes = 0

    async def do(self, key: Key, work: Callable[[], Answer | Awaitable[Answer]]) -> Answer:
        """Do it, or wait for what was begun under this number, or tell again what came of it.

        Raises:
            UnavailableError: as much as may be is under way.
            CantorError: of ``work``.
        """
        self._forget()
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= KEPT_MAX:
                raise UnavailableError("it has too much to do", remedy="try again later")
            answer = work()  # what it raises at once has done nothing
            future = asyncio.ensure_future(_awaited(answer))
            future.add_done_callback(self._ended)
            known = self._known[key] = self._clock.monotonic(), future
        return await asyncio.shield(known[1])

    def _ended(self, future: asyncio.Future[Answer]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._bytes += _size(future.result())

    def _forget(self) -> None:
        """The oldest go first, when their time is over or there is no room."""
        before = self._clock.monotonic() - KEPT_S
        for key, (at, future) in list(self._known.items()):
            is_full = len(self._known) >= KEPT_MAX or self._bytes > KEPT_BYTES_MAX
            if at >= before and not is_full:
                return
            if not future.done():
                continue  # what was asked after it may be forgotten all the same
            del self._known[key]
            if not future.cancelled() and future.exception() is None:
                self._bytes -= _size(future.result())


def _size(answer: Answer) -> int:
    return sum(memoryview(part).nbytes for part in answer.parts)


async def _awaited(answer: Answer | Awaitable[Answer]) -> Answer:
    return answer if isinstance(answer, Answer) else await answer

"""Work that takes long, asked about again and again until it is done: it is begun once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.node.state.wording import Answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.clock import Clock

KEPT_S, KEPT_MAX = 120.0, 4096
"""What came of it is told again for so long, of so many."""
AT_ONCE_MAX = 1024
BUSY = "busy"
"""In an answer: it is under way, and so many bytes of it are done."""


class Askers:
    """On the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[Answer]] = {}
        self._ended_at: dict[str, float] = {}

    async def ask(
        self,
        token: str,
        wait_s: float,
        work: Callable[[], Awaitable[Answer]],
        progress: Callable[[], int],
    ) -> Answer:
        """What came of the work of that token, which is begun if it is new; how far it is, if it is
        not done in ``wait_s``.

        Raises:
            UnavailableError: as much as may be is under way.
            CantorError: of the work.
        """
        self._forget()
        task = self._tasks.get(token)
        if task is None:
            if len(self._tasks) - len(self._ended_at) >= AT_ONCE_MAX:
                raise UnavailableError("it has too much to do", remedy="try again later")
            task = self._tasks[token] = asyncio.ensure_future(_awaited(work))
            task.add_done_callback(lambda _: self._ended(token))
        await asyncio.wait((task,), timeout=wait_s)
        return task.result() if task.done() else Answer({BUSY: progress()})

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, token: str) -> None:
        self._ended_at[token] = self._clock.monotonic()
        task = self._tasks[token]
        if not task.cancelled():
            task.exception()  # nobody may ask again

    def _forget(self) -> None:
        before = self._clock.monotonic() - KEPT_S
        for token, ended_at in list(self._ended_at.items()):
            if ended_at >= before and len(self._ended_at) <= KEPT_MAX:
                return
            del self._ended_at[token], self._tasks[token]


async def _awaited(work: Callable[[], Awaitable[Answer]]) -> Answer:
    return await work()

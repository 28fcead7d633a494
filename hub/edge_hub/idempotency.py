"""Replies kept for repeated requests.

They stay in memory only: a reply may hold the text of an enrolment token, which must not reach the
disk. A restart of the hub forgets them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING

from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.clock import Clock
    from edge_hub.routing import Reply

KEY_CHARS_MAX = 128
REPLIES_MAX = 1024
KEPT_S = 24 * 3600.0


class IdempotentReplies:
    """Gives the first reply again to every repetition of a request within a day."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept: OrderedDict[tuple[str, str], tuple[float, bytes, Reply]] = OrderedDict()

    async def once(
        self, owner: str, key: str | None, request: bytes, work: Callable[[], Awaitable[Reply]]
    ) -> Reply:
        """Do ``work``, unless ``owner`` had it done under this key already.

        Raises:
            ProblemError: the key is too long (400) or belongs to another request (422).
        """
        if key is None:
            return await work()
        if not 0 < len(key) <= KEY_CHARS_MAX:
            raise ProblemError(400, "bad-key", f"the key has 1 to {KEY_CHARS_MAX} characters")
        async with self._lock:
            self._forget()
            kept = self._kept.get((owner, key))
            if kept is None:
                reply = await work()
                self._kept[owner, key] = (self._clock.monotonic(), request, reply)
                return reply
            if kept[1] != request:
                raise ProblemError(422, "key-reused", "this Idempotency-Key came with another body")
            return kept[2]

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - KEPT_S
        while self._kept:
            first = next(iter(self._kept))
            if len(self._kept) < REPLIES_MAX and self._kept[first][0] > oldest:
                return
            del self._kept[first]

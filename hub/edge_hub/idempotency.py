"""Replies kept for repeated requests.

They stay in memory only: a reply may hold the text of an enrolment token, which must not reach the
disk. A restart of the hub forgets them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_hub.problems import ProblemError
from edge_hub.routing import KEY_CHARS_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from cantor.base.clock import Clock
    from edge_hub.routing import Call, Reply

REPLIES_MAX = 1024
KEPT_S = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class _Kept:
    at_s: float
    request: bytes
    work: asyncio.Task[Reply]


class IdempotentReplies:
    """Gives the first reply again to every repetition of a request within a day.

    Work that failed is not kept: the next request with its key does it again.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Kept] = OrderedDict()

    async def once(self, call: Call, work: Callable[[], Coroutine[None, None, Reply]]) -> Reply:
        """Do ``work``, unless this session had it done under the same Idempotency-Key already.

        Raises:
            ProblemError: the key is too long (400) or belongs to another request (422).
        """
        key = call.request.headers.get("Idempotency-Key")
        if key is None:
            return await work()
        if not 0 < len(key) <= KEY_CHARS_MAX:
            raise ProblemError(400, "bad-key", f"the key has 1 to {KEY_CHARS_MAX} characters")
        self._forget()
        scope, place = call.signed_in.scope, (call.signed_in.key, key)
        asked = f"{call.request.path}\n{scope.tenant}\n{scope.project}\n".encode()
        asked += await call.request.read()
        kept = self._kept.get(place)
        if kept is None:
            kept = _Kept(self._clock.monotonic(), asked, asyncio.create_task(work()))
            self._kept[place] = kept
            kept.work.add_done_callback(lambda done: self._done(place, done))
        elif kept.request != asked:
            raise ProblemError(422, "key-reused", "this Idempotency-Key came with another request")
        return await asyncio.shield(kept.work)

    async def close(self) -> None:
        """Wait for the work under way."""
        await asyncio.gather(*(kept.work for kept in self._kept.values()), return_exceptions=True)

    def _done(self, place: tuple[str, str], work: asyncio.Task[Reply]) -> None:
        if work.cancelled() or work.exception() is not None:
            self._kept.pop(place, None)

    def _forget(self) -> None:
        oldest = self._clock.monotonic() - KEPT_S
        while self._kept:
            first = next(iter(self._kept))
            if len(self._kept) < REPLIES_MAX and self._kept[first].at_s > oldest:
                return
            del self._kept[first]

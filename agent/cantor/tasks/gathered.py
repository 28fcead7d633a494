"""Groups whose tasks begin together on several nodes of a mesh.

Each task gets a worker of its own, as an actor does, on a node that fits: its *place*. When all
places hold what the tasks need, and their workers have loaded the code, all are called.
"""

from __future__ import annotations

import math
import random
import threading
import time
from concurrent.futures import InvalidStateError
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from cantor.base.errors import CantorError
from cantor.scheduling.actors.gathering import Ask, Gathering, GiveBack
from cantor.tasks.listeners import FutureListener
from cantor.workers.errors import PoolClosedError, WorkerDiedError
from cantor.workers.failures import unpack_failure
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.units import PLACE_RUN, End

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future as AnyFuture

    from cantor.scheduling.actors.gathering import Effect
    from cantor.tasks.connection import Connection, Sent
    from cantor.tasks.future import Future
    from cantor.tasks.group import Call
    from cantor.wire.frame import Buffer
    from cantor.workers.units import Death

PAUSE_S = 0.5
PAUSES_MAX = 8
"""A group rests for so many times that at most, before it asks again."""


def pause_s(round_number: int) -> float:
    """How long a group rests after a round in which it did not come together."""
    return PAUSE_S * min(round_number, PAUSES_MAX) * (0.5 + random.random())  # noqa: S311 (no secret)


class Gathered:
    """One group on its way. Thread-safe."""

    def __init__(
        self, above: Connection, calls: Sequence[Call], futures: Sequence[Future[Any]]
    ) -> None:
        self._above = above
        self._calls = calls
        self._futures = futures
        self._core = Gathering(len(calls), pause_s)
        self._name = uuid4().hex
        self._places: dict[int, tuple[str, Sent]] = {}
        self._was_over = False
        self._lock = threading.RLock()
        for future in futures:
            future.add_done_callback(self._look)

    def begin(self) -> None:
        """Ask for places."""
        self._above.expect(1)
        self._tick()

    def ready(self, member: int, number: int) -> None:
        """A place holds what its task needs."""
        with self._lock:
            self._follow(self._core.ready(member, number, time.monotonic()))

    def lost(self, member: int, number: int, error: BaseException) -> None:
        """A place is no more; with its node or worker another may be found."""
        with self._lock:
            if self._core.is_over or number != self._core.round:
                return
            if isinstance(error, WorkerDiedError | PoolClosedError):
                self._follow(self._core.lost(member, number, time.monotonic()))
                return
            self._fail(member, error)

    def _fail(self, member: int, error: BaseException) -> None:
        """It can never come together."""
        self._follow(self._core.give_up())
        with suppress(InvalidStateError):  # cancelled meanwhile
            self._futures[member].set_exception(error)
        self._cancel_all()

    def _look(self, ended: AnyFuture[Any]) -> None:
        """A task of it has ended: before all have begun, because nobody wants it."""
        with self._lock:
            has_begun = self._core.is_over
            self._follow(self._core.give_up())
        if not has_begun and ended.cancelled():
            self._cancel_all()

    def _cancel_all(self) -> None:
        for future in self._futures:
            future.cancel()

    def _tick(self) -> None:
        with self._lock:
            self._follow(self._core.tick(time.monotonic()))

    def _follow(self, effects: Sequence[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Ask):
                self._ask(effect.member, effect.round)
            elif isinstance(effect, GiveBack):
                self._give_back(effect.member)
            else:
                for member in range(len(self._calls)):
                    self._call(member)
        if self._core.is_over and not self._was_over:
            self._was_over = True
            self._above.expect(-1)
        due = self._core.due
        if due < math.inf:
            self._above.later(max(0.0, due - time.monotonic()), self._tick)

    def _ask(self, member: int, number: int) -> None:
        call, address = self._calls[member], f"{self._above.home}-{uuid4().hex}"
        terms = replace(
            call.terms, actor=address, is_place=True, deadline_s=None, mode=0, group=self._name
        )
        listener = _Place(self, member, number)
        try:
            sent = self._above.submit(call.code, NO_ARGUMENTS, (), listener, terms)
        except CantorError as error:
            self._fail(member, error)
            return
        self._places[member] = address, sent

    def _give_back(self, member: int) -> None:
        known = self._places.pop(member, None)
        if known is not None:
            self._above.cancel(known[1])

    def _call(self, member: int) -> None:
        call, future = self._calls[member], self._futures[member]
        address = self._places[member][0]
        terms = replace(call.terms, actor=address, method=PLACE_RUN, mode=0, needs="")
        listener = FutureListener(future, terms)
        try:
            unit = self._above.submit(call.code, call.body, call.buffers, listener, terms)
        except CantorError as error:
            with suppress(InvalidStateError):
                future.set_exception(error)
            return
        future._submitted(self._above, unit)
        future.add_done_callback(lambda _: self._give_back(member))


class _Place:
    """Hears of the place of one member in one round; called by the connection's thread."""

    def __init__(self, group: Gathered, member: int, number: int) -> None:
        self._group = group
        self._member = member
        self._number = number

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It was given back."""

    def failed(self, failure: Sequence[object]) -> None:
        """Its node was lost, no node can have it, or the code cannot be loaded."""
        self._group.lost(self._member, self._number, unpack_failure(failure))

    def ended(self, end: End, death: Death | None) -> None:
        """Its worker has ended."""
        self._group.lost(self._member, self._number, WorkerDiedError(f"its worker {death or end}"))

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It has none."""

    def progressed(self, fraction: float, text: str) -> None:
        """It holds all that is needed, and its worker waits."""
        self._group.ready(self._member, self._number)

    def wrote(self, descriptor: int, text: str) -> None:
        """Nothing runs there yet."""

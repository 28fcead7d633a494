"""Actors that live on this node, each in a worker of its own: calls go in, answers come out.

An answer after which the state is kept waits for that state and travels with it, so that the keeper
has both or none.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.bundles.values import as_argument
from cantor.node.tasks.listening import Telling
from cantor.node.tasks.wording import (
    FAILED,
    FELL,
    INVOKED,
    LIVES,
    SAID,
    WROTE,
    parts_of,
    terms_from,
    value_of,
)
from cantor.scheduling.actors.life import Life
from cantor.scheduling.tasks.hosting import Key
from cantor.workers.messages import NO_ARGUMENTS
from cantor.workers.units import LOOP, PLACE_RUN, PLAIN, End, Terms

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.ids import NodeId
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.running import Attempt
    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Buffer
    from cantor.workers.pool import Pool
    from cantor.workers.pools import Pools
    from cantor.workers.units import Death, Passed, Unit

    Given = tuple[Terms, tuple[bytes, Parts]]
    Tell = Callable[[Attempt, Message, Parts], None]

CHECKPOINT, RESTORE = "checkpoint", "restore"
"""The methods that tell an actor's state, and take it."""


@dataclass(slots=True)
class Living:
    """What calls of one life need."""

    pool: Pool
    code: Passed
    core: Life[Given]
    overlaps: bool
    memory_bytes: int | None
    calls: dict[int, Invoked] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Invoked:
    """One call that has begun or waits in the worker's queue."""

    attempt: Attempt
    number: int
    unit: Unit | None = None
    is_kept_after: bool = False
    last: tuple[Message, Parts] | None = None
    """Its answer, which waits for the state."""


class Lives:
    """On the event loop only, but for what listeners report."""

    def __init__(
        self,
        lines: Lines,
        attempt: Callable[[Key], Attempt | None],
        tell: Tell,
        take_later: Callable[[Callable[[], None]], None],
    ) -> None:
        """``attempt`` finds one that is here; ``tell`` tells its submitter something of it.

        ``take_later`` is called in threads of pools, and calls on the event loop in that order, and
        in one with what ``tell`` gets: what a worker answered comes before its end.
        """
        self._lines = lines
        self._attempt = attempt
        self._tell = tell
        self._take_later = take_later
        self._ending: set[asyncio.Task[None]] = set()
        self.count = 0
        """How many live here."""

    async def close(self) -> None:
        """Wait until the workers of those that were ended have ended."""
        await asyncio.gather(*self._ending)

    def begin(self, attempt: Attempt, code: Passed, workers: Pools, folders: str) -> None:
        """Let an actor live, which imports from ``folders``, one a line.

        Its keeper hears that it does, or why it cannot.
        """
        terms = replace(attempt.terms, folders=folders)
        args = attempt.parts[: terms.restore_from or None]
        state = attempt.parts[terms.restore_from :] if terms.restore_from else ()
        attempt.parts = ()
        born = _Born(attempt, self._tell, is_new=not state)
        overlaps = terms.mode == LOOP
        memory = None
        if attempt.reservation is not None:
            taken = next(iter(attempt.reservation.leases.values())).taken.get("Memory")
            memory = None if taken is None else int(taken)
        made = (code, *value_of(args), born, PLAIN)
        if terms.is_place:  # its code is loaded, and a method called of nothing
            made = (code, NO_ARGUMENTS, (), born, Terms(method="__str__"))
        pool = workers.begin_life(made, terms)
        core: Life[Given] = Life(overlaps=overlaps, checkpoint_calls=terms.checkpoint_calls)
        attempt.life = Living(pool, code, core, overlaps, memory)
        self.count += 1
        if state:
            restored = _Born(attempt, self._tell, is_new=True)
            body, buffers = value_of(state)
            pool.submit(code, as_argument(body), buffers, restored, Terms(method=RESTORE))

    def end(self, attempt: Attempt) -> None:
        """End its worker; then what the actor held is free."""
        living, attempt.life = attempt.life, None
        if living is not None:
            self.count -= 1
            ending = asyncio.ensure_future(self._end(living, attempt))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def fallen(self, attempt: Attempt, message: Message) -> Message:
        """Its worker has ended: which calls had not begun."""
        begun = attempt.life.core.begun if attempt.life is not None else 0
        return [*message, begun]

    def heard_invoke(self, source: NodeId, message: Message, parts: Parts) -> None:
        """The keeper of an actor gives it a call.

        Raises:
            RemoteProtocolError: it is odd.
        """
        _, life, task, number, place, call, told = message
        attempt = self._attempt(Key(source, life, task, number))
        living = None if attempt is None else attempt.life
        if attempt is None or living is None:
            return
        given = terms_from(told), value_of(parts)
        for number_of_call, what, is_kept_after in living.core.invoked(place, call, given):
            invoked = Invoked(attempt, number_of_call, is_kept_after=is_kept_after)
            self._begin_call(invoked, living, *what)

    def heard_off(self, source: NodeId, message: Message, _: Parts) -> None:
        """The keeper wants a call no more."""
        _, life, task, number, call = message
        attempt = self._attempt(Key(source, life, task, number))
        living = None if attempt is None else attempt.life
        if living is None:
            return
        if living.core.called_off(call):
            invoked = living.calls[call]
            if invoked.unit is not None:
                living.pool.cancel(invoked.unit)

    def _begin_call(
        self, call: Invoked, living: Living, terms: Terms, value: tuple[bytes, Parts]
    ) -> None:
        living.calls[call.number] = call
        if terms.method == PLACE_RUN:
            terms = replace(terms, method="")
        mode = call.attempt.terms.mode
        terms = replace(
            terms, mode=mode, memory_bytes=living.memory_bytes, actor="", needs="", retries=0
        )
        with suppress(CantorError):  # the pool ends, which is told as the end of the actor
            listener = _CallListener(partial(self._report, call))
            call.unit = living.pool.submit(living.code, *value, listener, terms)
            if call.is_kept_after and not living.overlaps:
                self._ask_state(call, living)

    def _ask_state(self, call: Invoked, living: Living) -> None:
        """Have the state told: asked with a call it comes after it, unless calls overlap."""
        terms = call.attempt.terms
        after = Terms(name=f"{terms.name} ({CHECKPOINT})", method=CHECKPOINT, mode=terms.mode)
        with suppress(CantorError):  # as above
            kept = _StateListener(partial(self._report, call))
            living.pool.submit(living.code, NO_ARGUMENTS, (), kept, after)

    def _report(self, call: Invoked, message: Message, parts: Parts) -> None:
        self._take_later(partial(self._reported, call, message, parts))

    def _reported(self, call: Invoked, message: Message, parts: Parts) -> None:
        living = call.attempt.life
        if living is None:
            return
        kind = message[0]
        if kind == STATE:
            self._kept(call, living, message, parts)
        elif kind in (SAID, WROTE):
            self._say(call, message, parts, len(parts))
        elif call.is_kept_after:
            call.last = message, parts
            if living.overlaps:
                self._ask_state(call, living)
        else:
            self._answer(call, living, message, parts, len(parts))

    def _kept(self, call: Invoked, living: Living, message: Message, state: Parts) -> None:
        """The state after a call is here, or why it cannot be told."""
        if call.last is None:
            return
        last, parts = call.last
        failure = message[1]
        if failure is not None:
            last, parts, state = [FAILED, failure], (), ()
        self._answer(call, living, last, (*parts, *state), len(parts))

    def _answer(
        self, call: Invoked, living: Living, message: Message, parts: Parts, own: int
    ) -> None:
        if living.core.ended(call.number):
            del living.calls[call.number]
            self._say(call, message, parts, own)

    def _say(self, call: Invoked, message: Message, parts: Parts, own: int) -> None:
        key = call.attempt.key
        attempt = (key.life, key.task, key.attempt)
        told = [INVOKED, *attempt, call.attempt.told, call.number, message, own]
        call.attempt.told += 1
        self._lines.tell(key.node, told, parts)

    @staticmethod
    async def _end(living: Living, attempt: Attempt) -> None:
        await asyncio.to_thread(living.pool.close, kill=True)
        if attempt.reservation is not None:
            attempt.reservation.drop()


STATE = -1
"""The state after a call, as listeners report it: ``STATE, failure | nil``; its parts."""


class _Silent:
    """A listener of what needs no word while it runs."""

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """Only streams have items."""

    def progressed(self, fraction: float, text: str) -> None:
        """Nobody asks how far it is."""

    def wrote(self, descriptor: int, text: str) -> None:
        """Nobody reads that."""


class _Born(_Silent):
    """Hears of a life: its object is made, or has its state again, and that its worker ended."""

    def __init__(self, attempt: Attempt, tell: Tell, *, is_new: bool) -> None:
        """``is_new``: then it takes calls."""
        self._attempt = attempt
        self._tell = tell
        self._is_new = is_new

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        if self._is_new:
            self._tell(self._attempt, [LIVES], ())

    def failed(self, failure: Sequence[object]) -> None:
        self._tell(self._attempt, [FAILED, list(failure)], ())

    def ended(self, end: End, death: Death | None) -> None:
        if death is not None:
            told = [death.signal, death.code, death.stderr, death.at_start]
            self._tell(self._attempt, [FELL, end.value, told], ())


class _CallListener(Telling):
    """Hears of one call; called by the pool's thread."""

    def ended(self, end: End, death: Death | None) -> None:
        if end is not End.DIED:  # else it is told with the end of the life
            super().ended(end, None)

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """Only streams have items."""


class _StateListener(_Silent):
    """Hears of the state after a call."""

    def __init__(self, tell: Callable[[Message, Parts], None]) -> None:
        self._tell = tell

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        self._tell([STATE, None], parts_of(body, buffers))

    def failed(self, failure: Sequence[object]) -> None:
        self._tell([STATE, list(failure)], ())

    def ended(self, end: End, death: Death | None) -> None:
        """The life has ended with it."""

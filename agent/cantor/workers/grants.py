"""Who grants quantities to a pool: in this process, or whatever else keeps to :class:`Grants`.

The agent's own grants may stand in its place: they answer whenever they can, from any thread.
"""

from __future__ import annotations

import threading
from collections import deque
from itertools import count
from typing import TYPE_CHECKING, Protocol

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ConfigError, GrantError, NeedsError
from cantor.base.ids import NodeId
from cantor.scheduling.grants.events import Tell, Tick, Write, Written
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.records import Granted, Key, Refused, Release, Reserve
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.clock import Clock
    from cantor.scheduling.grants.events import Event
    from cantor.scheduling.grants.stock import Have
    from cantor.workers.lines import Ask

    Answer = Mapping[str, int | float] | CantorError
    Told = Callable[[Ask, Answer], None]

HERE = NodeId("here")


class Grants(Protocol):
    """Grants what asks need, all or nothing."""

    def ask(self, ask: Ask, told: Told) -> None:
        """Ask; ``told`` is called once, with what was taken by quantity, or why it cannot be had.

        It may be called before this returns, and with an ask that was taken back meanwhile.
        """

    def take_back(self, ask: Ask) -> None:
        """It waits no longer, or uses no more what was granted; it is not asked again."""


class MachineGrants:
    """The quantities of this machine as far as this process uses them. Thread-safe.

    Nothing is on a disk: what was granted ends with the process.
    """

    def __init__(self, have: Callable[[], Have], clock: Clock | None = None) -> None:
        """``have`` says what the machine has; it is called with the first question."""
        self._have = have
        self._clock = clock or SystemClock()
        self._grantor: Grantor | None = None
        self._keys: dict[Ask, Key] = {}
        self._asks: dict[Key, tuple[Ask, Told]] = {}
        self._numbers = count(1)
        self._lock = threading.Lock()

    def ask(self, ask: Ask, told: Told) -> None:
        """Ask; the answer may come before this returns."""
        needs = parse(ask.needs)
        with self._lock:
            key = self._keys[ask] = Key(f"{ask.label} {next(self._numbers)}", 1)
            self._asks[key] = ask, told
            priority = -ask.priority  # there, what is higher comes first
            answers = self._handle(Reserve(key, HERE, needs, self._now(), priority=priority))
        _tell(answers)

    def take_back(self, ask: Ask) -> None:
        """Free what was granted; others may get it before this returns."""
        with self._lock:
            key = self._keys.pop(ask, None)
            if key is None:
                return
            self._asks.pop(key, None)
            answers = self._handle(Release(key, HERE))
        _tell(answers)

    def _now(self) -> float:
        return self._clock.monotonic()

    def _handle(self, event: Event) -> list[tuple[Told, Ask, Answer]]:
        """Let the grantor know; what to tell when the lock is free."""
        grantor = self._grantor
        events: deque[Event] = deque([event])
        if grantor is None:
            grantor = self._grantor = Grantor(HERE, epoch=1, now=self._now())
            events.extendleft([self._have(), Tick()])
        answers: list[tuple[Told, Ask, Answer]] = []
        while events:
            for effect in grantor.handle(events.popleft(), self._now()):
                if isinstance(effect, Write):
                    events.append(Written(effect.number))
                elif isinstance(effect, Tell) and isinstance(effect.answer, Granted | Refused):
                    answers += self._answered(effect.answer)
        return answers

    def _answered(self, answer: Granted | Refused) -> list[tuple[Told, Ask, Answer]]:
        found = self._asks.pop(answer.key, None)
        if found is None:
            return []
        ask, told = found
        if isinstance(answer, Granted):
            return [(told, ask, answer.lease.taken)]
        del self._keys[ask]
        return [(told, ask, _error_of(ask, answer))]


class NoGrants:
    """There is nothing to be had."""

    def ask(self, ask: Ask, told: Told) -> None:
        """Refuse."""
        told(ask, ConfigError("its pool has no quantities to give", where=ask.label,
                              remedy="submit it as a task, outside of executors"))  # fmt: skip

    def take_back(self, ask: Ask) -> None:
        """Nothing was granted."""


class Asking:
    """Passes a pool's questions on, one after the other, whichever threads ask."""

    def __init__(
        self, grants: Grants, effects: deque[tuple[Ask, bool]], told: Callable[[Ask, Answer], None]
    ) -> None:
        """``effects`` are those of the pool's lines."""
        self._grants = grants
        self._effects = effects
        self._told = told
        self._asking = threading.Lock()

    def pass_on(self) -> None:
        """Pass on what is there. Nobody may hold the pool's lock: answers come at once."""
        while self._effects and self._asking.acquire(blocking=False):
            try:
                while self._effects:
                    ask, is_new = self._effects.popleft()
                    if is_new:
                        self._grants.ask(ask, self._told)
                    else:
                        self._grants.take_back(ask)
            finally:
                self._asking.release()


def _tell(answers: list[tuple[Told, Ask, Answer]]) -> None:
    for told, ask, answer in answers:
        told(ask, answer)


def _error_of(ask: Ask, refused: Refused) -> CantorError:
    if refused.why == "never":
        return NeedsError(f"can never be met: {refused.text}", where=ask.label,
                          remedy="cantor resources shows what there is")  # fmt: skip
    return GrantError(refused.text, where=ask.label, remedy="try again")

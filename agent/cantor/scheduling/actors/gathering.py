"""Members that begin together or not at all, each on a node of its own choice.

All are asked for at once. Each is *ready* when it holds all that it needs and its worker waits;
once all are, they go. Who waits for others while it holds something waits for so long only: then
all give back what they hold, and begin a new round after a pause. So two groups that each hold what
the other waits for do not wait for ever; ``pause_s`` should be drawn by chance, that they do not
meet again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

HOLD_S = 2.0
"""So long a group holds a part of what it needs."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a member's place, under the number of the round."""

    member: int
    round: int


@dataclass(frozen=True, slots=True)
class GiveBack:
    """Give back the place of a member that was asked for in a round."""

    member: int
    round: int


@dataclass(frozen=True, slots=True)
class Go:
    """All members begin, in the places of this round."""

    round: int


Effect: TypeAlias = Ask | GiveBack | Go


class Gathering:
    """One group of ``size`` members. ``pause_s`` says how long to rest after a round."""

    def __init__(self, size: int, pause_s: Callable[[int], float]) -> None:
        self._size = size
        self._pause_s = pause_s
        self._ready: set[int] = set()
        self.round = 0
        self.is_over = False
        """It has gone, or nobody wants it any more."""
        self._due = -math.inf
        self._is_asking = False

    @property
    def due(self) -> float:
        """When :meth:`tick` must be called next."""
        return math.inf if self.is_over else self._due

    def ready(self, member: int, number: int, now: float) -> list[Effect]:
        """A member has its place, asked for in that round."""
        if self.is_over or not self._is_asking or number != self.round:
            return []
        if not self._ready:
            self._due = now + HOLD_S
        self._ready.add(member)
        if len(self._ready) < self._size:
            return []
        self.is_over = True
        return [Go(self.round)]

    def lost(self, member: int, number: int, now: float) -> list[Effect]:
        """A member has lost its place, or what it was waiting for it."""
        if self.is_over or not self._is_asking or number != self.round:
            return []
        return self._rest(now, but=member)

    def tick(self, now: float) -> list[Effect]:
        """Time has passed: a round begins or ends."""
        if self.is_over or now < self._due:
            return []
        if self._is_asking:
            return self._rest(now)
        self._is_asking, self._due = True, math.inf
        self.round += 1
        return [Ask(member, self.round) for member in range(self._size)]

    def give_up(self) -> list[Effect]:
        """Nobody wants the group any more."""
        if self.is_over:
            return []
        self.is_over = True
        if not self._is_asking:
            return []
        return [GiveBack(member, self.round) for member in range(self._size)]

    def _rest(self, now: float, but: int | None = None) -> list[Effect]:
        back: list[Effect] = [
            GiveBack(member, self.round) for member in range(self._size) if member != but
        ]
        self._ready.clear()
        self._is_asking, self._due = False, now + self._pause_s(self.round)
        return back

"""The order of one queue: which message is next, who has which, and until when.

It knows only messages that are not simply waiting for their first try: of those it reads numbers
and sizes some at a time, so that a long queue takes the disk and not the memory. Numbers grow with
each put. No clock, disk or socket: time is an argument.
"""

from __future__ import annotations

import heapq
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cantor.stores.queue_records import QueueTerms

WAITS, HIDDEN, TAKEN, GOES = range(4)
"""It can be taken; not before its time; somebody has it; it is about to leave the queue."""
AHEAD_MAX = 1024
MORE_COUNT = 512
STALE_MAX = 1024
"""So many times of messages that have left are too few to look for them."""


@dataclass(slots=True)
class Held:
    """A message that is known by itself. ``take`` is the number of its newest take."""

    n: int
    size: int
    tries: int = 0
    take: int = 0
    until: float = 0.0
    state: int = WAITS


class QueueOrder:
    """``more(after, last, count)`` reads numbers and sizes of messages; ``number`` makes numbers
    of takes, each greater than all before.
    """

    def __init__(
        self,
        terms: QueueTerms,
        number: Callable[[], int],
        more: Callable[[int, int, int], Sequence[tuple[int, int]]] | None,
    ) -> None:
        """Without ``more`` all numbers are in memory."""
        self._terms = terms
        self._number = number
        self._more = more
        self.count = 0
        self.bytes = 0
        """With what is being put."""
        self.came_again = 0
        self._ahead: deque[tuple[int, int]] = deque()
        self._cursor = self._last = 0
        """Up to the cursor all were looked at; up to the last they are written."""
        self._known: dict[int, Held] = {}
        self._back: list[int] = []
        self._times: list[tuple[float, int]] = []
        self._untold: set[int] = set()

    def load(
        self, count: int, size: int, last: int, tried: Iterable[tuple[int, int, int, int, float]]
    ) -> None:
        """Go on with what the disk has: n, size, tries, take and until of what was tried."""
        self.count, self.bytes, self._last = count, size, last
        for n, one_size, tries, take, until in tried:
            held = self._known[n] = Held(n, one_size, tries, take)
            self._hide(held, TAKEN if take else HIDDEN, until)

    def has_room(self, count: int, size: int) -> bool:
        """Whether so many messages can be put."""
        terms = self._terms
        return self.count + count <= terms.messages_max and self.bytes + size <= terms.bytes_max

    def reserve(self, count: int, size: int) -> None:
        """They are being put."""
        self.count += count
        self.bytes += size

    def release(self, count: int, size: int) -> None:
        """They were not."""
        self.count -= count
        self.bytes -= size

    def came(self, messages: Sequence[tuple[int, int]], until: float = 0.0) -> None:
        """They were put, in the order of their numbers; with ``until`` they wait till then."""
        is_ahead = self._cursor == self._last and (
            self._more is None or len(self._ahead) + len(messages) <= AHEAD_MAX
        )
        if until:
            for n, size in messages:
                held = self._known[n] = Held(n, size)
                self._hide(held, HIDDEN, until)
        elif is_ahead:
            self._ahead.extend(messages)
        self._last = max(self._last, messages[-1][0])
        if is_ahead:
            self._cursor = self._last

    def came_late(self, n: int, size: int) -> None:
        """A message came that was put into another queue before."""
        if all(n != ahead for ahead, _ in self._ahead):
            self._known[n] = Held(n, size)
            heapq.heappush(self._back, n)

    def take(self, count: int, bytes_max: int, now: float) -> list[Held]:
        """Give out the next ones, one at least however large."""
        taken: list[Held] = []
        room = bytes_max
        while len(taken) < count and (held := self._next()) is not None:
            if taken and held.size > room:
                break
            self._pass(held)
            room -= held.size
            held.tries += 1
            held.take = self._number()
            self._hide(held, TAKEN, now + self._terms.visible_s)
            self._untold.add(held.n)
            taken.append(held)
        return taken

    def untake(self, taken: Iterable[Held]) -> None:
        """Nobody got them: as if they had not been given out."""
        for held in taken:
            if held.state == TAKEN:
                held.tries -= 1
                self._wait(held)

    def is_taken(self, n: int, take: int) -> Held | None:
        """What somebody still has by this take."""
        held = self._held(n, take)
        return held if held is not None and held.state == TAKEN else None

    def acknowledge(self, n: int, take: int) -> Held | None:
        """It is done: it is about to leave. None if this is not its newest take.

        Whose time is over may still do that until another takes it.
        """
        held = self._held(n, take)
        if held is not None:
            held.state = GOES
        return held

    def give_back(self, n: int, take: int, until: float) -> Held | None:
        """It shall come again, not before then; None if this is not its newest take.

        It is about to leave (``GOES``) if it was tried often enough.
        """
        held = self._held(n, take)
        if held is None:
            return None
        self._untold.add(n)
        held.take = 0
        if self._is_used_up(held):
            held.state = GOES
        elif until:
            self._hide(held, HIDDEN, until)
        elif held.state == TAKEN:
            self._wait(held)
        return held

    def extend(self, n: int, take: int, until: float) -> bool:
        """Who has it keeps it till then; False if this is not its newest take."""
        held = self._held(n, take)
        if held is None:
            return False
        self._hide(held, TAKEN, until)
        self._untold.add(n)
        return True

    def leave(self, held: Held) -> None:
        """It has left."""
        if self._known.pop(held.n, None) is not None:
            self._untold.discard(held.n)
            self.release(1, held.size)

    def stay(self, held: Held, until: float) -> None:
        """It could not leave: it stays with who has it till then."""
        self._hide(held, TAKEN if held.take else HIDDEN, until)

    def is_due(self, now: float) -> list[Held]:
        """Let come again what is due; those that were tried often enough are about to leave."""
        used_up = []
        while self._times and self._times[0][0] <= now:
            until, n = heapq.heappop(self._times)
            held = self._known.get(n)
            if held is None or held.until != until or held.state not in (TAKEN, HIDDEN):
                continue
            if held.state == TAKEN:
                self.came_again += 1
            if self._is_used_up(held):
                held.state = GOES
                used_up.append(held)
            else:
                self._wait(held)
        return used_up

    @property
    def due_at(self) -> float | None:
        """When something comes again, at the earliest."""
        return self._times[0][0] if self._times else None

    def untold(self) -> list[tuple[int, int, float, int]]:
        """Tries, take, until and n of what is not written yet; it is by then."""
        told = [
            (held.tries, held.take, held.until, n)
            for n in self._untold
            if (held := self._known.get(n)) is not None and held.state != GOES
        ]
        self._untold.clear()
        return told

    def states(self) -> tuple[int, int]:
        """How many are taken, and how many wait for their time."""
        states = [held.state for held in self._known.values()]
        return states.count(TAKEN), states.count(HIDDEN)

    def _held(self, n: int, take: int) -> Held | None:
        held = self._known.get(n)
        is_its = held is not None and take and held.take == take
        return held if is_its and held is not None and held.state in (TAKEN, WAITS) else None

    def _is_used_up(self, held: Held) -> bool:
        return 0 < self._terms.tries_max <= held.tries

    def _wait(self, held: Held) -> None:
        held.state, held.until = WAITS, 0.0
        heapq.heappush(self._back, held.n)

    def _hide(self, held: Held, state: int, until: float) -> None:
        held.state, held.until = state, until
        if len(self._times) > STALE_MAX + 2 * len(self._known):
            self._times = [
                (one.until, one.n) for one in self._known.values() if one.state in (TAKEN, HIDDEN)
            ]
            heapq.heapify(self._times)
        heapq.heappush(self._times, (until, held.n))

    def _next(self) -> Held | None:
        """The one with the lowest number of those that can be taken."""
        while self._back and not self._is_waiting(self._back[0]):
            heapq.heappop(self._back)
        self._look_ahead()
        if self._ahead and not (self._back and self._back[0] < self._ahead[0][0]):
            return Held(*self._ahead[0])
        return self._known[self._back[0]] if self._back else None

    def _is_waiting(self, n: int) -> bool:
        held = self._known.get(n)
        return held is not None and held.state == WAITS

    def _look_ahead(self) -> None:
        while not self._ahead and self._cursor < self._last and self._more is not None:
            rows = self._more(self._cursor, self._last, MORE_COUNT)
            self._cursor = rows[-1][0] if len(rows) == MORE_COUNT else self._last
            self._ahead.extend(row for row in rows if row[0] not in self._known)

    def _pass(self, held: Held) -> None:
        """It is no longer among those that can be taken."""
        if self._ahead and self._ahead[0][0] == held.n:
            self._ahead.popleft()
            self._known[held.n] = held
        else:
            heapq.heappop(self._back)

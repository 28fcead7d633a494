"""Units that no worker has yet: in which order they are taken, and until when they may wait."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.workers.units import Unit


class Waiting:
    """Units by priority, then in their order. ``len`` counts them.

    A unit may stand at several places; the first that is reached counts.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Unit]] = []
        self._order = count()
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Unit]:
        """All that wait, in no order."""
        return iter([unit for _, _, unit in self._heap if unit.is_queued])

    def put(self, unit: Unit, *, first: bool = False) -> None:
        """Let a unit wait, ``first`` before all others of its priority."""
        order = next(self._order)
        unit.is_queued = True
        self._length += 1
        heappush(self._heap, (unit.terms.priority, -order if first else order, unit))

    def take(self) -> Unit | None:
        """The next, which waits no longer."""
        heap = self._heap
        while heap:
            unit = heappop(heap)[2]
            if unit.is_queued:
                unit.is_queued = False
                self._length -= 1
                return unit
        return None

    def first(self) -> Unit | None:
        """The next, which still waits."""
        heap = self._heap
        while heap:
            unit = heap[0][2]
            if unit.is_queued:
                return unit
            heappop(heap)
        return None

    def forget(self, unit: Unit) -> None:
        """It waits no longer."""
        if unit.is_queued:
            unit.is_queued = False
            self._length -= 1

    def hurry(self, unit: Unit, priority: int) -> None:
        """Take it as if it had that priority: something of that priority waits for it."""
        if unit.is_queued and priority < unit.terms.priority:
            heappush(self._heap, (priority, -next(self._order), unit))


class Deadlines:
    """Until when units must have ended."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Unit]] = []
        self._order = count()

    def put(self, unit: Unit) -> None:
        """Watch a unit, if it has a deadline."""
        if unit.deadline is not None:
            heappush(self._heap, (unit.deadline, next(self._order), unit))

    def next(self) -> float | None:
        """When the first is over."""
        while self._heap and self._heap[0][2].has_ended:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def over(self, now: float) -> Iterator[Unit]:
        """The units whose time is over."""
        while self._heap and self._heap[0][0] <= now:
            unit = heappop(self._heap)[2]
            if not unit.has_ended:
                yield unit

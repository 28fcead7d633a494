"""Which worker runs which unit, if each runs one at a time.

Small units are given ahead, so that a worker has no pause between them; what waits behind one that
turns out to take long is called back and given to others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.workers.ahead import AHEAD_MAX, Ahead
from cantor.workers.queueing import Queueing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit


class Assignment(Queueing):
    """The state of one pool of at most ``size`` busy workers: a seat runs its units in order."""

    def __init__(self, size: int, *, warm: int = 0, starts_max: int | None = None) -> None:
        super().__init__(size, warm=warm, starts_max=starts_max)
        self._ahead = Ahead(self.recalls)
        self._idle: list[Seat] = []

    @property
    def missing(self) -> int:
        """How many workers should be started now: one more for each that waits for its children."""
        seats = self.seats.values()
        waits = sum(bool(seat.parents) for seat in seats)
        return self.starts.missing(seats, len(self._queue) - len(self._idle), waits)

    def finished(self, seat: Seat, unit_id: int, took_s: float, now: float) -> Unit | None:
        """The first unit of a seat is done; it, if its result still counts.

        Raises:
            LookupError: that unit is not the first of the seat.
        """
        if not seat.running or seat.running[0].id != unit_id:
            raise LookupError(unit_id)
        unit = seat.running.popleft()
        unit.seat = None
        if unit.holds is not None:
            self.lines.free(unit)
        seat.begun = now
        seat.is_long = False
        seat.units_run += 1
        self._ahead.learn(unit.kind, took_s)
        counts = not unit.has_ended
        unit.has_ended = True
        self._next(seat, now)
        return unit if counts else None

    def returned(self, seat: Seat, unit_ids: Iterable[int], now: float) -> None:
        """A seat gives back units that it had not begun."""
        seat.is_recalled = False
        back = set(unit_ids)
        units = [unit for unit in seat.running if unit.id in back]
        for unit in reversed(units):
            seat.running.remove(unit)
            unit.seat = None
            if not unit.has_ended:
                self._put(unit, first=True)
        self._ahead.note(seat)
        if not seat.running or seat.running[0].has_ended:
            self._next(seat, now)
        self._fill(now)

    def retire(self, seat: Seat) -> None:
        """Let an idle seat end; another is started when there is work."""
        if not seat.is_ending and not seat.running:
            seat.is_ending = True
            self._leave(seat)
            self.kills.append(seat)

    def child_began(self, seat: Seat, parent: int) -> None:
        """Its unit may wait: nothing waits behind it."""
        super().child_began(seat, parent)
        self._ahead.recall(seat)

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        times = [one for one in (super().due(), self._ahead.due()) if one is not None]
        return min(times, default=None)

    def passed(self, now: float) -> None:
        """Time has passed: deadlines end units, and what waits too long is called back."""
        super().passed(now)
        self._ahead.passed(now)

    @property
    def _is_room_left(self) -> bool:
        return bool(self._idle)

    def _has_room(self, seat: Seat) -> None:
        self._idle.append(seat)

    def _fill(self, now: float) -> None:
        while self._idle and (units := self._next_of_queue(len(self._idle))):
            for unit in units:
                seat = self._idle.pop()
                seat.begun = now
                self._give(seat, unit)
        if self._queue:
            for seat in self.seats.values():
                if seat.running:
                    self._ahead.fill(seat, self._queue, self._give)

    def _next(self, seat: Seat, now: float) -> None:
        """A seat has done one unit: end it if it runs what nobody wants, else give it more."""
        if seat.is_ending or seat.is_gone:
            return
        if not seat.running:
            self._ahead.forget(seat)
            first = self._queue.first()
            if first is None or first.gang is not None:
                self._idle.append(seat)
                self._fill(now)
                return
            seat.begun = now
            self._queue.take()
            self._give(seat, first)
        elif seat.running[0].has_ended and not seat.is_recalled:
            self._kill(seat)
            return
        if self._queue and len(seat.running) <= AHEAD_MAX // 2:
            self._ahead.fill(seat, self._queue, self._give)
        self._ahead.note(seat)

    def _had_begun(self, seat: Seat) -> bool:
        return not seat.running  # it was the first

    def _stop_running(self, seat: Seat, unit: Unit) -> None:
        if seat.running[0] is unit:
            self._kill(seat)
        else:
            self._ahead.recall(seat)

    def _leave(self, seat: Seat) -> None:
        self._ahead.forget(seat)
        if seat in self._idle:
            self._idle.remove(seat)

"""Which worker runs which unit: the queue, the seats and what becomes of units when seats die.

A state machine without threads, processes or clocks. Its driver tells it what happened, then does
what it finds in ``gives``, ``ends``, ``failures``, ``kills``, ``ahead.recalls`` and
``lines.effects``, and starts ``missing`` workers.

Every unit ends exactly once: by :meth:`finished`, or by an entry in ``ends`` or ``failures``. What
takes quantities waits for them in ``lines`` first. A seat runs its units in the order given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.workers.ahead import AHEAD_MAX, Ahead
from cantor.workers.lines import Lines
from cantor.workers.starts import Starts
from cantor.workers.units import End
from cantor.workers.waiting import Deadlines, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.errors import CantorError
    from cantor.workers.lines import Ask
    from cantor.workers.seat import Seat
    from cantor.workers.units import Death, Unit


class Assignment:
    """The state of one pool of at most ``size`` busy workers."""

    def __init__(self, size: int, *, warm: int = 0, starts_max: int | None = None) -> None:
        """``warm`` workers are wanted without work too; after ``starts_max`` none is any more."""
        self.starts = Starts(size, warm, starts_max)
        self.seats: dict[int, Seat] = {}
        self.gives: list[tuple[Seat, Unit]] = []
        self.ends: list[tuple[Unit, End, Death | None]] = []
        self.failures: list[tuple[Unit, CantorError]] = []
        self.kills: list[Seat] = []
        self.ahead = Ahead()
        self.lines = Lines(size)
        self._queue = Waiting()
        self._deadlines = Deadlines()
        self._idle: list[Seat] = []

    @property
    def waiting(self) -> int:
        """Units that no seat has, and that wait for nothing else."""
        return len(self._queue)

    @property
    def missing(self) -> int:
        """How many workers should be started now."""
        return self.starts.missing(self.seats.values(), len(self._queue), len(self._idle))

    def submit(self, unit: Unit, now: float) -> None:
        """Take a unit."""
        if unit.deadline is not None:
            self._deadlines.put(unit)
        had_waiting = len(self._queue) > 0
        self._put(unit)
        self._end_what_nobody_runs()
        if self._idle or not had_waiting:
            self._fill(now)

    def submit_all(self, units: Iterable[Unit], now: float) -> None:
        """Take many at once."""
        for unit in units:
            self._deadlines.put(unit)
            self._put(unit)
        self._end_what_nobody_runs()
        self._fill(now)

    def granted(self, ask: Ask, taken: Mapping[str, int | float], now: float) -> None:
        """What a unit needs is its own now."""
        unit = self.lines.granted(ask, taken)
        if unit is not None:
            self._put(unit)
            self._end_what_nobody_runs()
            self._fill(now)

    def refused(self, ask: Ask, error: CantorError) -> None:
        """What a unit needs can never be had: it ends with that."""
        unit = self.lines.refused(ask)
        if unit is not None:
            unit.has_ended = True
            self.failures.append((unit, error))

    def started(self, seat: Seat) -> None:
        """A process has been started for a seat; it is not ready yet."""
        self.seats[seat.id] = seat
        self.starts.began()

    def ready(self, seat: Seat, now: float) -> None:
        """Its process waits for work."""
        if seat.is_ending:
            return
        seat.is_ready = True
        self.starts.succeeded()
        self._idle.append(seat)
        self._fill(now)

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
        self.ahead.learn(unit.kind, took_s)
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
        self.ahead.note(seat)
        if not seat.running or seat.running[0].has_ended:
            self._next(seat, now)
        self._fill(now)

    def setup_failed(self, seat: Seat) -> list[Unit]:
        """What must come before all units has failed in a seat: what waits ends with that.

        The caller tells it to these units.
        """
        self._kill(seat)
        failed: list[Unit] = []
        while (unit := self._queue.take()) is not None:
            unit.has_ended = True
            self.lines.free(unit)
            failed.append(unit)
        return failed

    def gone(self, seat: Seat) -> None:
        """The process of a seat has ended: it gets no more. :meth:`died` follows."""
        seat.is_gone = True
        self._leave(seat)

    def died(self, seat: Seat, death: Death, now: float) -> None:
        """The process of a seat has ended; the unit that it ran may be the reason, others not."""
        del self.seats[seat.id]
        self._leave(seat)
        self._end_waiting(self.starts.ended(seat, death))
        while seat.running:
            unit = seat.running.pop()
            unit.seat = None
            self.lines.free(unit)
            if not unit.has_ended:
                is_innocent = seat.running or seat.is_ending  # it had not begun, or we killed it
                self._try_again(unit, death, is_charged=not is_innocent)
        self._end_what_nobody_runs()
        self._fill(now)

    def cancel(self, unit: Unit) -> bool:
        """End a unit, also if it runs; False if it has ended already."""
        if unit.has_ended:
            return False
        self._stop(unit, End.CANCELLED)
        return True

    def cancel_waiting(self) -> None:
        """End every unit that no seat has."""
        for unit in (*self._queue, *self.lines):
            self._stop(unit, End.CANCELLED)

    def retire(self, seat: Seat) -> None:
        """Let an idle seat end; another is started when there is work."""
        if not seat.is_ending and not seat.running:
            seat.is_ending = True
            self._leave(seat)
            self.kills.append(seat)

    def child_began(self, seat: Seat) -> None:
        """The unit of a seat has submitted another and may wait for it."""
        seat.children += 1
        self.ahead.recall(seat)

    def child_ended(self, seat: Seat) -> None:
        """One of those has ended."""
        seat.children -= 1

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        times = [one for one in (self._deadlines.next(), self.ahead.due()) if one is not None]
        return min(times, default=None)

    def passed(self, now: float) -> None:
        """Time has passed: deadlines end units, and what waits too long is called back."""
        for unit in self._deadlines.over(now):
            self._stop(unit, End.EXPIRED)
        self.ahead.passed(now)

    def _try_again(self, unit: Unit, death: Death, *, is_charged: bool) -> None:
        terms = unit.terms
        if terms.at_most_once or (is_charged and unit.attempt > terms.retries):
            self._end(unit, End.DIED, death)
            return
        unit.attempt += is_charged
        self._put(unit, first=True)

    def _put(self, unit: Unit, *, first: bool = False) -> None:
        if not unit.terms.needs or unit.holds is not None:
            self._queue.put(unit, first=first)
            return
        self.lines.put(unit, first=first)
        for other in self.lines.ready:  # what it waits for must not wait behind what it goes before
            self._queue.hurry(other, unit.terms.priority)

    def _fill(self, now: float) -> None:
        while self._idle and (unit := self._queue.take()) is not None:
            seat = self._idle.pop()
            seat.begun = now
            self._give(seat, unit)
        if self._queue:
            for seat in self.seats.values():
                if seat.running:
                    self.ahead.fill(seat, self._queue, self._give)

    def _next(self, seat: Seat, now: float) -> None:
        """A seat has done one unit: end it if it runs what nobody wants, else give it more."""
        if seat.is_ending or seat.is_gone:
            return
        if not seat.running:
            self.ahead.forget(seat)
            unit = self._queue.take()
            if unit is None:
                self._idle.append(seat)
                return
            seat.begun = now
            self._give(seat, unit)
        elif seat.running[0].has_ended and not seat.is_recalled:
            self._kill(seat)
            return
        if self._queue and len(seat.running) <= AHEAD_MAX // 2:
            self.ahead.fill(seat, self._queue, self._give)
        self.ahead.note(seat)

    def _give(self, seat: Seat, unit: Unit) -> None:
        seat.running.append(unit)
        unit.seat = seat
        if unit.holds is not None:
            self.lines.ready.discard(unit)
        self.gives.append((seat, unit))

    def _stop(self, unit: Unit, end: End) -> None:
        seat = unit.seat
        if seat is None:
            self._leave_queue(unit)
        self._end(unit, end, None)
        if seat is not None and seat.running[0] is unit:
            self._kill(seat)
        elif seat is not None:
            self.ahead.recall(seat)

    def _leave_queue(self, unit: Unit) -> None:
        if unit.is_queued:
            self._queue.forget(unit)
            self.lines.free(unit)
        else:
            self.lines.forget(unit)

    def _kill(self, seat: Seat) -> None:
        if not seat.is_ending:
            seat.is_ending = True
            self._leave(seat)
            self.kills.append(seat)

    def _leave(self, seat: Seat) -> None:
        self.ahead.forget(seat)
        if seat in self._idle:
            self._idle.remove(seat)

    def _end(self, unit: Unit, end: End, death: Death | None) -> None:
        unit.has_ended = True
        self.ends.append((unit, end, death))

    def _end_what_nobody_runs(self) -> None:
        self._end_waiting(self.starts.end_of_all(self.seats.values()))

    def _end_waiting(self, death: Death | None) -> None:
        while death is not None and (unit := self._queue.take()) is not None:
            self.lines.free(unit)
            self._end(unit, End.DIED, death)

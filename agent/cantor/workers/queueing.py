"""What all queues of workers have in common: units wait, are given, and end when seats die.

State machines without threads, processes or clocks. The driver tells one what happened, then does
what it finds in ``gives``, ``ends``, ``failures``, ``kills``, ``recalls``, ``stops`` and
``lines.effects``, and starts ``missing`` workers.

Every unit ends exactly once: by ``finished``, or by an entry in ``ends`` or ``failures``. What
takes quantities waits for them in ``lines`` first.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from cantor.workers.lines import Lines
from cantor.workers.starts import Starts
from cantor.workers.units import End
from cantor.workers.waiting import Deadlines, Waiting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.errors import CantorError
    from cantor.workers.lines import Ask
    from cantor.workers.seat import Seat
    from cantor.workers.units import Death, Gang, Unit


class Queueing(ABC):
    """The state of one pool of at most ``size`` worker processes."""

    def __init__(self, size: int, *, warm: int = 0, starts_max: int | None = None) -> None:
        """``warm`` workers are wanted without work too; after ``starts_max`` none is any more."""
        self.starts = Starts(size, warm, starts_max)
        self.seats: dict[int, Seat] = {}
        self.gives: list[tuple[Seat, Unit]] = []
        self.ends: list[tuple[Unit, End, Death | None]] = []
        self.failures: list[tuple[Unit, CantorError]] = []
        self.kills: list[Seat] = []
        self.recalls: list[Seat] = []
        """To be asked for what they have not begun."""
        self.stops: list[tuple[Seat, Unit]] = []
        """Units whose function is to end although others run in the same process."""
        self.lines = Lines(size)
        self._queue = Waiting()
        self._deadlines = Deadlines()

    @property
    def waiting(self) -> int:
        """Units that no seat has, and that wait for nothing else."""
        return len(self._queue)

    @property
    @abstractmethod
    def missing(self) -> int:
        """How many workers should be started now."""

    def submit(self, unit: Unit, now: float) -> None:
        """Take a unit."""
        if unit.deadline is not None:
            self._deadlines.put(unit)
        had_waiting = len(self._queue) > 0
        self._put(unit)
        self._end_what_nobody_runs()
        if not had_waiting or self._is_room_left:
            self._fill(now)

    def submit_all(self, units: Iterable[Unit], now: float) -> None:
        """Take many at once."""
        for unit in units:
            self._deadlines.put(unit)
            self._put(unit)
        self._end_what_nobody_runs()
        self._fill(now)

    def submit_together(self, gang: Gang, now: float) -> None:
        """Take units that begin together or not at all."""
        for unit in gang.units:
            self._deadlines.put(unit)
        if gang.needs:
            self._line_up(gang.units[0])
        else:
            for unit in gang.units:
                self._queue.put(unit)
        self._end_what_nobody_runs()
        self._fill(now)

    def granted(self, ask: Ask, taken: Mapping[str, int | float], now: float) -> None:
        """What a unit needs is its own now."""
        unit = self.lines.granted(ask, taken)
        if unit is not None:
            for one in unit.companions:
                self._queue.put(one)
            self._end_what_nobody_runs()
            self._fill(now)

    def refused(self, ask: Ask, error: CantorError) -> None:
        """What a unit needs can never be had: it ends with that."""
        unit = self.lines.refused(ask)
        if unit is not None:
            for one in unit.companions:
                one.has_ended = True
                self.failures.append((one, error))

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
        self._has_room(seat)
        self._fill(now)

    @abstractmethod
    def finished(self, seat: Seat, unit_id: int, took_s: float, now: float) -> Unit | None:
        """A unit of a seat is done; it, if its result still counts.

        Raises:
            LookupError: the seat does not run that unit now.
        """

    @abstractmethod
    def returned(self, seat: Seat, unit_ids: Iterable[int], now: float) -> None:
        """A seat gives back units that it had not begun.

        Raises:
            LookupError: it was not asked to.
        """

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
        """The process of a seat has ended; units that it ran may be the reason, others not."""
        del self.seats[seat.id]
        self._leave(seat)
        self._end_waiting(self.starts.ended(seat, death))
        while seat.running:
            unit = seat.running.pop()
            unit.seat = None
            self.lines.free(unit)
            if not unit.has_ended:
                is_charged = self._had_begun(seat) and not seat.is_ending  # else we killed it
                self._try_again(unit, death, is_charged=is_charged)
        self._end_what_nobody_runs()
        self._fill(now)

    def cancel(self, unit: Unit, now: float) -> bool:
        """End a unit, also if it runs; False if it has ended already."""
        if unit.has_ended:
            return False
        self._stop(unit, End.CANCELLED)
        self._fill(now)  # a gang that waited for more room may have held others up
        return True

    def cancel_waiting(self) -> None:
        """End every unit that no seat has."""
        while waiting := (*self._queue, *self.lines):
            for unit in waiting:
                self._stop(unit, End.CANCELLED)

    @abstractmethod
    def retire(self, seat: Seat) -> None:
        """Let a seat end when it runs nothing; another is started when there is work."""

    def child_began(self, seat: Seat, parent: int) -> None:
        """A unit of a seat has submitted another and may wait for it."""
        seat.parents[parent] = seat.parents.get(parent, 0) + 1

    def child_ended(self, seat: Seat, parent: int) -> None:
        """One of those has ended."""
        seat.parents[parent] -= 1
        if not seat.parents[parent]:
            del seat.parents[parent]

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        return self._deadlines.next()

    def passed(self, now: float) -> None:
        """Time has passed: deadlines end units."""
        for unit in self._deadlines.over(now):
            self._stop(unit, End.EXPIRED)
        self._fill(now)  # as when one is cancelled

    @property
    @abstractmethod
    def _is_room_left(self) -> bool:
        """Whether any seat has room."""

    def _next_of_queue(self, room: int) -> list[Unit]:
        """What to give to seats with so much room in all: a unit, a whole gang, or nothing.

        What is behind a gang waits until there is room for that: running units end, no new begin.
        """
        unit = self._queue.first()
        if unit is None:
            return []
        units = unit.companions
        if len(units) > room:
            return []
        if unit.gang is not None:
            unit.gang.has_begun = True
        for one in units:
            self._queue.forget(one)
        return units

    @abstractmethod
    def _has_room(self, seat: Seat) -> None:
        """A seat may be given units."""

    @abstractmethod
    def _fill(self, now: float) -> None:
        """Give what waits to seats that have room."""

    @abstractmethod
    def _had_begun(self, seat: Seat) -> bool:
        """Whether the unit that was the last of ``seat.running`` had begun."""

    @abstractmethod
    def _stop_running(self, seat: Seat, unit: Unit) -> None:
        """A unit that a seat has is not wanted any more."""

    @abstractmethod
    def _leave(self, seat: Seat) -> None:
        """A seat is given nothing more."""

    def _try_again(self, unit: Unit, death: Death, *, is_charged: bool) -> None:
        terms = unit.terms
        if terms.at_most_once or (is_charged and unit.attempt > terms.retries):
            self._end(unit, End.DIED, death)
            return
        unit.attempt += is_charged
        self._put(unit, first=True)

    def _put(self, unit: Unit, *, first: bool = False) -> None:
        if not unit.terms.needs:
            self._queue.put(unit, first=first)
        else:
            self._line_up(unit, first=first)

    def _line_up(self, unit: Unit, *, first: bool = False) -> None:
        self.lines.put(unit, first=first)
        for other in self.lines.ready:  # what it waits for must not wait behind what it goes before
            self._queue.hurry(other, unit.terms.priority)

    def _give(self, seat: Seat, unit: Unit) -> None:
        seat.running.append(unit)
        unit.seat = seat
        if unit.holds is not None:
            self.lines.begun(unit)
        self.gives.append((seat, unit))

    def _stop(self, unit: Unit, end: End) -> None:
        seat = unit.seat
        if seat is None:
            self._leave_queue(unit)
        self._end(unit, end, None)
        if seat is not None:
            self._stop_running(seat, unit)

    def _leave_queue(self, unit: Unit) -> None:
        if unit.is_queued:
            self._queue.forget(unit)
            self.lines.free(unit)
            return
        first, *others = unit.companions
        if unit is first:  # it stood there for all
            self.lines.forget(unit)
            if others:
                self._line_up(others[0], first=True)

    def _kill(self, seat: Seat) -> None:
        if not seat.is_ending:
            seat.is_ending = True
            self._leave(seat)
            self.kills.append(seat)

    def _end(self, unit: Unit, end: End, death: Death | None) -> None:
        unit.has_ended = True
        self.ends.append((unit, end, death))

    def _end_what_nobody_runs(self) -> None:
        self._end_waiting(self.starts.end_of_all(self.seats.values()))

    def _end_waiting(self, death: Death | None) -> None:
        while death is not None and (unit := self._queue.take()) is not None:
            self.lines.free(unit)
            self._end(unit, End.DIED, death)

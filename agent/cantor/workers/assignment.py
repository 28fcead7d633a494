"""Which worker runs which unit: the queue, the seats and what becomes of units when seats die.

A state machine without threads, processes or clocks. Its driver tells it what happened, then does
what it finds in ``gives``, ``ends``, ``kills`` and ``recalls`` and starts ``missing`` workers.

Every unit ends exactly once: by :meth:`finished`, or by an entry in ``ends``. A seat runs its units
in the order given. Small units are given ahead, so that a worker has no pause between them; what
waits behind one that turns out to take long is called back and given to others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from cantor.workers.units import End

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.workers.units import Death, Unit

AHEAD_MAX = 32
"""So many units are given to a seat at once, if they are small."""
AHEAD_S = 0.002
"""So much work, by the time that the same functions took before, may wait in a seat."""
RECALL_AFTER_S = 0.02
"""What waits behind a unit that takes longer is called back."""
STARTS_FAILED_MAX = 3
CODES_MAX = 4096
_WEIGHT = 0.2


@dataclass(slots=True, eq=False)
class Seat:
    """A worker as the queue sees it."""

    id: int
    running: deque[Unit] = field(default_factory=deque)
    begun: float = 0.0
    """When the first of them began."""
    is_ready: bool = False
    is_ending: bool = False
    """Killed or retired: it gets nothing more."""
    is_recalled: bool = False
    """Asked to give back what it has not begun, and has not answered yet."""
    is_long: bool = False
    """What it runs takes long: nothing more is given to wait behind it."""
    is_gone: bool = False
    """Its process has ended; what it still said is being heard."""
    children: int = 0
    """Units that its own unit has submitted and that have not ended."""
    units_run: int = 0


class Assignment:
    """The state of one pool of at most ``size`` busy workers."""

    def __init__(self, size: int, *, warm: int = 0, starts_max: int | None = None) -> None:
        """``warm`` workers are wanted without work too; after ``starts_max`` none is any more."""
        self.size = size
        self.warm = warm
        self._starts_left = starts_max
        self._last_death: Death | None = None
        self.seats: dict[int, Seat] = {}
        self.gives: list[tuple[Seat, Unit]] = []
        self.ends: list[tuple[Unit, End, Death | None]] = []
        self.kills: list[Seat] = []
        self.recalls: list[Seat] = []
        self._queue: list[tuple[int, int, Unit]] = []
        self._waiting = 0
        self._order = count()
        self._deadlines: list[tuple[float, int, Unit]] = []
        self._idle: list[Seat] = []
        self._ahead: set[Seat] = set()
        self._took_s: dict[str, float] = {}
        self._starts_failed = 0

    @property
    def waiting(self) -> int:
        """Units that no seat has."""
        return self._waiting

    @property
    def missing(self) -> int:
        """How many workers should be started now."""
        alive = starting = waits = 0
        for seat in self.seats.values():
            alive += not seat.is_ending
            starting += not (seat.is_ready or seat.is_ending)
            waits += seat.children > 0
        wanted = max(self._waiting - starting - len(self._idle), self.warm - alive)
        if self._starts_left is not None:
            wanted = min(wanted, self._starts_left)
        return max(0, min(wanted, self.size + waits - alive))

    def submit(self, unit: Unit, now: float) -> None:
        """Take a unit."""
        if unit.deadline is not None:
            heappush(self._deadlines, (unit.deadline, next(self._order), unit))
        had_waiting = self._waiting > 0
        self._put(unit)
        self._end_what_nobody_runs()
        if self._idle or not had_waiting:
            self._fill(now)

    def submit_all(self, units: Iterable[Unit], now: float) -> None:
        """Take many at once."""
        for unit in units:
            if unit.deadline is not None:
                heappush(self._deadlines, (unit.deadline, next(self._order), unit))
            self._put(unit)
        self._end_what_nobody_runs()
        self._fill(now)

    def started(self, seat: Seat) -> None:
        """A process has been started for a seat; it is not ready yet."""
        self.seats[seat.id] = seat
        if self._starts_left is not None:
            self._starts_left -= 1

    def ready(self, seat: Seat, now: float) -> None:
        """Its process waits for work."""
        if seat.is_ending:
            return
        seat.is_ready = True
        self._starts_failed = 0
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
        seat.begun = now
        seat.is_long = False
        seat.units_run += 1
        before = self._took_s.get(unit.kind)
        if before is None:
            if len(self._took_s) >= CODES_MAX:
                self._took_s.clear()
            self._took_s[unit.kind] = took_s
        else:
            self._took_s[unit.kind] = before + _WEIGHT * (took_s - before)
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
        self._note_ahead(seat)
        if not seat.running or seat.running[0].has_ended:
            self._next(seat, now)
        self._fill(now)

    def setup_failed(self, seat: Seat) -> list[Unit]:
        """What must come before all units has failed in a seat: what waits ends with that.

        The caller tells it to these units.
        """
        self._kill(seat)
        failed: list[Unit] = []
        while (unit := self._take()) is not None:
            unit.has_ended = True
            failed.append(unit)
        return failed

    def gone(self, seat: Seat) -> None:
        """The process of a seat has ended: it gets no more. :meth:`died` follows."""
        seat.is_gone = True
        self._leave(seat)

    def died(self, seat: Seat, death: Death, now: float) -> None:
        """The process of a seat has ended; the unit that it ran may be the reason, others not."""
        del self.seats[seat.id]
        self._last_death = death
        self._leave(seat)
        if not seat.is_ready and not seat.is_ending:
            self._start_failed(death)
        while seat.running:
            unit = seat.running.pop()
            unit.seat = None
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
        for _, _, unit in self._queue:
            if not unit.has_ended and unit.seat is None:
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
        self._recall(seat)

    def child_ended(self, seat: Seat) -> None:
        """One of those has ended."""
        seat.children -= 1

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        while self._deadlines and self._deadlines[0][2].has_ended:
            heappop(self._deadlines)
        times = [seat.begun + RECALL_AFTER_S for seat in self._ahead if not seat.is_recalled]
        if self._deadlines:
            times.append(self._deadlines[0][0])
        return min(times, default=None)

    def passed(self, now: float) -> None:
        """Time has passed: deadlines end units, and what waits too long is called back."""
        while self._deadlines and self._deadlines[0][0] <= now:
            unit = heappop(self._deadlines)[2]
            if not unit.has_ended:
                self._stop(unit, End.EXPIRED)
        for seat in self._ahead:
            if seat.begun + RECALL_AFTER_S <= now:
                self._recall(seat)

    def _try_again(self, unit: Unit, death: Death, *, is_charged: bool) -> None:
        terms = unit.terms
        if terms.at_most_once or (is_charged and unit.attempt > terms.retries):
            self._end(unit, End.DIED, death)
            return
        unit.attempt += is_charged
        self._put(unit, first=True)

    def _put(self, unit: Unit, *, first: bool = False) -> None:
        order = next(self._order)
        heappush(self._queue, (unit.terms.priority, -order if first else order, unit))
        self._waiting += 1

    def _take(self) -> Unit | None:
        while self._queue:
            unit = heappop(self._queue)[2]
            if not unit.has_ended:
                self._waiting -= 1
                return unit
        return None

    def _fill(self, now: float) -> None:
        while self._idle and self._waiting:
            unit = self._take()
            if unit is not None:
                seat = self._idle.pop()
                seat.begun = now
                self._give(seat, unit)
        if self._waiting:
            for seat in self.seats.values():
                if seat.running:
                    self._give_ahead(seat)

    def _next(self, seat: Seat, now: float) -> None:
        """A seat has done one unit: end it if it runs what nobody wants, else give it more."""
        if seat.is_ending or seat.is_gone:
            return
        if not seat.running:
            self._ahead.discard(seat)
            unit = self._take()
            if unit is None:
                self._idle.append(seat)
                return
            seat.begun = now
            self._give(seat, unit)
        elif seat.running[0].has_ended and not seat.is_recalled:
            self._kill(seat)
            return
        if self._waiting and len(seat.running) <= AHEAD_MAX // 2:
            self._give_ahead(seat)
        self._note_ahead(seat)

    def _give(self, seat: Seat, unit: Unit) -> None:
        seat.running.append(unit)
        unit.seat = seat
        self.gives.append((seat, unit))

    def _give_ahead(self, seat: Seat) -> None:
        """Give more units to a seat that is busy, while all of them are known to be small."""
        if seat.is_ending or seat.is_gone or seat.children or seat.is_recalled or seat.is_long:
            return
        if not seat.running[0].terms.is_plain:
            return
        load_s = 0.0
        for unit in seat.running:
            load_s += self._took_s.get(unit.kind, AHEAD_S)
        while self._queue and len(seat.running) < AHEAD_MAX:
            unit = self._queue[0][2]
            if unit.has_ended:
                heappop(self._queue)
                continue
            load_s += self._took_s.get(unit.kind, AHEAD_S)
            if load_s > AHEAD_S or not unit.terms.is_plain:
                break
            heappop(self._queue)
            self._waiting -= 1
            self._give(seat, unit)
        self._note_ahead(seat)

    def _note_ahead(self, seat: Seat) -> None:
        if len(seat.running) > 1:
            self._ahead.add(seat)
        else:
            self._ahead.discard(seat)

    def _recall(self, seat: Seat) -> None:
        if len(seat.running) > 1 and not seat.is_recalled and not seat.is_ending:
            seat.is_recalled = seat.is_long = True
            self.recalls.append(seat)

    def _stop(self, unit: Unit, end: End) -> None:
        seat = unit.seat
        if seat is None:
            self._waiting -= 1
        self._end(unit, end, None)
        if seat is not None and seat.running[0] is unit:
            self._kill(seat)
        elif seat is not None:
            self._recall(seat)

    def _kill(self, seat: Seat) -> None:
        if not seat.is_ending:
            seat.is_ending = True
            self._leave(seat)
            self.kills.append(seat)

    def _leave(self, seat: Seat) -> None:
        self._ahead.discard(seat)
        if seat in self._idle:
            self._idle.remove(seat)

    def _end(self, unit: Unit, end: End, death: Death | None) -> None:
        unit.has_ended = True
        self.ends.append((unit, end, death))

    def _start_failed(self, death: Death) -> None:
        """Workers that end before they are ready would do so for ever: nobody waits for them."""
        self._starts_failed += 1
        if self._starts_failed < STARTS_FAILED_MAX:
            return
        self._starts_failed = 0
        self._end_waiting(replace(death, at_start=True))

    def _end_what_nobody_runs(self) -> None:
        """After the last start that was allowed, what waits has nobody to wait for."""
        if self._starts_left == 0 and not self.seats and self._last_death is not None:
            self._end_waiting(self._last_death)

    def _end_waiting(self, death: Death) -> None:
        while (unit := self._take()) is not None:
            self._end(unit, End.DIED, death)

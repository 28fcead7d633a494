"""Which worker runs which unit, if each runs many at once: threads, or coroutines of an actor.

Who waits for others leaves its place. A unit that is not wanted any more is asked to end; nothing
can end it while others run in its process. If it goes on, its worker gets nothing more, and is
ended when nobody waits for anything in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.workers.queueing import Queueing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit

STOP_S = 1.0
"""A unit that was asked to end has so long; then its worker is left."""


class Sharing(Queueing):
    """The state of one pool of at most ``size`` workers that run ``places`` units each."""

    def __init__(
        self, size: int, places: int, *, warm: int = 0, starts_max: int | None = None
    ) -> None:
        super().__init__(size, warm=warm, starts_max=starts_max)
        self._places = places
        self._open: list[Seat] = []
        """Those that may be given units."""
        self._stopping: dict[Seat, float | None] = {}
        """Since when a seat should have ended a unit; None until the clock is known."""

    @property
    def missing(self) -> int:
        """How many workers should be started now."""
        lacking = len(self._queue) - sum(map(self._room, self._open))
        return self.starts.missing(self.seats.values(), -(-lacking // self._places))

    def finished(self, seat: Seat, unit_id: int, took_s: float, now: float) -> Unit | None:
        """A unit of a seat is done; it, if its result still counts.

        Raises:
            LookupError: the seat does not run that unit.
        """
        unit = next((one for one in seat.running if one.id == unit_id), None)
        if unit is None:
            raise LookupError(unit_id)
        seat.running.remove(unit)
        unit.seat = None
        self.lines.free(unit)
        seat.units_run += 1
        counts = not unit.has_ended
        unit.has_ended = True
        if seat in self._stopping and not any(one.has_ended for one in seat.running):
            del self._stopping[seat]
        self._look(seat)
        self._fill(now)
        return unit if counts else None

    def returned(self, seat: Seat, unit_ids: Iterable[int], now: float) -> None:
        """No seat is asked to give units back.

        Raises:
            LookupError: always.
        """
        raise LookupError(seat.id)

    def retire(self, seat: Seat) -> None:
        """Give a seat nothing more; it ends when what it runs has ended."""
        if not seat.is_ending:
            seat.is_leaving = True
            self._leave(seat)
            self._look(seat)

    def child_began(self, seat: Seat, parent: int) -> None:
        """Its unit may wait: another takes its place."""
        super().child_began(seat, parent)
        self._fill(0.0)

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        times = [-STOP_S if since is None else since for since in self._stopping.values()]
        stops = [since + STOP_S for since in times]
        over = super().due()
        return min(stops if over is None else [*stops, over], default=None)

    def passed(self, now: float) -> None:
        """Time has passed: deadlines end units, and seats that do not end what they should go."""
        super().passed(now)
        for seat, since in list(self._stopping.items()):
            if since is None:
                self._stopping[seat] = now
            elif since + STOP_S <= now:
                del self._stopping[seat]
                self.retire(seat)

    @property
    def _is_room_left(self) -> bool:
        return any(map(self._room, self._open))

    def _room(self, seat: Seat) -> int:
        waits = sum(unit.id in seat.parents for unit in seat.running)
        return max(0, self._places - len(seat.running) + waits)

    def _has_room(self, seat: Seat) -> None:
        self._open.append(seat)

    def _fill(self, now: float) -> None:
        while self._open:
            units = self._next_of_queue(sum(map(self._room, self._open)))
            if not units:
                return
            for unit in units:
                self._give(max(self._open, key=self._room), unit)

    def _had_begun(self, seat: Seat) -> bool:
        return True

    def _stop_running(self, seat: Seat, unit: Unit) -> None:
        self.stops.append((seat, unit))
        self._stopping.setdefault(seat, None)
        self._look(seat)

    def _look(self, seat: Seat) -> None:
        """End a seat that is left, if nobody waits for what it runs."""
        if seat.is_leaving and all(unit.has_ended for unit in seat.running):
            self._kill(seat)

    def _leave(self, seat: Seat) -> None:
        self._stopping.pop(seat, None)
        if seat in self._open:
            self._open.remove(seat)

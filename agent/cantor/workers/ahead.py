"""Small units are given to a worker ahead; what waits behind one that takes long is called back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit
    from cantor.workers.waiting import Waiting

AHEAD_MAX = 32
"""So many units are given to a seat at once, if they are small."""
AHEAD_S = 0.002
"""So much work, by the time that the same functions took before, may wait in a seat."""
RECALL_AFTER_S = 0.02
"""What waits behind a unit that takes longer is called back."""
KINDS_MAX = 4096
_WEIGHT = 0.2


class Ahead:
    """Which seats have more than the unit that they run."""

    def __init__(self, recalls: list[Seat]) -> None:
        """``recalls`` takes the seats that are to be asked back."""
        self._recalls = recalls
        self._seats: dict[Seat, None] = {}  # in order, so that the same happens each time
        self._took_s: dict[str, float] = {}

    def learn(self, kind: str, took_s: float) -> None:
        """A unit of that kind took so long."""
        before = self._took_s.get(kind)
        if before is not None:
            self._took_s[kind] = before + _WEIGHT * (took_s - before)
            return
        if len(self._took_s) >= KINDS_MAX:
            self._took_s.clear()
        self._took_s[kind] = took_s

    def fill(self, seat: Seat, queue: Waiting, give: Callable[[Seat, Unit], None]) -> None:
        """Give more units to a seat that is busy, while all of them are known to be small."""
        if seat.is_ending or seat.is_gone or seat.parents or seat.is_recalled or seat.is_long:
            return
        if not seat.running[0].terms.is_plain:
            return
        load_s = 0.0
        for unit in seat.running:
            load_s += self._took_s.get(unit.kind, AHEAD_S)
        while len(seat.running) < AHEAD_MAX:
            following = queue.first()
            if following is None or following.gang is not None or not following.terms.is_plain:
                break
            load_s += self._took_s.get(following.kind, AHEAD_S)
            if load_s > AHEAD_S:
                break
            queue.take()
            give(seat, following)
        self.note(seat)

    def note(self, seat: Seat) -> None:
        """What a seat runs has changed."""
        if len(seat.running) > 1:
            self._seats[seat] = None
        else:
            self._seats.pop(seat, None)

    def forget(self, seat: Seat) -> None:
        """A seat is given nothing more."""
        self._seats.pop(seat, None)

    def recall(self, seat: Seat) -> None:
        """Ask a seat to give back what it has not begun."""
        if len(seat.running) > 1 and not seat.is_recalled and not seat.is_ending:
            seat.is_recalled = seat.is_long = True
            self._recalls.append(seat)

    def due(self) -> float | None:
        """When :meth:`passed` must be called next."""
        times = [seat.begun + RECALL_AFTER_S for seat in self._seats if not seat.is_recalled]
        return min(times, default=None)

    def passed(self, now: float) -> None:
        """Time has passed."""
        for seat in self._seats:
            if seat.begun + RECALL_AFTER_S <= now:
                self.recall(seat)

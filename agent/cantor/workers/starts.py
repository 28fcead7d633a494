"""How many workers a pool should have, and when it is of no use to start another."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

    from cantor.workers.seat import Seat
    from cantor.workers.units import Death

STARTS_FAILED_MAX = 3


class Starts:
    """At most ``size`` busy workers, ``warm`` also without work; no more after ``most`` starts."""

    def __init__(self, size: int, warm: int, most: int | None) -> None:
        self.size = size
        self.warm = warm
        self._left = most
        self._failed = 0
        self._last_death: Death | None = None

    def missing(self, seats: Collection[Seat], lacking: int, waits: int = 0) -> int:
        """How many workers should be started now, if ``lacking`` more could be used.

        For each that ``waits`` one more may run.
        """
        alive = starting = 0
        for seat in seats:
            alive += not (seat.is_ending or seat.is_leaving)
            starting += not (seat.is_ready or seat.is_ending)
        wanted = max(lacking - starting, self.warm - alive)
        if self._left is not None:
            wanted = min(wanted, self._left)
        return max(0, min(wanted, self.size + waits - alive))

    def began(self) -> None:
        """One is being started."""
        if self._left is not None:
            self._left -= 1

    def succeeded(self) -> None:
        """One is ready."""
        self._failed = 0

    def ended(self, seat: Seat, death: Death) -> Death | None:
        """One has ended; with what that waits must end, if no worker can start here.

        Those that end before they are ready would do so for ever.
        """
        self._last_death = death
        if seat.is_ready or seat.is_ending:
            return None
        self._failed += 1
        if self._failed < STARTS_FAILED_MAX:
            return None
        self._failed = 0
        return replace(death, at_start=True)

    def end_of_all(self, seats: Collection[Seat]) -> Death | None:
        """With what all ends that waits: the last worker that was allowed has ended."""
        return self._last_death if self._left == 0 and not seats else None

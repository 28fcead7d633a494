"""Workers that run several units at once, in whatever order things happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from hypothesis import settings
from tests.unit.cantor.workers.test_assignment_properties import Life

from cantor.workers.sharing import Sharing

if TYPE_CHECKING:
    from cantor.workers.queueing import Queueing
    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit

SIZE, PLACES = 2, 3


class SharedLife(Life):
    """As :class:`Life`; any unit of a seat may end."""

    def make_core(self) -> Queueing:
        return Sharing(SIZE, PLACES)

    def may_end(self, seat: Seat) -> list[Unit]:
        return list(seat.running)

    def is_full(self, seat: Seat) -> bool:
        # One that waited goes on beside what took its place, when its child has ended elsewhere.
        may_wait = sum(unit.id in self.parents for unit in seat.running)
        assert len(seat.running) - may_wait <= PLACES
        waits = sum(unit.id in seat.parents for unit in seat.running)
        return seat.is_leaving or len(seat.running) - waits >= PLACES

    def nothing_waits_behind_what_may_not_be_lost(self) -> None:
        """All that a seat has have begun."""


TestSharedLife = cast("type", SharedLife.TestCase)
TestSharedLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)  # type: ignore[attr-defined]

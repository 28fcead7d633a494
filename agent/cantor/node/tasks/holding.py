"""What was reserved for attempts that run: given back when their workers use it no more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from cantor.workers.grants import NoGrants
from cantor.workers.lines import Ask

if TYPE_CHECKING:
    import asyncio

    from cantor.base.ids import NodeId
    from cantor.node.grants.reservation import Reservation


class Holding(NoGrants):
    """The grants of a node's pools: nothing is asked of it, as attempts reserve before they run."""

    def __init__(self, me: NodeId, loop: asyncio.AbstractEventLoop) -> None:
        self._me = me
        self._loop = loop
        self._held: dict[Ask, Reservation] = {}

    def hold(self, reservation: Reservation, label: str) -> Ask:
        """What a unit of the pool holds: the pool gives it back."""
        ask = Ask("", 0, label, reservation.leases[self._me].taken, users=1)
        self._held[ask] = reservation
        return ask

    def take_back(self, ask: Ask) -> None:
        """A worker has ended with it; in any thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it all that was granted
            self._loop.call_soon_threadsafe(self._drop, ask)

    def _drop(self, ask: Ask) -> None:
        reservation = self._held.pop(ask, None)
        if reservation is not None:
            reservation.drop()

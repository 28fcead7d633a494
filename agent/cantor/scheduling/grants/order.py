"""Who of those that wait is granted next, and who has to give back: an owner asks its order.

The plain one, by priority and then by arrival, is here; that of projects with shares is
:class:`cantor.scheduling.shares.order.FairOrder`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.standing import Held, Waits
    from cantor.scheduling.grants.stock import Stock

Place: TypeAlias = tuple[float, int]
"""Where somebody stands in a queue; the lowest is next."""
Rank: TypeAlias = tuple[float, float, float, int]
"""Where somebody stands among all; the lowest is next."""
Amounts: TypeAlias = "Mapping[str, int | float]"


class Order(Protocol):
    """What decides; ``now`` is the owner's steady clock, amounts are base units by quantity."""

    def queue_of(self, holder: NodeId, project: str) -> str:
        """Whose queue a request stands in."""

    def place(self, waits: Waits, now: float) -> Place:
        """Where a request stands in its queue now."""

    def rank(self, waits: Waits, now: float) -> Rank:
        """Where a request stands among all now."""

    def refusal(self, waits: Waits) -> str:
        """Why it can never be granted; empty if it may be one day."""

    def lack(self, queue: str, amounts: Amounts) -> str:
        """Why its queue may not have so much more now; empty if it may."""

    def waits(self, waits: Waits, now: float) -> None:
        """It has come."""

    def left(self, waits: Waits, now: float) -> None:
        """It waits no longer."""

    def took(self, held: Held, now: float) -> None:
        """Units are its own."""

    def gave(self, held: Held, now: float) -> None:
        """They are free again."""

    def wanted_back(
        self, line: Iterable[Waits], held: Collection[Held], stock: Stock, now: float
    ) -> list[Held]:
        """The leases that are to be given back before their work ends, for some who wait."""


class Arrival:
    """By priority, then by arrival; nobody has to give back."""

    def queue_of(self, holder: NodeId, project: str) -> str:
        """All stand in one."""
        return ""

    def place(self, waits: Waits, now: float) -> Place:
        """By priority, then by arrival."""
        return -waits.reserve.priority, waits.order

    def rank(self, waits: Waits, now: float) -> Rank:
        """By place."""
        return 0.0, 0.0, *self.place(waits, now)

    def refusal(self, waits: Waits) -> str:
        """None."""
        return ""

    def lack(self, queue: str, amounts: Amounts) -> str:
        """Everybody may have everything."""
        return ""

    def waits(self, waits: Waits, now: float) -> None:
        """Nothing to count."""

    def left(self, waits: Waits, now: float) -> None:
        """Nothing to count."""

    def took(self, held: Held, now: float) -> None:
        """Nothing to count."""

    def gave(self, held: Held, now: float) -> None:
        """Nothing to count."""

    def wanted_back(
        self,
        line: Iterable[Waits],
        held: Collection[Held],
        stock: Stock,
        now: float,
    ) -> list[Held]:
        """Nothing."""
        return []

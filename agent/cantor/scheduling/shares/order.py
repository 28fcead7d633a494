"""The order of an owner that gives projects their shares.

First the project: a higher priority before a lower one, and of equal ones who is owed most
(:mod:`cantor.scheduling.shares.accounts`). Within a project the unit's own priority, then arrival.
Whoever has waited for ``AGING_S`` rises by one, so that nobody starves: a project among those of
higher priority, a unit among those of its project. Who was the first and wanted more than was free
at once is so for good after ``AGING_S``: else a project that is owed more, and takes each unit as
it comes, would pass it over for ever. A limit is never passed on one node; over several it holds as
far as they have told each other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cantor.scheduling.shares.reclaim import Reclaim
from cantor.scheduling.shares.uses import Use, add

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.order import Amounts, Place, Rank
    from cantor.scheduling.grants.standing import Held, Waits
    from cantor.scheduling.grants.stock import Stock
    from cantor.scheduling.shares.accounts import Accounts

AGING_S = 60.0


class FairOrder:
    """By projects. ``payer`` names the project that a node's request counts for."""

    def __init__(self, me: NodeId, accounts: Accounts, payer: Callable[[NodeId, str], str]) -> None:
        self._me = me
        self._accounts = accounts
        self._payer = payer

    def queue_of(self, holder: NodeId, project: str) -> str:
        """Each project has one."""
        return self._payer(holder, project)

    def place(self, waits: Waits, now: float) -> Place:
        """By the unit's priority, which rises as it waits, then by arrival."""
        return -(waits.reserve.priority + (now - waits.since_s) // AGING_S), waits.order

    def rank(self, waits: Waits, now: float) -> Rank:
        """By the turn of its project, then by place; who has stood long goes first of its level."""
        level, ahead_s = self.turn(waits.queue, waits.since_s, now)
        has_stood = now - waits.stood_s >= AGING_S
        return level, -math.inf if has_stood else ahead_s, *self.place(waits, now)

    def turn(
        self, project: str, since_s: float, now: float, part: float | None = None
    ) -> tuple[float, float]:
        """When a project's turn is that has waited so long: the lowest is next.

        By its priority, which rises too, then by what it is owed; with what it holds of the pool,
        or ``part`` of it.
        """
        highest = max(map(self._class, [project, *self._accounts.own_waiting()]))
        level = min(self._class(project) + (now - since_s) // AGING_S, highest)
        return -level, self._accounts.ahead_s(project, part)

    def refusal(self, waits: Waits) -> str:
        """It wants more than its project may ever have."""
        limits = self._accounts.terms(waits.queue).limits
        over = next((n for n, a in waits.amounts.items() if a > limits.get(n, a)), None)
        return f"project {waits.queue} may hold {limits[over]:g} {over} at most" if over else ""

    def lack(self, queue: str, amounts: Amounts) -> str:
        """Its project holds as much as it may."""
        limits = self._accounts.terms(queue).limits
        if not limits:
            return ""
        held = self._accounts.held(queue)
        for name, amount in amounts.items():
            if name in limits and held.get(name, 0) + amount > limits[name]:
                return f"project {queue} holds {held.get(name, 0):g} of its {limits[name]:g} {name}"
        return ""

    def waits(self, waits: Waits, now: float) -> None:
        """Count it."""
        self._accounts.waits(waits.queue, waits.amounts, now)

    def left(self, waits: Waits, now: float) -> None:
        """Count it no longer."""
        self._accounts.left(waits.queue, waits.amounts, now)

    def took(self, held: Held, now: float) -> None:
        """Charge it from now on."""
        self._accounts.took(held.queue, held.lease.taken, now)
        if held.lease.may_reclaim:
            add(self._accounts.own[held.queue].yields, held.lease.taken)

    def gave(self, held: Held, now: float) -> None:
        """Charge it no longer."""
        self._accounts.gave(held.queue, held.lease.taken, now)
        if held.wanted_by:
            self._move(held, -1)
        elif held.lease.may_reclaim:
            add(self._accounts.own[held.queue].yields, held.lease.taken, -1)

    def wanted_back(
        self, line: Iterable[Waits], held: Collection[Held], stock: Stock, now: float
    ) -> list[Held]:
        """What is lent and owed: see :mod:`cantor.scheduling.shares.reclaim`."""
        self._accounts.advance(now)
        found = Reclaim(self._me, self._accounts, stock, held, self.lack, now).look(line)
        for one in found:
            add(self._accounts.own[one.queue].yields, one.lease.taken, -1)
            self._move(one, 1)
        return found

    def _move(self, held: Held, sign: int) -> None:
        own = self._accounts.own
        add(own[held.queue].moved, held.lease.taken, -sign)
        add(own.setdefault(held.wanted_by, Use()).moved, held.lease.taken, sign)

    def _class(self, project: str) -> int:
        return self._accounts.terms(project).priority

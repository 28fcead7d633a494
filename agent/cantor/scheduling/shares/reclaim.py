"""What an owner takes back that it has lent: units whose work may be ended and begun again.

The next free unit goes to who is owed it anyway; most lent units come back so. Only for who has
waited for ``GRACE_S`` is work ended that has run as long: the youngest of it first, and no more
than :mod:`cantor.scheduling.shares.debts` says.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.shares.debts import Debt
from cantor.scheduling.shares.uses import add

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.order import Amounts
    from cantor.scheduling.grants.standing import Held, Waits
    from cantor.scheduling.grants.stock import Stock
    from cantor.scheduling.shares import uses
    from cantor.scheduling.shares.accounts import Accounts

GRACE_S = 3.0
TENURE_S = 30.0
"""How long work has run, at least, that is ended for a project whose share is less than a unit."""


@dataclass(slots=True)
class Reclaim:
    """One look at what is lent. ``lack(project, amounts)`` tells whether its limit forbids more."""

    me: NodeId
    accounts: Accounts
    stock: Stock
    held: Collection[Held]
    lack: Callable[[str, Amounts], str]
    now: float
    _back: uses.Amounts = field(default_factory=dict)
    _used: uses.Amounts = field(default_factory=dict)
    _promised: dict[str, uses.Amounts] = field(default_factory=dict)
    _quotas: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)

    def look(self, line: Iterable[Waits]) -> list[Held]:
        """The leases to take back, marked with the project that each is for."""
        for one in self.held:
            if one.wanted_by:
                add(self._back, one.lease.taken)
        found: list[Held] = []
        for waits in line:
            promised = self._promised.setdefault(waits.queue, {})
            wanted = {name: a + promised.get(name, 0) for name, a in waits.amounts.items()}
            leases = None if self.lack(waits.queue, wanted) else self._leases(waits)
            if leases is None:
                continue
            for one in leases:
                one.wanted_by = waits.queue
                add(self._back, one.lease.taken)
            found += leases
            add(self._used, waits.amounts)
            add(promised, waits.amounts)
        return found

    def _leases(self, waits: Waits) -> list[Held] | None:
        """What must come back for it, nothing if what is free will do; None: it has to wait."""
        back = dict(self._back)
        leases: list[Held] = []
        if self._fits(waits, back):
            return leases
        if self.now - waits.since_s < GRACE_S or not waits.amounts:
            return None
        name = max(waits.amounts, key=lambda one: self.accounts.part({one: waits.amounts[one]}))
        quota = dict(self._quota(waits, name))
        for one in self._lent(waits.queue, name):
            amount = one.lease.taken[name]
            if quota.get(one.queue, 0) < amount:
                continue
            quota[one.queue] -= amount
            leases.append(one)
            add(back, one.lease.taken)
            if self._fits(waits, back):
                self._quotas[waits.queue, name] = quota
                return leases
        return None

    def _fits(self, waits: Waits, back: uses.Amounts) -> bool:
        return self.stock.fits_with(waits.reserve.needs, back, self._used)

    def _lent(self, project: str, name: str) -> Iterator[Held]:
        old = [one for one in self.held if self.now - one.since_s >= GRACE_S]
        for one in sorted(old, key=lambda held: -held.since_s):
            is_lent = one.lease.may_reclaim and not one.wanted_by and one.queue != project
            if is_lent and name in one.lease.taken:
                yield one

    def _quota(self, waits: Waits, name: str) -> dict[str, float]:
        key = waits.queue, name
        if key not in self._quotas:
            amount = waits.amounts[name]
            owed = Debt(self.accounts, self.me, waits.queue, name, amount)
            self._quotas[key] = owed.part() or self._turn(owed)
        return self._quotas[key]

    def _turn(self, owed: Debt) -> dict[str, float]:
        old = {one.queue for one in self.held if self.now - one.since_s >= TENURE_S}
        return {lender: amount for lender, amount in owed.turn().items() if lender in old}

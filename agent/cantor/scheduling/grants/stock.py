"""What an owner has, what of it is taken, and which named units are free."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from cantor.base.resources import without
from cantor.scheduling.expression import Take, conditions
from cantor.scheduling.grants.records import QUANTITIES_MAX, Lease
from cantor.scheduling.reach import Place, can_ever, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.resources import Resource
    from cantor.scheduling.grants.records import Key, Reserve
    from cantor.scheduling.needs import Needs

Units = dict[str, tuple[str, ...]]
Fit = tuple[dict[str, int | float], Units]
"""What is taken of each quantity, and which of those units that have names."""


@dataclass(frozen=True, slots=True)
class Have:
    """What the node has now: resources with all their units, labels, named units by quantity.

    ``away`` counts units of shared quantities that this node has no right to now.
    """

    resources: tuple[Resource, ...]
    labels: Mapping[str, str]
    units: Mapping[str, tuple[str, ...]]
    away: Mapping[str, int] = field(default_factory=dict)


class Stock:
    """Counts by leases: nothing is free while a lease that takes it is here."""

    def __init__(self) -> None:
        self.have: Have | None = None
        self._taken: dict[str, dict[Key, int | float]] = {}
        self._sums: dict[str, int | float] = {}
        self._used: dict[str, dict[str, Key]] = {}

    def add(self, lease: Lease) -> None:
        """Its units are taken."""
        for name, amount in lease.taken.items():
            self._taken.setdefault(name, {})[lease.key] = amount
            self._sums[name] = self._sum(name, amount)
        for name, units in lease.units.items():
            self._used.setdefault(name, {}).update(dict.fromkeys(units, lease.key))

    def remove(self, lease: Lease) -> None:
        """Its units are free."""
        for name, amount in lease.taken.items():
            self._taken[name].pop(lease.key, None)
            self._sums[name] = self._sum(name, -amount)
        for name, units in lease.units.items():
            for unit in units:
                if self._used[name].get(unit) == lease.key:
                    del self._used[name][unit]

    def holders(self, names: Iterable[str], most: int) -> tuple[list[Key], int]:
        """Some who hold units of these quantities, and how many do not stand there."""
        found = dict.fromkeys(key for name in names for key in self._taken.get(name, {}))
        return list(islice(found, most)), max(0, len(found) - most)

    def free(self) -> tuple[Resource, ...]:
        """The resources with their free units; none are free of what was taken away meanwhile."""
        if self.have is None:
            return ()
        return without(without(self.have.resources, self.have.away), self._sums)

    def taken(self, name: str) -> int | float:
        """How many units of a quantity are taken."""
        return self._sums.get(name, 0)

    def wanted(self, needs: Needs, names: Iterable[str]) -> dict[str, int]:
        """What ``needs`` would take of these quantities if all their units were here."""
        if self.have is None:
            return {}
        here = without(self.have.resources, {n: t for n, t in self._sums.items() if n not in names})
        taken = needs.takes(here, self.have.labels) or {}
        return {name: math.ceil(taken[name]) for name in names if name in taken}

    def whole(self, needs: Needs) -> dict[str, int | float]:
        """What ``needs`` would take if nothing were taken; nothing if that is not known."""
        have = self.have
        return (have and needs.takes(have.resources, have.labels)) or {}

    def never(self, needs: Needs) -> str:
        """Why ``needs`` can never be met here; empty if it may be one day."""
        if self.have is None:
            return ""
        leaves = conditions(needs.expression) if needs.expression is not None else []
        taken = {leaf.name.text for leaf in leaves if isinstance(leaf, Take)}
        if len(taken) > QUANTITIES_MAX:
            return f"takes more than {QUANTITIES_MAX} quantities"
        for leaf in leaves:
            is_part = isinstance(leaf, Take) and leaf.amount.value != int(leaf.amount.value)
            if is_part and leaf.name.text in self.have.units:
                return f"{leaf} takes a part, but {leaf.name} is given in whole units only"
        whole, labels = self.have.resources, self.have.labels
        if can_ever(needs, whole, labels):
            return ""
        return needs.explain(whole, labels) or missing(needs, [Place("this node", whole, labels)])

    def fit(self, needs: Needs) -> Fit | None:
        """What would be taken now, with named units chosen; None if it cannot be met now."""
        if self.have is None:
            return None
        taken = needs.takes(self.free(), self.have.labels)
        if taken is None:
            return None
        units: Units = {}
        for name, amount in taken.items():
            if name not in self.have.units:
                continue
            used = self._used.get(name, {})
            spare = [unit for unit in self.have.units[name] if unit not in used]
            if len(spare) < amount:
                return None
            units[name] = tuple(spare[: int(amount)])
        return taken, units

    def fits_with(
        self, needs: Needs, back: Mapping[str, int | float], used: Mapping[str, int | float]
    ) -> bool:
        """Whether ``needs`` would be met if some units came back and others were used."""
        if self.have is None:
            return False
        there = without(self.have.resources, self.have.away)
        names = {*self._sums, *used}
        gone = {n: self.taken(n) - back.get(n, 0) + used.get(n, 0) for n in names}
        return needs.takes(without(there, gone), self.have.labels) is not None

    def lack(self, needs: Needs) -> str:
        """Why ``needs`` is not met now."""
        if self.have is None:
            return "the node still looks at its hardware"
        why = needs.explain(self.free(), self.have.labels) or "its units are not back yet"
        away = [f"{n} of {name}" for name, n in self.have.away.items() if n and f"{name} " in why]
        return f"{why}; this node has no right to {', '.join(away)}" if away else why

    def _sum(self, name: str, change: int | float) -> int | float:
        """What is taken after a change; parts are summed anew, so that no error adds up."""
        before = self._sums.get(name, 0)
        if type(before) is int and type(change) is int:
            return before + change
        return math.fsum(self._taken[name].values())


def lease_for(asked: Reserve, token: int, fit: Fit, ttl_s: float) -> Lease:
    """The lease by which somebody gets what it asked for."""
    return Lease(
        asked.key,
        asked.holder,
        token,
        *fit,
        ttl_s,
        asked.now,
        asked.project,
        asked.priority,
        asked.may_reclaim,
    )

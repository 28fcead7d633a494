"""How much of the pool each project uses and has used, as far as one node knows.

A project's *virtual time* runs by the part of the pool that it holds, divided by its share: who has
the least is owed the next free unit. That is stride scheduling (Waldspurger and Weihl, 1995) with
time charged as it passes. The part of the pool is that of the quantity of which it holds most, as
in dominant resource fairness (Ghodsi et al., 2011) and over time (DRFQ, Ghodsi et al., 2012); what
nobody waits for costs nothing. A project that had no work begins at the mean of those that have,
so that nobody saves up (start-time fair queuing, Goyal et al., 1996). How far one is from the mean
is what it is owed (lag, as in earliest eligible virtual deadline first, Stoica and Abdel-Wahab,
1995), and is forgotten after a while. Who holds as much as it may is owed nothing: it would be the
first for ever.

Nodes tell what is held and what was spent of them. What they have not told yet is reckoned on, and
put right by their next word.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from cantor.scheduling.shares.uses import Told, Use, add

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.shares.terms import Terms
    from cantor.scheduling.shares.uses import Amounts

AHEAD_S = 1.0
"""A project is looked at as if it had gone on with what it holds for so long: so that units which
are free at one moment do not all go to one."""
FORGET_S = 10.0
"""In so long a debt falls to a third: what was missed long ago is not made good, and nodes that
know different pasts come to think the same."""


_COARSE = 2.0**33
"""From here on a float is further than a millionth from the next: nodes may say up to 2**62."""


class _Heard(NamedTuple):
    told: Told
    at_s: float


class Accounts:
    """The projects of one tenant. ``terms`` tells what each may have; ``now`` is a steady clock."""

    def __init__(self, terms: Callable[[str], Terms], now: float) -> None:
        self.terms = terms
        self.own: dict[str, Use] = {}
        self.totals: Mapping[str, int | float] = {}
        self._now = now
        self._others: dict[NodeId, _Heard] = {}
        self._held: dict[str, Amounts] = {}
        self._sums: Amounts = {}
        self._waiting: dict[str, Amounts] = {}
        self._wanted: Amounts = {}
        self._virtual_s: dict[str, float] = {}
        self._active: dict[str, None] = {}

    @property
    def others(self) -> dict[NodeId, Told]:
        """What each other node that can be reached has told last."""
        return {node: heard.told for node, heard in self._others.items()}

    def held(self, project: str) -> Amounts:
        """What it holds on all nodes that can be reached, by quantity."""
        return self._held.get(project, {})

    def waiting(self, project: str) -> Amounts:
        """What it waits for on them."""
        return self._waiting.get(project, {})

    @property
    def is_shared(self) -> bool:
        """Whether several projects hold something or wait."""
        return len(self._active) > 1

    @property
    def active(self) -> list[str]:
        """The projects that hold something or wait."""
        return list(self._active)

    def own_waiting(self) -> list[str]:
        """The projects that wait for units of this node."""
        return [name for name, use in self.own.items() if use.waiting]

    def own_told(self, epoch: int, now: float) -> Told:
        """What this node has to tell."""
        self.advance(now)
        return Told(epoch, {name: use for name, use in self.own.items() if use.as_value()})

    def took(self, project: str, amounts: Mapping[str, int | float], now: float) -> None:
        """Units of this node are the project's from now on."""
        self.advance(now)
        add(self.own.setdefault(project, Use()).held, amounts)
        add(self._sums, amounts)
        self._count(self._held, project, amounts)

    def gave(self, project: str, amounts: Mapping[str, int | float], now: float) -> None:
        """They are free again."""
        self.advance(now)
        add(self.own[project].held, amounts, -1)
        add(self._sums, amounts, -1)
        self._count(self._held, project, amounts, -1)

    def waits(self, project: str, amounts: Mapping[str, int | float], now: float) -> None:
        """Work of the project waits for units of this node."""
        self.advance(now)
        add(self.own.setdefault(project, Use()).waiting, amounts)
        add(self._wanted, amounts)
        self._count(self._waiting, project, amounts)

    def left(self, project: str, amounts: Mapping[str, int | float], now: float) -> None:
        """It waits no longer."""
        self.advance(now)
        add(self.own[project].waiting, amounts, -1)
        add(self._wanted, amounts, -1)
        self._count(self._waiting, project, amounts, -1)

    def told(self, node: NodeId, told: Told | None, now: float) -> None:
        """Another node has told; None: it cannot be reached any more."""
        self.advance(now)
        before = self._others.pop(node, None)
        was_coarse = self._is_coarse()
        if before is not None:
            self._count_all(before.told.uses, -1)
            if told is not None and told.epoch == before.told.epoch:
                self._put_right(before, told, now)
        if told is not None:
            self._others[node] = _Heard(told, now)
            self._count_all(told.uses, 1)
        if was_coarse or self._is_coarse():
            self._count_anew()
        touched = [*(before.told.uses if before else ()), *(told.uses if told else ())]
        for project in dict.fromkeys(touched):
            self._begin_or_end(project)

    def part(self, amounts: Mapping[str, int | float]) -> float:
        """What part of the pool amounts are: of the quantity that is waited for and is scarcest."""
        part = 0.0
        for name, amount in amounts.items():
            if name in self._wanted:
                part = max(part, amount / self._total(name))
        return part

    def virtual_s(self, project: str) -> float:
        """Its virtual time: who has the least is owed most."""
        return self._virtual_s[project] if project in self._active else self._mean_s()

    def ahead_s(self, project: str, part: float | None = None) -> float:
        """Its virtual time after ``AHEAD_S`` with ``part`` of the pool, or what it holds of it."""
        if part is None:
            part = self.part(self.held(project))
        return self.virtual_s(project) + AHEAD_S * part / self.terms(project).share

    def advance(self, now: float) -> None:
        """Time has passed."""
        passed_s, self._now = now - self._now, now
        if passed_s <= 0:
            return
        for use in self.own.values():
            for name, amount in use.held.items():
                use.spent[name] = use.spent.get(name, 0) + amount * passed_s
        if not self._wanted:
            return
        for project in self._active:
            self._charge(project, passed_s * self.part(self.held(project)))
        self._forget(passed_s)

    def _is_full(self, project: str) -> bool:
        """Whether it holds as much as it may of something."""
        limits, held = self.terms(project).limits, self.held(project)
        return any(held.get(name, 0) >= most for name, most in limits.items())

    def _charge(self, project: str, part_s: float) -> None:
        self._virtual_s[project] += part_s / self.terms(project).share

    def _put_right(self, before: _Heard, told: Told, now: float) -> None:
        """Charge what was spent otherwise than reckoned since the node's last word."""
        for project in self._active:
            past, use = before.told.uses.get(project, Use()), told.uses.get(project, Use())
            wrong = {
                name: use.spent.get(name, 0)
                - past.spent.get(name, 0)
                - past.held.get(name, 0) * (now - before.at_s)
                for name in use.spent
                if name in self._wanted
            }
            if wrong:
                name = max(wrong, key=lambda one: abs(wrong[one]) / self._total(one))
                self._charge(project, wrong[name] / self._total(name))

    def _is_coarse(self) -> bool:
        """Whether sums are so large that adding to them has lost what is small."""
        sums = (*self._sums.values(), *self._wanted.values())
        return any(type(one) is float and abs(one) >= _COARSE for one in sums)

    def _count_anew(self) -> None:
        for sums in (self._held, self._sums, self._waiting, self._wanted):
            sums.clear()
        for uses in (self.own, *(heard.told.uses for heard in self._others.values())):
            self._count_all(uses, 1)

    def _count_all(self, uses: Mapping[str, Use], sign: int) -> None:
        for project, use in uses.items():
            add(self._held.setdefault(project, {}), use.held, sign)
            add(self._sums, use.held, sign)
            add(self._waiting.setdefault(project, {}), use.waiting, sign)
            add(self._wanted, use.waiting, sign)

    def _count(
        self,
        of: dict[str, Amounts],
        project: str,
        amounts: Mapping[str, int | float],
        sign: int = 1,
    ) -> None:
        add(of.setdefault(project, {}), amounts, sign)
        self._begin_or_end(project)

    def _begin_or_end(self, project: str) -> None:
        is_active = bool(self._held.get(project) or self._waiting.get(project))
        if is_active and project not in self._active:
            mean_s = self._mean_s()
            self._virtual_s[project] = max(self._virtual_s.get(project, mean_s), mean_s)
            self._active[project] = None
        elif not is_active and project in self._active:
            del self._active[project]
            if not self._active:
                self._virtual_s.clear()

    def _total(self, name: str) -> float:
        """How much there is of a quantity; never less than what is held."""
        return max(self.totals.get(name, 0), self._sums.get(name, 0)) or 1.0

    def _mean_s(self) -> float:
        """The virtual time of who is owed nothing: the mean of all that have work, by shares."""
        times = sum(self._virtual_s[one] * self.terms(one).share for one in self._active)
        return times / self._shares()

    def _shares(self) -> float:
        return sum(self.terms(one).share for one in self._active) or 1.0

    def _forget(self, passed_s: float) -> None:
        mean_s, kept = self._mean_s(), math.exp(-passed_s / FORGET_S)
        for one in self._active:
            behind_s = kept * (self._virtual_s[one] - mean_s)
            self._virtual_s[one] = mean_s + (max(0.0, behind_s) if self._is_full(one) else behind_s)

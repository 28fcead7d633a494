"""What of the pool is lent and owed to a project, and which node takes back how much of it.

All nodes where the project waits and something is lent see the same debt. Each goes through them in
one order, which everybody can reckon, and takes only its own part: so what is taken back together
is the debt, as far as nodes know of each other.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.shares.uses import Use

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.shares.accounts import Accounts


@dataclass(slots=True)
class Debt:
    """What ``project`` is owed of the quantity ``name``, taken back ``amount`` by amount.

    Units go from one project to another only while both are nearer to their shares afterwards; from
    one of lower priority as long as it has any.
    """

    accounts: Accounts
    me: NodeId
    project: str
    name: str
    amount: float
    _has: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for uses in self._nodes().values():
            for one, use in uses.items():
                held = use.held.get(self.name, 0) + use.moved.get(self.name, 0)
                self._has[one] = self._has.get(one, 0) + held

    @property
    def holds_nothing(self) -> bool:
        """Whether the project has none of it anywhere, and none is on its way to it."""
        return self._has.get(self.project, 0) <= 0

    def part(self) -> dict[str, float]:
        """How much this node takes back, by the project that it was lent to."""
        mine: dict[str, float] = {}
        for node, uses in self._in_turn():
            use = uses[self.project]
            wanted = use.waiting.get(self.name, 0) - max(0, use.moved.get(self.name, 0))
            wanted = min(wanted, self._room())
            for lender in sorted(uses, key=self._excess, reverse=True):
                times = self._times(lender, min(wanted, uses[lender].yields.get(self.name, 0)))
                taken = times * self.amount
                wanted -= taken
                self._has[lender] = self._has.get(lender, 0) - taken
                self._has[self.project] = self._has.get(self.project, 0) + taken
                if node == self.me and taken:
                    mine[lender] = taken
        return mine

    def turn(self) -> dict[str, float]:
        """As ``part``, for a project whose share is less than one amount: one, at one node."""
        first = next(iter(self._in_turn()), None)
        if first is None or first[0] != self.me or not self.holds_nothing:
            return {}
        yields = {one: use.yields.get(self.name, 0) for one, use in first[1].items()}
        return {
            one: self.amount
            for one in yields
            if yields[one] >= self.amount and self._is_ahead(one) and not self._is_over(one)
        }

    def _nodes(self) -> dict[NodeId, Mapping[str, Use]]:
        told = {node: told.uses for node, told in self.accounts.others.items()}
        return {**told, self.me: self.accounts.own}

    def _in_turn(self) -> Iterator[tuple[NodeId, Mapping[str, Use]]]:
        """The nodes where it waits and something is lent, in the order that all reckon alike."""
        for node, uses in sorted(self._nodes().items(), key=lambda one: self._place(one[0])):
            use = uses.get(self.project, Use())
            lent = (one for name, one in uses.items() if name != self.project)
            if use.waiting.get(self.name) and any(one.yields.get(self.name) for one in lent):
                yield node, uses

    def _place(self, node: NodeId) -> bytes:
        return hashlib.sha256(f"{self.project} {node}".encode()).digest()

    def _times(self, lender: str, most: float) -> int:
        if lender == self.project or self._is_over(lender):
            return 0
        times = most / self.amount
        if self._class(lender) == self._class(self.project):
            ours, theirs = self._share(self.project), self._share(lender)
            has, have = self._has.get(self.project, 0), self._has.get(lender, 0)
            fair = (have * ours - has * theirs) / (self.amount * (ours + theirs))
            times = min(times, fair)
        return max(0, math.floor(times + 1e-9))

    def _room(self) -> float:
        """How much more the project may have by its limit, with what is on its way to it."""
        most = self.accounts.terms(self.project).limits.get(self.name, math.inf)
        return most - self._has.get(self.project, 0)

    def _is_over(self, lender: str) -> bool:
        return self._class(lender) > self._class(self.project)

    def _is_ahead(self, lender: str) -> bool:
        """Whether it has had more of its share than the project."""
        return self.accounts.virtual_s(lender) > self.accounts.virtual_s(self.project)

    def _excess(self, lender: str) -> tuple[int, float, str]:
        return -self._class(lender), self._has.get(lender, 0) / self._share(lender), lender

    def _share(self, project: str) -> int:
        return self.accounts.terms(project).share

    def _class(self, project: str) -> int:
        return self.accounts.terms(project).priority

"""What projects use of the pool, as this node counts it and hears it from others.

Each node says in the fact ``shares`` what it has granted to whom and who waits. How often depends
on how many nodes there are, so that the whole mesh has to hear a bounded number of words; with one
project there is nothing to decide, and it is said seldom.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.node.tasks.places import FACT as WORKERS_FACT
from cantor.node.tasks.places import workers_in
from cantor.node.tenants import alive_of_tenant
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.order import FairOrder
from cantor.scheduling.shares.pool import pool_value
from cantor.scheduling.shares.terms import DEFAULT_PROJECT, Terms
from cantor.scheduling.shares.turns import WORKER
from cantor.scheduling.shares.uses import Told, told_from_value

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node
    from cantor.wire.frame import Value

FACT = "shares"
TELL_S = 0.25
"""A node says so often at most what is used of it, while projects compete."""
TELL_ALONE_S = 2.0
"""And so often while there is one project."""
TELL_EACH_S = 0.01
"""For each node that can be reached it waits so much longer: the mesh hears 100 words a second."""
LOOK_S = 0.1
"""What others say is looked at so long after it came."""
LOOK_EACH_S = 0.001
"""And so much later for each node that can be reached: each costs some microseconds at every look,
and of 1000 one tells something all the time. They tell the less often the more they are."""
PROJECTS_NAMED_MAX = 8
_NOTHING = Terms()


class Shares:
    """The accounts of one node. ``order`` is for its grantor."""

    def __init__(self, node: Node, epoch: int) -> None:
        """``epoch`` counts the lives of the node, as in what it says."""
        self._node = node
        self._epoch = epoch
        self.accounts = Accounts(self.terms, node.clock.monotonic())
        self.order = FairOrder(node.node_id, self.accounts, self.payer)
        self._known: Mapping[str, Terms] = node.projects
        self._heard: dict[NodeId, tuple[int, int]] = {}
        self._said: Told | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._is_telling_soon = False
        self._looking: asyncio.TimerHandle | None = None
        self._end: Callable[[], None] = lambda: None
        self._settle: list[Callable[[float], None]] = []

    def start(self) -> None:
        """Hear others."""
        self._end = self._node.subscribe(self.look_soon)
        self.look_soon()

    def close(self) -> None:
        """Say and hear no more."""
        self._end()
        for timer in (self._telling, self._looking):
            if timer is not None:
                timer.cancel()

    @property
    def names(self) -> list[str]:
        """The projects that there are, the default one first."""
        return [DEFAULT_PROJECT, *sorted(set(self._node.projects) - {DEFAULT_PROJECT})]

    def terms(self, project: str) -> Terms:
        """What a project may have."""
        return self._node.projects.get(project, _NOTHING)

    def payer(self, holder: NodeId, project: str) -> str:
        """The project that a node's request counts for: the default one if there is none such."""
        is_ours = self._node.tenant_of(holder) in ("", self._node.tenant)
        return project if is_ours and project in self._node.projects else DEFAULT_PROJECT

    def check(self, project: str) -> None:
        """Refuse a project that nobody has declared, as far as this node knows.

        Raises:
            ConfigError: it is one.
        """
        if project not in self.names:
            named = ", ".join(self.names[:PROJECTS_NAMED_MAX])
            raise ConfigError(
                f"there is no project {project[:64]!r}; there are {named}",
                where="project",
                remedy="declare it at an issuer: cantor project set NAME",
            )

    def pool(self) -> Value:
        """Who uses what of the pool, project by project."""
        self._settled()
        names = self.names
        return [cast("Value", pool_value(self.accounts, name, names)) for name in names]

    def on_settle(self, settle: Callable[[float], None]) -> None:
        """Call ``settle`` with the time before the accounts are told or shown."""
        self._settle.append(settle)

    def soon(self) -> None:
        """What is used of this node may have changed."""
        is_shared = self.accounts.is_shared
        if self._telling is not None and is_shared == self._is_telling_soon:
            return
        if self._telling is not None:
            self._telling.cancel()
        self._is_telling_soon = is_shared
        pause_s = (TELL_S if is_shared else TELL_ALONE_S) + TELL_EACH_S * len(self._node.alive())
        self._telling = asyncio.get_running_loop().call_later(pause_s, self._tell)

    def _settled(self) -> float:
        now = self._node.clock.monotonic()
        for settle in self._settle:
            settle(now)
        self.accounts.advance(now)
        return now

    def _tell(self) -> None:
        self._telling = None
        told = self.accounts.own_told(self._epoch, self._settled())
        if self._said is None and not told.uses:
            return
        value = told.as_value()
        before, self._said = self._said, told_from_value(value)
        if before is None or not _is_same(before, self._said):
            self._node.publish(FACT, value)

    def look_soon(self) -> None:
        """Others may have told something, or there are other projects."""
        if self._looking is None:
            pause_s = LOOK_S + LOOK_EACH_S * len(self._node.alive())
            self._looking = asyncio.get_running_loop().call_later(pause_s, self._look)

    def _look(self) -> None:
        self._looking = None
        now, known = self._node.clock.monotonic(), self._node.projects
        if known is not self._known:
            self._known = known
            self._heard.clear()
        ours = alive_of_tenant(self._node)
        others = ours - {self._node.node_id}
        facts = {fact.owner: fact for fact in self._facts(FACT) if fact.owner in others}
        for node in self.accounts.others.keys() - facts.keys():
            self._heard.pop(node, None)
            self.accounts.told(node, None, now)
        for node, fact in facts.items():
            if self._heard.get(node) != fact.stamp:
                self._heard[node] = fact.stamp
                self.accounts.told(node, self._counted(told_from_value(fact.value)), now)
        self.accounts.totals = self._totals(ours)

    def _facts(self, name: str) -> Iterable[Fact]:
        return (fact for fact in self._node.facts(name) if fact.name == name)

    def _counted(self, told: Told) -> Told:
        """Without projects that this node does not know: they have no terms yet, or no more."""
        known = {DEFAULT_PROJECT, *self._known}
        return Told(told.epoch, {name: use for name, use in told.uses.items() if name in known})

    def _totals(self, nodes: Collection[NodeId]) -> dict[str, int | float]:
        """How much these nodes have of each quantity, the workers that run tasks among them."""
        totals: dict[str, int | float] = {}
        for view in self._node.nodes():
            for resource in view.resources if view.id in nodes else ():
                if resource.kind == "quantity" and isinstance(resource.value, int | float):
                    totals[resource.name] = totals.get(resource.name, 0) + resource.value
        told = self._facts(WORKERS_FACT)
        if workers := sum(workers_in(fact.value) for fact in told if fact.owner in nodes):
            totals[WORKER] = workers
        return totals


def _is_same(before: Told, now: Told) -> bool:
    """Whether nothing but time has passed: others reckon on what was spent."""

    def shown(told: Told) -> dict[str, object]:
        return {n: (u.held, u.waiting, u.yields, u.moved) for n, u in told.uses.items()}

    return before.epoch == now.epoch and shown(before) == shown(now)

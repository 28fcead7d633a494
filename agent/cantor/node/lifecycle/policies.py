"""The policies of tenants on one node: heard from issuers, and that of its own tenant kept.

A node says in its fact ``policy_held`` which policy of its tenant it keeps to, so that people see
how far one has come.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.identity.policies import DAY_S, POLICY, Policy, make_policy, policy_in
from cantor.node.lifecycle.decided import Decided, Kind
from cantor.node.tenants import alive_of_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.identity.authority import Authority
    from cantor.identity.statements import Statement, StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value

POLICY_HELD = "policy_held"
_KIND = Kind(POLICY, Policy(), make_policy, policy_in)


class Policies(Decided[Policy]):
    """What the authorities of the tenants have decided, as this node knows it.

    ``changed`` is called when another policy of its own tenant holds from now on.
    """

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        *,
        authority: Authority | None,
        changed: Callable[[], None],
    ) -> None:
        self._changed: Callable[[], None] = lambda: None
        self._is_started = False
        super().__init__(node, folder, reader, _KIND, authority=authority)
        self._changed = changed

    @property
    def own(self) -> Policy:
        """What this node keeps to."""
        return self.of(self._node.tenant)

    @property
    def may_decide(self) -> bool:
        """Whether this node is an issuer, and can sign another for its tenant."""
        return self._authority is not None and self._authority.tenant == self._node.tenant

    def stale_s_max(self, tenant: str) -> float:
        """For how long a node of that tenant may work on with a stale lease."""
        return float(self.of(tenant).stale_days * DAY_S)

    def start(self) -> None:
        """Say what is kept to; the node is in the mesh."""
        self._is_started = True
        self._say_held()

    def decide(self, stale_days: int, *, by: str = "") -> None:
        """As an issuer: let another policy hold from now on; ``by`` is whose wish it is.

        Raises:
            ConfigError: this node is no issuer, or what is given is out of range.
            OSError: the disk does not take it; what held before holds.
        """
        at_ms, issuer = int(self._node.wall() * 1000), self._node.node_id
        self._decide(
            lambda known: replace(
                known, stale_days=stale_days, number=known.number + 1, at_ms=at_ms, by=by,
                issuer=issuer,
            ),
            "set the policy",
        )  # fmt: skip

    def held(self) -> Mapping[NodeId, int]:
        """The stamp of the policy that each node says it keeps to, where it has said one."""
        found: dict[NodeId, int] = {}
        for fact in self._node.facts(POLICY_HELD):
            stamp = fact.value.get("stamp") if isinstance(fact.value, dict) else None
            if fact.name == POLICY_HELD and type(stamp) is int:
                found[fact.owner] = stamp
        return found

    def calls(self) -> Mapping[str, Call]:
        """What a process of the same user may ask."""
        return {"mesh.policy": self._call}

    def _call(self, args: dict[str, Value]) -> Value:
        days = args.get("stale_days")
        if type(days) is int:
            self.decide(days, by=str(args.get("by", "")))
        own = self.own
        at = dt.datetime.fromtimestamp(own.at_ms / 1000, dt.UTC) if own.at_ms else None
        return {
            "stale_days": own.stale_days,
            "revision": own.number,
            "at": at.isoformat(timespec="seconds") if at else None,
            "by": own.by,
            "issuer": own.issuer,
            "nodes": self._listed(),
        }

    def _listed(self) -> list[Value]:
        """The nodes of the tenant that are there, and whether each says that it has the policy."""
        held, stamp = self.held(), self.own.stamp
        ours = alive_of_tenant(self._node)
        return [
            {"node": view.id, "name": view.name, "has_it": held.get(view.id, 0) >= stamp}
            for view in self._node.nodes()
            if view.id in ours
        ]

    def _say_held(self) -> None:
        if self._is_started and self.own.stamp:
            self._node.publish(POLICY_HELD, {"stamp": self.own.stamp})

    def _take(self, statement: Statement) -> bool:
        is_new = super()._take(statement)
        if is_new and statement.tenant == self._node.tenant:
            self._say_held()
            self._changed()
        return is_new

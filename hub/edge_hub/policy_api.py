"""The policy of the mesh: what holds for all nodes, who keeps to it, and another one signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.identity.policies import Policy
from edge_hub.events import Happening, record
from edge_hub.policy_schemas import MeshPolicy, PolicyChange, PolicyNode, PolicySnapshot
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.clock import Clock
    from edge_hub.database import Database
    from edge_hub.events import ParamValue, Scope
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import MeshView, PolicyView
    from edge_hub.schemas import Node

Nodes = dict[str, tuple["Node", int]]


class PolicyApi:
    """``changed`` lets every console look. ``home`` is where others' decisions are recorded."""

    def __init__(
        self, fleet: Fleet, mesh_view: MeshView, database: Database, clock: Clock, *, home: Scope
    ) -> None:
        self._fleet = fleet
        self._mesh_view = mesh_view
        self._database = database
        self._clock = clock
        self._home = home
        self._told = mesh_view.kept_policy
        self.changed: Callable[[], None] = lambda: None

    def routes(self) -> list[Route]:
        """Every operation on the policy; of a tenant that this hub's node is not of: 404."""
        return [
            Route("GET", "/mesh/policy", "What holds for all nodes, and which keep to it",
                  self.get_policy, reply=PolicySnapshot, errors=(404,)),
            Route("PUT", "/mesh/policy", "Sign what shall hold for all nodes",
                  self.set_policy, body=PolicyChange, reply=PolicySnapshot, role="owner",
                  needs_match=True, errors=(404, 409, 503)),
        ]  # fmt: skip

    def items(self, scope: Scope, known: Nodes) -> dict[str | int, MeshPolicy | PolicyNode]:
        """The policy and the nodes of a project that it is for, by id."""
        view = self._mesh_view.policy()
        if scope.tenant != view.tenant:
            return {}
        live = self._mesh_view.nodes()
        nodes = [
            _node(node, view)
            for node, _ in known.values()
            if node.state not in {"denied", "pending"}
            and (node.id not in live or node.id in view.fresh_until_s)
        ]
        shown = self._policy(view, {node.id: node.name for node, _ in known.values()})
        return {shown.id: shown, **{node.id: node for node in nodes}}

    async def get_policy(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        items = self.items(scope, await self._fleet.all(scope))
        policy = next((item for item in items.values() if isinstance(item, MeshPolicy)), None)
        if policy is None:
            raise _other_tenant()
        nodes = [item for item in items.values() if isinstance(item, PolicyNode)]
        return Reply(PolicySnapshot(policy, nodes), {"ETag": policy.etag})

    async def set_policy(self, call: Call) -> Reply:
        scope, view = call.signed_in.scope, self._mesh_view.policy()
        if scope.tenant != view.tenant:
            raise _other_tenant()
        if call.request.headers["If-Match"] not in {"*", _etag(view.policy)}:
            detail = "the policy was changed meanwhile; look at what holds now"
            headers = {"ETag": _etag(view.policy)}
            raise ProblemError(412, "changed-meanwhile", detail, headers=headers)
        self._decide(call.body.stale_days, call.signed_in.user)
        await self._tell(scope)
        self.changed()
        return await self.get_policy(call)

    async def note(self) -> bool:
        """Record what was decided elsewhere: on the command line, or by another issuer."""
        is_new = self._mesh_view.kept_policy.stamp != self._told.stamp
        if is_new:
            await self._tell(self._home)
        return is_new

    def _decide(self, stale_days: int, by: str) -> None:
        try:
            self._mesh_view.decide_policy(stale_days, by)
        except ConfigError as error:
            detail = "this hub is no issuer: cantor mesh policy sets it where the mesh was made"
            raise ProblemError(409, "no-issuer", detail) from error
        except OSError as error:
            detail = "the hub's disk does not take it; free some space there, and try again"
            raise ProblemError(503, "not-kept", detail) from error

    async def _tell(self, scope: Scope) -> None:
        """Write down that something else holds; a new root signs the same anew, which is none."""
        before, self._told = self._told, self._mesh_view.kept_policy
        now = self._told
        if now.number == before.number and now.stale_days == before.stale_days:
            return
        days: dict[str, ParamValue] = {"days": now.stale_days, "before": before.stale_days}
        told = Happening("policy.changed", scope.tenant, {"by": now.by, **days})
        async with self._database.write() as connection:
            await record(connection, scope, told, now=self._clock.wall())

    def _policy(self, view: PolicyView, names: Mapping[str, str]) -> MeshPolicy:
        policy = view.policy
        others = view.fresh_until_s.keys() - names.keys() - set(self._mesh_view.denied)
        return MeshPolicy(
            id=view.tenant,
            stale_days=policy.stale_days,
            stale_days_default=Policy().stale_days,
            revision=policy.number,
            decided_at=rfc3339(policy.at_ms / 1000) if policy.number else None,
            by=policy.by,
            issuer=policy.issuer or None,
            issuer_name=names.get(policy.issuer, ""),
            may_decide=view.may_decide,
            etag=_etag(policy),
            elsewhere=len(others),
        )


def _node(node: Node, view: PolicyView) -> PolicyNode:
    node_id, wanted = NodeId(node.id), view.policy.stamp
    held = view.held.get(node_id, None if wanted else 0)
    fresh_until_s = view.fresh_until_s.get(node_id, 0.0)
    return PolicyNode(
        id=node.id,
        name=node.name,
        state=node.state,
        holds="unknown" if held is None else "this" if held >= wanted else "earlier",
        fresh_until=rfc3339(fresh_until_s) if fresh_until_s > 0 else None,
    )


def _other_tenant() -> ProblemError:
    return ProblemError(404, "other-tenant", "the node of this hub belongs to another tenant")


def _etag(policy: Policy) -> str:
    return f'"{policy.stamp}"'

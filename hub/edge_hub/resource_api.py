"""The resources of a project's nodes: in all, one by one, and who satisfies an expression."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import ExpressionError
from cantor.base.ids import NodeId
from cantor.node.usage import overview
from cantor.node.view import NodeView
from cantor.scheduling.grants.standing import names_in
from cantor.scheduling.kinds import check_kinds
from cantor.scheduling.needs import parse
from cantor.scheduling.reach import Place, missing
from edge_hub.problems import ProblemError
from edge_hub.resource_schemas import (
    MeshResource,
    NeedsAnswer,
    NeedsHint,
    NeedsMistake,
    NeedsNode,
    ResourceDetail,
    ResourceHolder,
    ResourceList,
    ResourceNode,
    ResourceRight,
    ResourceShare,
    ResourceWaiter,
)
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.grants.showing import Shown
    from cantor.node.usage import Part, Whole
    from cantor.scheduling.needs import Needs
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import LiveNode, MeshView
    from edge_hub.schemas import Node

Nodes = dict[str, tuple["Node", int]]
VALUES_MAX = 20
REACHED = frozenset({"online", "stale"})


class ResourceApi:
    """What the nodes of a project have, and who uses it."""

    def __init__(self, fleet: Fleet, mesh_view: MeshView) -> None:
        self._fleet = fleet
        self._mesh_view = mesh_view

    def routes(self) -> list[Route]:
        """Every operation on resources."""
        return [
            Route("GET", "/resources", "What the nodes have, and what of it is free",
                  self.list_resources, reply=ResourceList),
            Route("GET", "/resources/{resource_id}", "Who holds a resource, and who waits for it",
                  self.get_resource, reply=ResourceDetail),
            Route("GET", "/needs", "Who satisfies an expression", self.check_needs,
                  reply=NeedsAnswer, query=("needs",)),
        ]  # fmt: skip

    def items(self, known: Nodes) -> dict[str | int, MeshResource]:
        """The resources of the nodes given, by id."""
        return {one.id: one for one in map(_summary, self._overview(known))}

    async def list_resources(self, call: Call) -> Reply:
        known = await self._fleet.all(call.signed_in.scope)
        return Reply(ResourceList(list(self.items(known).values())))

    async def get_resource(self, call: Call) -> Reply:
        known = await self._fleet.all(call.signed_in.scope)
        wanted = call.request.match_info["resource_id"]
        found = next((one for one in self._overview(known) if _id(one) == wanted), None)
        if found is None:
            detail = f"no node of this project has {wanted.partition(':')[2][:64]!r}"
            raise ProblemError(404, "no-such-resource", detail)
        return Reply(await self._detail(found, known))

    async def check_needs(self, call: Call) -> Reply:
        known = await self._fleet.all(call.signed_in.scope)
        text = call.request.query.get("needs", "")
        views = self._views(known)
        try:
            needs = parse(text)
            check_kinds(text, needs, [one for view in views for one in view.resources])
        except ExpressionError as error:
            mistake = NeedsMistake(error.column, error.what, error.advice)
            return Reply(NeedsAnswer(mistake, [], "", []))
        places = [Place(view.name, view.resources, view.labels) for view in views]
        everything = [one for view in views for one in view.resources]
        hints = [NeedsHint(one.column, one.text) for one in needs.warnings_for(everything)]
        nodes = [_fit(needs, view, known[view.id][0]) for view in views]
        nodes.sort(key=lambda node: not node.fits)
        return Reply(NeedsAnswer(None, hints, missing(needs, places), nodes))

    async def _detail(self, whole: Whole, known: Nodes) -> ResourceDetail:
        asked = [part.node.id for part in whole.reached] if whole.kind == "quantity" else []
        told = await asyncio.gather(*(self._mesh_view.grants_of(node) for node in asked))
        shown = {node: one for node, one in zip(asked, told, strict=True) if one is not None}
        return ResourceDetail(
            _summary(whole),
            [_part(part, known[part.node.id][0], part.node.id in shown) for part in whole.parts],
            _holders(whole.name, shown, known),
            _waiters(whole.name, shown, known),
            self._shares(whole.name, known) if whole.kind == "quantity" else [],
            {node.id: node.name for node, _ in known.values()},
        )

    def _shares(self, name: str, known: Nodes) -> list[ResourceShare]:
        sharing = self._mesh_view.sharing()
        found: list[ResourceShare] = []
        for owner, of in sharing.everywhere:
            if of != name or not any(sharing.may_have(owner, NodeId(node)) for node in known):
                continue
            row = next(one for one in sharing.shown(owner) if one["name"] == name)
            rights: dict[str | None, int] = {}
            for node, units in row["held"].items():
                key = node if node in known else None
                rights[key] = rights.get(key, 0) + units
            listed = [ResourceRight(node, units) for node, units in rights.items()]
            told = owner if owner in known else None
            found.append(ResourceShare(told, row["total"], row["free"], listed, row["is_frozen"]))
        return found

    def _overview(self, known: Nodes) -> list[Whole]:
        sharing = self._mesh_view.sharing()
        pooled = {NodeId(node): sharing.pooled(NodeId(node)) for node in known}
        shared: dict[str, int] = {}
        for pool in sharing.everywhere.values():
            if any(sharing.may_have(pool.owner, node) for node in pooled):
                shared[pool.name] = shared.get(pool.name, 0) + pool.total
        return overview(self._views(known), shared, pooled)

    def _views(self, known: Nodes) -> list[NodeView]:
        live = self._mesh_view.nodes()
        return [
            _view(node, live[NodeId(node.id)])
            for node, _ in known.values()
            if NodeId(node.id) in live and node.state != "denied"
        ]


def _view(node: Node, live: LiveNode) -> NodeView:
    """A node under the name and with the labels that people gave it at the hub."""
    return NodeView(
        id=live.id,
        name=node.name,
        is_alive=node.state in REACHED,
        version=live.version,
        labels=dict(live.labels),
        addresses=live.addresses,
        resources=live.resources,
        devices=live.devices,
        taken=live.taken,
        waiting=live.waiting,
    )


def _id(whole: Whole) -> str:
    return f"{whole.kind}:{whole.name}"


def _summary(whole: Whole) -> MeshResource:
    values = dict.fromkeys(part.value for part in whole.reached)
    is_condition = whole.kind == "condition"
    return MeshResource(
        id=_id(whole),
        name=whole.name,
        kind=whole.kind,
        unit=whole.unit,
        total=0 if is_condition else whole.total,
        taken=whole.taken,
        free=0 if is_condition else whole.free,
        waiting=whole.waiting,
        shared=whole.shared,
        values=list(values)[:VALUES_MAX] if is_condition else [],
        nodes=len({part.node.id for part in whole.reached}),
        away=len({part.node.id for part in whole.parts if not part.node.is_alive}),
    )


def _part(part: Part, node: Node, has_answered: bool) -> ResourceNode:
    return ResourceNode(
        node.id,
        node.name,
        node.state,
        part.value,
        part.taken,
        part.free,
        part.elsewhere,
        part.waiting,
        has_answered,
    )


def _fit(needs: Needs, view: NodeView, node: Node) -> NeedsNode:
    """Whether a node fits now; one that cannot be reached does not."""
    why = needs.explain(view.free(), view.labels)
    return NeedsNode(view.id, view.name, node.state, fits=view.is_alive and not why, why=why)


def _holders(name: str, shown: Mapping[NodeId, Shown], known: Nodes) -> list[ResourceHolder]:
    found = [
        ResourceHolder(
            lease.key.task,
            lease.key.attempt,
            node,
            lease.holder if lease.holder in known else None,
            lease.taken[name],
            list(lease.units.get(name, ())),
            lease.project,
            rfc3339(lease.since),
        )
        for node, one in shown.items()
        for lease in one.held
        if name in lease.taken
    ]
    return sorted(found, key=lambda one: (one.since, one.task))


def _waiters(name: str, shown: Mapping[NodeId, Shown], known: Nodes) -> list[ResourceWaiter]:
    found = [
        ResourceWaiter(
            one.task,
            node,
            one.holder if one.holder in known else None,
            one.needs,
            one.project,
            rfc3339(one.since),
        )
        for node, told in shown.items()
        for one in told.waiting
        if name in names_in(parse(one.needs))
    ]
    return sorted(found, key=lambda one: (one.since, one.task))

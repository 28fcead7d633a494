"""The mesh as a project sees it: its own nodes, the links between them, and ways through it.

Nodes of other projects pass messages on all the same; they are left out here, and a path names
them by nothing but their place on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.mesh.cost import RATE_CLASSES
from edge_hub.mesh_schemas import (
    LinkFigures,
    MeshHop,
    MeshLink,
    MeshNode,
    MeshPath,
    MeshSnapshot,
    NodeLinks,
)
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.graph import Edge
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import MeshView
    from edge_hub.schemas import Node

Nodes = dict[str, tuple["Node", int]]


class MeshApi:
    """The graph, paths, and what single nodes measure."""

    def __init__(self, fleet: Fleet, mesh_view: MeshView) -> None:
        self._fleet = fleet
        self._mesh_view = mesh_view

    def routes(self) -> list[Route]:
        """Every operation on the mesh."""
        return [
            Route("GET", "/mesh", "The mesh as a graph", self.get_mesh, reply=MeshSnapshot),
            Route("GET", "/mesh/path", "The cheapest way between two nodes", self.find_path,
                  reply=MeshPath, query=("from", "to"), errors=(404, 409)),
            Route("GET", "/mesh/nodes/{node_id}/links", "What a node measures of its links",
                  self.get_links, reply=NodeLinks, errors=(502, 503)),
        ]  # fmt: skip

    def items(self, known: Nodes) -> dict[str | int, MeshNode | MeshLink]:
        """The graph of the nodes given, by id."""
        graph = self._mesh_view.graph()
        part_of: dict[str, int] = {n: at for at, part in enumerate(graph.parts) for n in part}
        found: dict[str | int, MeshNode | MeshLink] = {
            node.id: MeshNode(
                id=node.id,
                name=node.name,
                state=node.state,
                part=part_of.get(node.id),
                degree=len(graph.links.get(NodeId(node.id), ())),
                is_hub=node.id == graph.here,
            )
            for node, _ in known.values()
        }
        for edge in graph.edges:
            if edge.low in known and edge.high in known:
                link = _link(edge)
                found[link.id] = link
        return found

    async def get_mesh(self, call: Call) -> Reply:
        items = self.items(await self._fleet.all(call.signed_in.scope)).values()
        nodes = [item for item in items if isinstance(item, MeshNode)]
        return Reply(MeshSnapshot(nodes, [item for item in items if isinstance(item, MeshLink)]))

    async def find_path(self, call: Call) -> Reply:
        known = await self._fleet.all(call.signed_in.scope)
        start, end = (_wanted(call, name, known) for name in ("from", "to"))
        graph = self._mesh_view.graph()
        try:
            hops = graph.path(NodeId(start.id), NodeId(end.id))
        except UnavailableError as error:
            detail = f"no path leads from {start.name} to {end.name} now"
            raise ProblemError(409, "no-path", detail) from error
        told = [MeshHop(hop.node if hop.node in known else None, hop.cost) for hop in hops]
        return Reply(MeshPath(told, sum(hop.cost for hop in hops)))

    async def get_links(self, call: Call) -> Reply:
        known = await self._fleet.all(call.signed_in.scope)
        node_id = call.request.match_info["node_id"]
        await self._fleet.one(call.signed_in.scope, node_id)
        rows = await self._mesh_view.links_of(NodeId(node_id))
        return Reply(NodeLinks([_figures(row, known) for row in rows]))


def _wanted(call: Call, name: str, known: Nodes) -> Node:
    node_id = call.request.query.get(name, "")
    if not node_id:
        raise ProblemError(400, "bad-request", f"give the id of a node as {name!r}")
    if node_id not in known:
        raise ProblemError(404, "no-such-node", f"this project has no node {node_id[:40]!r}")
    return known[node_id][0]


def _link(edge: Edge) -> MeshLink:
    rate_class = edge.figures.get("rate")
    is_class = rate_class is not None and 0 <= rate_class < len(RATE_CLASSES)
    return MeshLink(
        id=f"{edge.low}-{edge.high}",
        ends=edge.ends,
        state="up" if edge.is_up else "last_known",
        in_tree=edge.in_tree,
        cost=edge.cost,
        rtt_ms=edge.figures.get("rtt_ms"),
        loss=edge.figures.get("loss"),
        rate_at_least=RATE_CLASSES[int(rate_class or 0)][0] if is_class else None,
    )


def _figures(row: Mapping[str, Any], known: Nodes) -> LinkFigures:
    """What a node told; it is another machine's word, so only what has the right shape is kept."""
    waiting = ("control_queued_bytes", "bulk_queued_bytes", "waiting_bytes")
    queues = [_number(row.get(name)) for name in waiting]
    queued = [queue for queue in queues if queue is not None]
    peer, dialled = row.get("peer"), row.get("dialled")
    carried = _number(row.get("carried_bytes"))
    return LinkFigures(
        peer=peer if isinstance(peer, str) and peer in known else None,
        dialled=dialled if isinstance(dialled, bool) else None,
        since_s=_number(row.get("since_s")),
        queued_bytes=int(sum(queued)) if queued else None,
        carried_bytes=None if carried is None else int(carried),
    )


def _number(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and abs(value) < 2**53 else None  # type: ignore[arg-type]

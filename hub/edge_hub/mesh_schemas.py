"""What the API says about the mesh: its nodes and links as a graph, and ways through it."""

from __future__ import annotations

from typing import Literal

import msgspec

from edge_hub.schemas import NodeState  # noqa: TC001 (msgspec reads the annotations)


class MeshNode(msgspec.Struct, tag_field="kind", tag="node"):
    """A node of the graph. ``degree`` counts its links, also those with nodes of other projects.

    ``part`` is the side of the mesh that it is on: 0 is the hub's own; the others are out of reach,
    but their nodes were linked with each other when they were last heard. A node that is offline
    and was linked with nobody is on no side.
    """

    id: str
    name: str
    state: NodeState
    part: int | None
    degree: int
    is_hub: bool


class MeshLink(msgspec.Struct, tag_field="kind", tag="link"):
    """A link between two nodes; ``ends`` are their ids, the lower first.

    ``cost`` is what routes are chosen by, the larger of what both ends say. ``in_tree`` says that
    it belongs to the spanning tree. ``rate_at_least`` is what the line carries, as a class, in
    bytes per second. What was not measured yet is null. A link that is ``last_known`` joins nodes
    out of reach.
    """

    id: str
    ends: tuple[str, str]
    state: Literal["up", "last_known"]
    in_tree: bool
    cost: float
    rtt_ms: float | None
    loss: float | None
    rate_at_least: float | None


class MeshSnapshot(msgspec.Struct):
    """The whole graph of a project."""

    nodes: list[MeshNode]
    links: list[MeshLink]


class MeshHop(msgspec.Struct):
    """One step of a path; ``node`` is null where a node of another project passes it on."""

    node: str | None
    cost: float


class MeshPath(msgspec.Struct):
    """The cheapest way between two nodes; the first hop is where it begins, and costs nothing."""

    hops: list[MeshHop]
    cost: float


class LinkFigures(msgspec.Struct):
    """One link as the node itself sees it now; null where it does not say."""

    peer: str | None
    dialled: bool | None
    since_s: float | None
    queued_bytes: int | None
    carried_bytes: int | None


class NodeLinks(msgspec.Struct):
    """Every link of a node, asked of it now."""

    items: list[LinkFigures]

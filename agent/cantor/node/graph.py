"""The mesh as a graph: what all nodes say about their links, put together.

Pure functions over facts; the agent's calls, the hub and its console show what they give. An edge
is *up* when it is used now. Of nodes that cannot be reached from here only old words are left: an
edge between two of them is *last known*.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId, short_name
from cantor.mesh.graph import Graph
from cantor.mesh.paths import FirstHops

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.ledger.facts import Fact
    from cantor.wire.frame import Value

LINKS_FACT = "links"


@dataclass(frozen=True, slots=True)
class Edge:
    """One link, seen from outside. ``low`` is the end with the lower id.

    ``figures`` are the numbers that the ends publish beside the cost: ``rtt_ms``, ``loss`` and
    ``rate``, a class of :data:`cantor.mesh.cost.RATE_CLASSES`; none before something was measured.
    """

    low: NodeId
    high: NodeId
    cost: float
    is_up: bool
    in_tree: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def ends(self) -> tuple[NodeId, NodeId]:
        """Both ends, the lower id first."""
        return self.low, self.high

    def as_value(self) -> dict[str, Value]:
        """The edge as msgpack types."""
        return {
            "ends": [self.low, self.high],
            "cost": self.cost,
            "state": "up" if self.is_up else "last known",
            "tree": self.in_tree,
            **self.figures,
        }


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a path: over the edge with this cost to ``node``."""

    node: NodeId
    cost: float


@dataclass(frozen=True, slots=True)
class MeshGraph:
    """All nodes and links that the ledger of ``here`` knows.

    ``parts`` are the sides of the mesh: what is reached from here, then groups of nodes that are
    out of reach but were linked with each other, each with two nodes or more, the largest first.
    """

    here: NodeId
    alive: frozenset[NodeId]
    names: Mapping[NodeId, str]
    edges: tuple[Edge, ...]
    parts: tuple[tuple[NodeId, ...], ...]
    links: Mapping[NodeId, dict[NodeId, float]]
    """The neighbours of each node that has any, with the costs."""

    def name(self, node: NodeId) -> str:
        """What people call a node."""
        return self.names.get(node) or short_name(node)

    def path(self, start: NodeId, end: NodeId) -> list[Hop]:
        """The cheapest way from ``start``, which is the first hop and costs nothing, to ``end``.

        Raises:
            UnavailableError: no path leads there.
        """
        hops, node = [Hop(start, 0.0)], start
        while node != end:
            following = self.next_hop(node, end)
            if following is None:
                raise UnavailableError(
                    f"no path leads to {self.name(end)}",
                    where=self.name(start),
                    remedy="cantor mesh graph shows which links are up",
                )
            hops.append(Hop(following, self.links[node][following]))
            node = following
        return hops

    def next_hop(self, node: NodeId, end: NodeId) -> NodeId | None:
        """The neighbour of ``node`` on the cheapest way to ``end``; None if no way leads there."""
        ways = FirstHops(node, self.links.get(node, {}), self.links).get(end)
        return ways[0] if ways else None

    def as_value(self) -> dict[str, Value]:
        """The graph as msgpack types: nodes, edges, and the sides of a mesh that fell apart."""
        nodes: list[Value] = [
            {
                "id": node,
                "name": self.name(node),
                "state": "online" if node in self.alive else "offline",
                "degree": len(self.links.get(node, {})),
            }
            for node in sorted(self.names, key=lambda one: (self.name(one), one))
        ]
        return {
            "here": self.here,
            "nodes": nodes,
            "edges": [edge.as_value() for edge in self.edges],
            "parts": [list(part) for part in self.parts],
        }


def mesh_graph(
    here: NodeId, facts: Iterable[Fact], alive: frozenset[NodeId], names: Mapping[NodeId, str]
) -> MeshGraph:
    """The graph that the facts ``links`` tell of.

    Args:
        here: the node whose ledger this is.
        facts: all facts of that name; rows of another shape are left out.
        alive: the nodes that can be reached from here, it among them.
        names: what each node calls itself.
    """
    told = {fact.owner: fact.value for fact in facts if fact.name == LINKS_FACT}
    figures = {owner: read_figures(value) for owner, value in told.items()}
    graph = Graph()
    for owner in sorted(told):
        graph.announced(owner, told[owner])
    edges = tuple(
        Edge(
            low,
            high,
            cost,
            is_up=low in alive or high in alive,
            in_tree=graph.tree.has(low, high),
            figures=_joined(figures[low].get(high, {}), figures[high].get(low, {})),
        )
        for low in sorted(graph.edges)
        for high, cost in sorted(graph.edges[low].items())
        if low < high
    )
    known = {*names, *alive, *graph.edges}
    return MeshGraph(
        here,
        alive,
        {node: names.get(node, "") for node in known},
        edges,
        _parts(here, alive, edges),
        graph.edges,
    )


def read_figures(value: Value) -> dict[NodeId, dict[str, float]]:
    """The numbers in the third elements of a ``links`` fact, by neighbour."""
    found: dict[NodeId, dict[str, float]] = {}
    for row in value if isinstance(value, list) else []:
        if isinstance(row, list) and len(row) > 2 and isinstance(row[2], dict):
            numbers = {
                name: float(number)
                for name, number in row[2].items()
                if isinstance(number, int | float) and not isinstance(number, bool)
            }
            found[NodeId(str(row[0]))] = numbers
    return found


def _joined(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    """Queueing only adds to a round trip, so the shorter counts; of all else the larger."""
    joined = dict(one)
    for name, number in other.items():
        choose = min if name == "rtt_ms" else max
        joined[name] = choose(joined[name], number) if name in joined else number
    return joined


def _parts(
    here: NodeId, alive: frozenset[NodeId], edges: Iterable[Edge]
) -> tuple[tuple[NodeId, ...], ...]:
    linked: dict[NodeId, set[NodeId]] = {}
    for edge in edges:
        if not edge.is_up:
            linked.setdefault(edge.low, set()).add(edge.high)
            linked.setdefault(edge.high, set()).add(edge.low)
    found: list[tuple[NodeId, ...]] = []
    seen: set[NodeId] = set()
    for start in sorted(linked):
        if start in seen:
            continue
        seen.add(start)
        group, waiting = [start], deque([start])
        while waiting:
            for node in sorted(linked[waiting.popleft()] - seen):
                seen.add(node)
                group.append(node)
                waiting.append(node)
        found.append(tuple(sorted(group)))
    mine = tuple(sorted({here, *alive}))
    return (mine, *sorted(found, key=lambda part: (-len(part), part)))

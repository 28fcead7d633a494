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
from cantor.mesh.routes import read_links, shortest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.ledger.facts import Fact
    from cantor.wire.frame import Value

    Pair = tuple[NodeId, NodeId]

LINKS_FACT = "links"
_WORSE: dict[str, Callable[[float, float], float]] = {"rtt_ms": min, "rate": min}
"""How the figures of both ends become one: queueing only adds to a round trip, the slower end sets
the rate; of all others the larger counts, as for the cost."""


@dataclass(frozen=True, slots=True)
class Edge:
    """One link, seen from outside. ``low`` is the end with the lower id.

    ``figures`` are the numbers that the ends publish beside the cost (``rtt_ms``, ``loss``, …).
    """

    low: NodeId
    high: NodeId
    cost: float
    is_up: bool
    in_tree: bool = False
    figures: Mapping[str, float] = field(default_factory=dict)

    @property
    def ends(self) -> Pair:
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
            own = self.links.get(node, {})
            following = shortest(node, own, lambda one: self.links.get(one, {})).get(end)
            if following is None or len(hops) > len(self.links):
                raise UnavailableError(
                    f"no path leads to {self.name(end)}",
                    where=self.name(start),
                    remedy="cantor mesh graph shows which links are up",
                )
            hops.append(Hop(following, own[following]))
            node = following
        return hops

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
    costs = {owner: read_links(value) for owner, value in told.items()}
    figures = {owner: read_figures(value) for owner, value in told.items()}
    pairs = {
        (min(owner, peer), max(owner, peer))
        for owner, peers in costs.items()
        for peer in peers
        if peer != owner and _counts(owner, peer, costs, alive)
    }
    edges = [_edge(pair, costs, figures, alive) for pair in sorted(pairs)]
    tree = spanning_tree(edges)
    links: dict[NodeId, dict[NodeId, float]] = {}
    for edge in edges:
        links.setdefault(edge.low, {})[edge.high] = edge.cost
        links.setdefault(edge.high, {})[edge.low] = edge.cost
    known = {*names, *alive, *(end for pair in pairs for end in pair)}
    return MeshGraph(
        here,
        alive,
        {node: names.get(node, "") for node in known},
        tuple(_marked(edge, tree) for edge in edges),
        _parts(here, alive, edges),
        links,
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


def spanning_tree(edges: Iterable[Edge]) -> frozenset[Pair]:
    """The edges of the tree (of each side's own) that costs least; equal costs go by the ids."""
    above: dict[NodeId, NodeId] = {}

    def top(node: NodeId) -> NodeId:
        while node in above:
            node = above[node]
        return node

    taken: set[Pair] = set()
    for edge in sorted(edges, key=lambda one: (one.cost, one.ends)):
        low, high = top(edge.low), top(edge.high)
        if low != high:
            above[high] = low
            taken.add(edge.ends)
    return frozenset(taken)


def _counts(
    owner: NodeId,
    peer: NodeId,
    costs: Mapping[NodeId, Mapping[NodeId, float]],
    alive: frozenset[NodeId],
) -> bool:
    """A living node's word makes a link; among the dead it takes those of both ends."""
    if owner in alive:
        return True
    return peer not in alive and owner in costs.get(peer, {})


def _edge(
    pair: Pair,
    costs: Mapping[NodeId, Mapping[NodeId, float]],
    figures: Mapping[NodeId, Mapping[NodeId, Mapping[str, float]]],
    alive: frozenset[NodeId],
) -> Edge:
    low, high = pair
    told = [costs[a][b] for a, b in (pair, (high, low)) if b in costs.get(a, {})]
    merged: dict[str, float] = {}
    for a, b in (pair, (high, low)):
        for name, number in figures.get(a, {}).get(b, {}).items():
            worse = _WORSE.get(name, max)
            merged[name] = worse(merged[name], number) if name in merged else number
    return Edge(low, high, max(told), low in alive or high in alive, figures=merged)


def _marked(edge: Edge, tree: frozenset[Pair]) -> Edge:
    return Edge(edge.low, edge.high, edge.cost, edge.is_up, edge.ends in tree, edge.figures)


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

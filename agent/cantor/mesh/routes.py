"""Who can be reached, and through which neighbour, from what nodes say about their links."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.wire.frame import Value

COST_MIN = 0.001


class Routes:
    """The first hop from ``node`` to every node that it can reach."""

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self._links: dict[NodeId, dict[NodeId, float]] = {}
        self.first_hops: dict[NodeId, NodeId] = {}
        self.are_stale = False

    def changed(self, owner: NodeId, links: Value) -> None:
        """Take the new ``links`` fact of a node."""
        self._links[owner] = read_links(links)
        self.are_stale = True

    def renew(self, own: Mapping[NodeId, float]) -> tuple[list[NodeId], list[NodeId]]:
        """Compute anew; return the nodes that appeared and those that are gone."""
        before = self.first_hops.keys()
        self.first_hops = shortest(self._node, own, lambda node: self._links.get(node, {}))
        self.are_stale = False
        after = self.first_hops.keys()
        return sorted(after - before), sorted(before - after)


def read_links(value: Value) -> dict[NodeId, float]:
    """The neighbours and costs in a ``links`` fact; rows of another shape are left out."""
    found: dict[NodeId, float] = {}
    for row in value if isinstance(value, list) else []:
        if not isinstance(row, list) or len(row) < 2 or not isinstance(row[0], str):
            continue
        if isinstance(row[1], int | float) and row[1] >= COST_MIN:
            found[NodeId(row[0])] = float(row[1])
    return found


def shortest(
    start: NodeId,
    own: Mapping[NodeId, float],
    links_of: Callable[[NodeId], dict[NodeId, float]],
) -> dict[NodeId, NodeId]:
    """The first hop of the cheapest path to every node that a live node reports a link to.

    The cost of an edge is the larger of what both ends say. Equal paths are settled by node id.
    """
    first: dict[NodeId, NodeId] = {}
    heap = [(cost, peer, peer) for peer, cost in own.items()]
    heapq.heapify(heap)
    while heap:
        distance, node, hop = heapq.heappop(heap)
        if node in first or node == start:
            continue
        first[node] = hop
        for peer, cost in links_of(node).items():
            if peer not in first:
                back = links_of(peer).get(node, cost)
                heapq.heappush(heap, (distance + max(cost, back), peer, hop))
    return first

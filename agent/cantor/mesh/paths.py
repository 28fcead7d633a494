"""Shortest paths from one node, and the near-equal ways beside them."""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId
    from cantor.mesh.spanning_tree import Edges

WAYS_MAX = 3
NEAR_EQUAL = 1.25
ENOUGH = 4.0
"""A flow leaves its way at once when that costs more than so many times the shortest."""
CLEARLY_NEARER = 1 - 1e-6
"""Sums of the same costs in another order differ in their last digits."""
_NONE: Mapping[NodeId, float] = {}


class FirstHops(Mapping["NodeId", tuple["NodeId", ...]]):
    """The neighbours through which each node is reached: the shortest way first, then others.

    Another way costs at most a quarter more, and its neighbour is strictly nearer to the
    destination than ``start``: whichever way each node on the path picks, the distance shrinks, so
    nothing goes round in circles. Computed when it is first asked, from the edges of that moment.

    ``own`` holds the links of ``start`` with their costs, also those not announced yet.
    """

    def __init__(self, start: NodeId, own: Mapping[NodeId, float], edges: Edges) -> None:
        self._start = start
        self._own = own
        self._edges = edges
        self._hops: dict[NodeId, tuple[NodeId, ...]] | None = None
        self._dearer: dict[NodeId, tuple[NodeId, ...]] = {}

    def __getitem__(self, node: NodeId) -> tuple[NodeId, ...]:
        return self._computed()[node]

    def __iter__(self) -> Iterator[NodeId]:
        return iter(self._computed())

    def __len__(self) -> int:
        return len(self._computed())

    def enough(self, node: NodeId) -> tuple[NodeId, ...]:
        """The loop-free ways to a node beside those, which cost up to four times the shortest."""
        self._computed()
        return self._dearer.get(node, ())

    def _computed(self) -> dict[NodeId, tuple[NodeId, ...]]:
        if self._hops is None:
            self._hops = {}
            for node, found in _ways(self._start, self._own, self._edges).items():
                least, first = found[0]
                others = [
                    (cost, hop)
                    for cost, hop in found[1:]
                    if cost - self._own[hop] < CLEARLY_NEARER * least
                ]
                near = [hop for cost, hop in others if cost <= NEAR_EQUAL * least]
                self._hops[node] = (first, *near)
                if len(near) < len(others):
                    self._dearer[node] = tuple(hop for _, hop in others[len(near) :])
        return self._hops


def _ways(
    start: NodeId, own: Mapping[NodeId, float], edges: Edges
) -> dict[NodeId, list[tuple[float, NodeId]]]:
    """Dijkstra's algorithm with up to three marks on a node, each for another first hop."""
    ways: dict[NodeId, list[tuple[float, NodeId]]] = {}
    heap = [(cost, peer, peer) for peer, cost in own.items()]
    heapq.heapify(heap)
    while heap:
        cost, node, hop = heapq.heappop(heap)
        found = ways.get(node)
        if found is None:
            ways[node] = [(cost, hop)]
        elif _is_wanted(found, cost, hop):
            found.append((cost, hop))
        else:
            continue
        for peer, more in edges.get(node, _NONE).items():
            there = ways.get(peer)
            if peer != start and (there is None or _is_wanted(there, cost + more, hop)):
                heapq.heappush(heap, (cost + more, peer, hop))
    return ways


def _is_wanted(found: list[tuple[float, NodeId]], cost: float, hop: NodeId) -> bool:
    return (
        len(found) < WAYS_MAX
        and cost <= ENOUGH * found[0][0]
        and all(hop != other for _, other in found)
    )

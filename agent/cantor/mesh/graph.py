"""The graph of the mesh: what nodes announce of their links, as far as both ends of a link say so.

A node can lie about its own end of a link, not about the other one: an edge exists while both list
it, and costs the larger of what they say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh.spanning_tree import SpanningTree

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value

COST_MIN = 0.001
COST_MAX = 1e6
ROWS_MAX = 512
_NONE: dict[NodeId, float] = {}


def read_links(value: Value) -> dict[NodeId, float]:
    """The neighbours and costs in a ``links`` fact; rows of another shape are left out."""
    found: dict[NodeId, float] = {}
    for row in value[:ROWS_MAX] if isinstance(value, list) else []:
        if not isinstance(row, list) or len(row) < 2 or not isinstance(row[0], str):
            continue
        if isinstance(row[1], int | float) and COST_MIN <= row[1] <= COST_MAX:
            found[NodeId(row[0])] = float(row[1])
    return found


class Graph:
    """Edges that both ends announce, with their spanning tree. ``version`` counts changes."""

    def __init__(self) -> None:
        self._announced: dict[NodeId, dict[NodeId, float]] = {}
        self.edges: dict[NodeId, dict[NodeId, float]] = {}
        self.tree = SpanningTree(self.edges)
        self.version = 0

    def announced(self, owner: NodeId, value: Value) -> None:
        """Take the new ``links`` fact of a node."""
        before = self._announced.get(owner, _NONE)
        after = read_links(value)
        after.pop(owner, None)
        self._announced[owner] = after
        for peer in sorted(before.keys() - after.keys()):
            self._remove(owner, peer)
        for peer, cost in after.items():
            if before.get(peer) == cost:
                continue
            back = self._announced.get(peer, _NONE).get(owner)
            if back is not None:
                self._set(owner, peer, max(cost, back))

    def said(self, owner: NodeId, peer: NodeId) -> float | None:
        """What a node says about its link to another."""
        return self._announced.get(owner, _NONE).get(peer)

    def degree(self, node: NodeId) -> int:
        """How many edges a node has."""
        return len(self.edges.get(node, _NONE))

    def of(self, node: NodeId) -> Mapping[NodeId, float]:
        """The neighbours of a node with the cost of the edges."""
        return self.edges.get(node, _NONE)

    def _set(self, one: NodeId, other: NodeId, cost: float) -> None:
        before = self.edges.get(one, _NONE).get(other)
        if before == cost:
            return
        self.edges.setdefault(one, {})[other] = cost
        self.edges.setdefault(other, {})[one] = cost
        self.tree.added(one, other, before)
        self.version += 1

    def _remove(self, one: NodeId, other: NodeId) -> None:
        if other not in self.edges.get(one, _NONE):
            return
        for node, peer in ((one, other), (other, one)):
            del self.edges[node][peer]
            if not self.edges[node]:
                del self.edges[node]
        self.tree.removed(one, other)
        self.version += 1

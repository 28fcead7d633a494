"""The minimum spanning forest of a graph whose edges come, go and change their cost.

Edges are ordered by (cost, lower id, higher id). No two are equal in that order, so there is one
minimum spanning forest: nodes with the same edges have the same one, whatever happened before.
It is repaired edge by edge: a new edge replaces the worst on the cycle that it closes, and where a
tree edge ends the best edge between the two sides takes its place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Edges: TypeAlias = Mapping[NodeId, Mapping[NodeId, float]]
Key: TypeAlias = tuple[float, NodeId, NodeId]


LEAST: Key = (float("-inf"), NodeId(""), NodeId(""))
_NONE: Mapping[NodeId, float] = {}


def edge_key(cost: float, one: NodeId, other: NodeId) -> Key:
    """What orders the edges."""
    return (cost, one, other) if one < other else (cost, other, one)


class SpanningTree:
    """The forest over ``edges``, which the owner changes before it tells of the change here.

    ``joints`` counts how often parts were joined or came apart: while it stays, who is connected
    with whom stays.
    """

    def __init__(self, edges: Edges) -> None:
        self._edges = edges
        self._parent: dict[NodeId, NodeId] = {}
        self._keys: dict[NodeId, Key] = {}  # of the edge to the parent
        self._branches: dict[NodeId, dict[NodeId, None]] = {}
        self.joints = 0

    @property
    def branches(self) -> Mapping[NodeId, Mapping[NodeId, None]]:
        """The neighbours of every node that has some in its tree; to look at only."""
        return self._branches

    def neighbours(self, node: NodeId) -> frozenset[NodeId]:
        """The neighbours of a node in its tree."""
        return frozenset(self._branches.get(node, ()))

    def has(self, one: NodeId, other: NodeId) -> bool:
        """Whether the edge belongs to the forest."""
        return other in self._branches.get(one, ())

    def reached(self, starts: Iterable[NodeId]) -> set[NodeId]:
        """Every node in the same trees as these."""
        found = set(starts)
        ahead = list(found)
        while ahead:
            for peer in self._branches.get(ahead.pop(), ()):
                if peer not in found:
                    found.add(peer)
                    ahead.append(peer)
        return found

    def added(self, one: NodeId, other: NodeId, before: float | None) -> None:
        """An edge is new (``before`` is None) or has changed its cost from ``before``."""
        cost = self._edges[one][other]
        if self.has(one, other):
            if before is not None and cost > before:
                self._cut(one, other)
                self._mend(one, other)
            else:
                child = other if self._parent.get(other) == one else one
                self._keys[child] = edge_key(cost, one, other)
            return
        if before is not None and cost >= before:
            return
        worst = self._worst_between(one, other)
        if worst is None:
            self._join(one, other)
            self.joints += 1
        elif edge_key(cost, one, other) < worst:
            self._cut(worst[1], worst[2])
            self._join(one, other)

    def removed(self, one: NodeId, other: NodeId) -> None:
        """An edge is gone."""
        if self.has(one, other):
            self._cut(one, other)
            self._mend(one, other)

    def _worst_between(self, one: NodeId, other: NodeId) -> Key | None:
        """The worst edge on the way between two nodes; None if there is no way.

        Both climb in turn, until one of them comes where the other was.
        """
        parent, keys = self._parent, self._keys
        below: dict[NodeId, Key] = {one: LEAST}
        beside: dict[NodeId, Key] = {other: LEAST}
        node: NodeId | None = one
        then: NodeId | None = other
        worst, worst_then = LEAST, LEAST
        while node is not None or then is not None:
            above = parent.get(node) if node is not None else None
            if node is not None and above is not None:
                worst = max(worst, keys[node])
                met = beside.get(above)
                if met is not None:
                    return max(worst, met)
                below[above] = worst
            # the other one climbs next, with the sides exchanged
            below, beside = beside, below
            worst, worst_then = worst_then, worst
            node, then = then, above
        return None

    def _join(self, one: NodeId, other: NodeId) -> None:
        """Turn the tree of the one nearer to its root, and make it a branch of the other."""
        parent = self._parent
        low, high = one, other
        while low in parent and high in parent:
            low, high = parent[low], parent[high]
        child, above = (one, other) if low not in parent else (other, one)
        self._branches.setdefault(one, {})[other] = None
        self._branches.setdefault(other, {})[one] = None
        key = edge_key(self._edges[one][other], one, other)
        while child in parent:
            next_above, next_key = parent[child], self._keys[child]
            parent[child], self._keys[child] = above, key
            above, child, key = child, next_above, next_key
        parent[child], self._keys[child] = above, key

    def _cut(self, one: NodeId, other: NodeId) -> None:
        child = other if self._parent.get(other) == one else one
        del self._parent[child], self._keys[child]
        for node, peer in ((one, other), (other, one)):
            del self._branches[node][peer]
            if not self._branches[node]:
                del self._branches[node]

    def _mend(self, one: NodeId, other: NodeId) -> None:
        """Join the two sides of a cut by the best edge between them."""
        side, edges = self._smaller_side(one, other), self._edges
        best: Key | None = None
        cheapest = float("inf")
        for node in side:
            for peer, cost in edges.get(node, _NONE).items():
                if cost <= cheapest and peer not in side:
                    key = edge_key(cost, node, peer)
                    if best is None or key < best:
                        best, cheapest = key, cost
        if best is None:
            self.joints += 1
        else:
            self._join(best[1], best[2])

    def _smaller_side(self, one: NodeId, other: NodeId) -> set[NodeId]:
        """Walk through both sides in turn, until one of them ends."""
        branches = self._branches
        side, beside = {one}, {other}
        ahead, ahead_beside = [one], [other]
        while ahead:
            for peer in branches.get(ahead.pop(), _NONE):
                if peer not in side:
                    side.add(peer)
                    ahead.append(peer)
            side, beside = beside, side  # the other one is next
            ahead, ahead_beside = ahead_beside, ahead
        return side

"""Who can be reached, and through which neighbours, from what nodes say about their links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.mesh.effects import NodeAlive, NodeDead, RoutesChanged
from cantor.mesh.graph import Graph, read_links
from cantor.mesh.pace import NEVER, Pace
from cantor.mesh.paths import FirstHops

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.mesh.effects import Effect
    from cantor.mesh.links import Link

__all__ = ["Routes", "read_links"]

SETTLE_S = 0.05
SETTLE_MAX_S = 0.4


class Routes:
    """What ``node`` makes of the graph: the ways of its frames, and which nodes live.

    News of others are gathered for a moment (``pace``): the first is acted on at once, a burst
    costs few runs.
    """

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self.graph = Graph()
        self.pace = Pace(SETTLE_S, SETTLE_MAX_S)
        self.alive: frozenset[NodeId] = frozenset()
        self._told: tuple[object, ...] = ()
        self._connected: tuple[object, ...] = ()

    def wanted(self, now: float) -> None:
        """News that wait must not do so any longer: somebody has no route."""
        if self.pace.due_at < NEVER:
            self.pace.hurry(now)

    def renew(self, links: Iterable[Link], tree: frozenset[NodeId], now: float) -> list[Effect]:
        """Look at the graph anew: say which ways there are now, who appeared, and who is gone."""
        self.pace.ran(now)
        own = {link.peer: self._cost(link) for link in links}
        nonces = {link.peer: link.nonce for link in links}
        effects: list[Effect] = []
        told = (self.graph.version, nonces, own, tree)
        if told != self._told:
            self._told = told
            hops = FirstHops(self._node, own, self.graph.edges)
            effects.append(RoutesChanged(nonces, hops, tree | self._unconfirmed(own), hops.enough))
        connected = (self.graph.tree.joints, *own)
        if connected != self._connected:
            self._connected = connected
            effects += self._who_lives(own)
        return effects

    def _who_lives(self, own: Iterable[NodeId]) -> list[Effect]:
        before = self.alive
        self.alive = frozenset(self.graph.tree.reached([self._node, *own])) - {self._node}
        appeared: list[Effect] = [NodeAlive(node) for node in sorted(self.alive - before)]
        return appeared + [NodeDead(node) for node in sorted(before - self.alive)]

    def _cost(self, link: Link) -> float:
        return max(link.cost, self.graph.said(link.peer, self._node) or 0.0)

    def _unconfirmed(self, own: Iterable[NodeId]) -> frozenset[NodeId]:
        """Neighbours by links so new that they are no edges yet: the tree cannot lead there."""
        edges = self.graph.of(self._node)
        return frozenset(peer for peer in own if peer not in edges)

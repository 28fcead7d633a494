"""Which link a frame leaves by: the shortest way, or one of several near-equal ones for bulk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.mesh.effects import RoutesChanged
    from cantor.mesh.outlet import Outlet

BULK = 2
FLOW_QUIET_S = 10.0
DESTINATIONS_MAX = 8192
"""Anybody may send to names that are no node: not all that were looked up are kept."""


class Ways:
    """The links by destination, and the neighbours on the tree.

    A destination is looked up when something goes there: a change costs what is in use, and in a
    mesh of 1000 nodes nobody computes the ways to all of them before it sends.
    """

    def __init__(self) -> None:
        self.tree: list[Outlet] = []
        self._hops: dict[bytes, list[Outlet]] = {}  # of the destinations in use
        self._by_peer: dict[NodeId, Outlet] = {}
        self._first_hops: Mapping[NodeId, tuple[NodeId, ...]] = {}
        self._chosen: dict[bytes, tuple[Outlet, float]] = {}

    def changed(
        self, routes: RoutesChanged, outlets: Mapping[str, Outlet]
    ) -> tuple[list[NodeId], list[Outlet]]:
        """Take new routes.

        Returns the nodes in use that are reached another way than before, and the new links of the
        tree.
        """
        by_peer = {peer: outlets[nonce] for peer, nonce in routes.links.items() if nonce in outlets}
        before, self._hops = self._hops, {}
        self._by_peer, self._first_hops = by_peer, routes.first_hops
        moved = [
            NodeId(name.hex()) for name, hops in before.items() if self._to(name)[:1] != hops[:1]
        ]
        tree_before, self.tree = self.tree, []
        self.tree = [by_peer[peer] for peer in sorted(routes.tree) if peer in by_peer]
        return moved, [outlet for outlet in self.tree if outlet not in tree_before]

    def lost(self, outlet: Outlet) -> None:
        """A link has ended."""
        if self._by_peer.get(outlet.peer) is outlet:
            del self._by_peer[outlet.peer]
        for hops in self._hops.values():
            if outlet in hops:
                hops.remove(outlet)
        if outlet in self.tree:
            self.tree.remove(outlet)
        self._chosen = {k: v for k, v in self._chosen.items() if v[0] is not outlet}

    def lead_to(self, destination: bytes) -> bool:
        """Whether there is a way to this node."""
        return bool(self._to(destination))

    def next_hop(self, key: bytes, channel: int, now: float) -> Outlet | None:
        """The link for a flow, whose key ends with its destination.

        Bulk is spread over near-equal ways by the number of flows; a flow stays where it is as long
        as its way is one of them, so that its frames keep their order.
        """
        hops = self._hops.get(key[-16:])
        if hops is None:
            hops = self._to(key[-16:])
        if not hops:
            return None
        if channel < BULK or len(hops) == 1:
            return hops[0]
        before = self._chosen.get(key)
        if before is not None and before[0] in hops:
            chosen = before[0]
        else:
            loads = Counter(outlet.nonce for outlet, _ in self._chosen.values())
            chosen = min(hops, key=lambda outlet: loads[outlet.nonce])
        self._chosen[key] = chosen, now
        return chosen

    def _to(self, destination: bytes) -> list[Outlet]:
        hops = self._hops.get(destination)
        if hops is None:
            if len(self._hops) >= DESTINATIONS_MAX:
                self._hops.clear()
            first = self._first_hops.get(NodeId(destination.hex()), ())
            hops = [self._by_peer[hop] for hop in first if hop in self._by_peer]
            self._hops[destination] = hops
        return hops

    def forget_quiet(self, now: float) -> None:
        """Flows that were quiet for a while may take another way when they come again."""
        self._chosen = {k: v for k, v in self._chosen.items() if v[1] > now - FLOW_QUIET_S}

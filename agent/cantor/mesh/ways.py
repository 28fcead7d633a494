"""Which link a frame leaves by: the shortest way, or one of several near-equal ones for bulk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.mesh.effects import RoutesChanged
    from cantor.mesh.outlet import Outlet

BULK = 2
FLOW_QUIET_S = 10.0


class Ways:
    """The links by destination, and the neighbours on the tree."""

    def __init__(self) -> None:
        self.tree: list[Outlet] = []
        self._hops: dict[bytes, list[Outlet]] = {}
        self._chosen: dict[bytes, tuple[Outlet, float]] = {}

    def changed(
        self, routes: RoutesChanged, outlets: Mapping[str, Outlet]
    ) -> tuple[list[NodeId], list[Outlet]]:
        """Take new routes; the nodes reached another way than before, and new links of the tree."""
        by_peer = {peer: outlets[nonce] for peer, nonce in routes.links.items() if nonce in outlets}
        before, self._hops = self._hops, {}
        moved: list[NodeId] = []
        for node, hops in routes.first_hops.items():
            name = bytes.fromhex(node)
            self._hops[name] = [by_peer[hop] for hop in hops if hop in by_peer]
            if self._hops[name][:1] != before.get(name, [])[:1]:
                moved.append(node)
        tree_before, self.tree = self.tree, []
        self.tree = [by_peer[peer] for peer in sorted(routes.tree) if peer in by_peer]
        return moved, [outlet for outlet in self.tree if outlet not in tree_before]

    def lost(self, outlet: Outlet) -> None:
        """A link has ended."""
        for hops in self._hops.values():
            if outlet in hops:
                hops.remove(outlet)
        if outlet in self.tree:
            self.tree.remove(outlet)
        self._chosen = {k: v for k, v in self._chosen.items() if v[0] is not outlet}

    def lead_to(self, destination: bytes) -> bool:
        """Whether there is a way to this node."""
        return bool(self._hops.get(destination))

    def next_hop(self, key: bytes, channel: int, now: float) -> Outlet | None:
        """The link for a flow, whose key ends with its destination.

        Bulk is spread over near-equal ways by the number of flows; a flow stays where it is as long
        as its way is one of them, so that its frames keep their order.
        """
        hops = self._hops.get(key[-16:])
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

    def forget_quiet(self, now: float) -> None:
        """Flows that were quiet for a while may take another way when they come again."""
        self._chosen = {k: v for k, v in self._chosen.items() if v[1] > now - FLOW_QUIET_S}

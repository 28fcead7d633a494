"""Which link a frame leaves by: the shortest way, or one of several near-equal ones for bulk."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.mesh.effects import RoutesChanged
    from cantor.mesh.outlet import Outlet

BULK = 2
FLOW_QUIET_S = 10.0
SWING_S = 60.0
"""A flow stays for so long on a way that has become dear; what moves sooner again has swung."""
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
        self._enough: Callable[[NodeId], tuple[NodeId, ...]] = lambda _: ()
        self._chosen: dict[bytes, tuple[Outlet, float]] = {}
        self._bereft: set[bytes] = set()
        self.moves = 0
        """How often a destination or a flow of bulk went over to another way."""
        self.swings = 0
        """How often one did so that had done it within the last minute."""
        self._moved_at: dict[bytes, float] = {}
        self._stays_until: dict[bytes, float] = {}

    def changed(
        self, routes: RoutesChanged, outlets: Mapping[str, Outlet], now: float
    ) -> tuple[list[NodeId], list[Outlet]]:
        """Take new routes. A way that led to a node does so while it is nearly the shortest.

        Returns the nodes in use that are reached another way than before, and the new links of the
        tree.
        """
        by_peer = {peer: outlets[nonce] for peer, nonce in routes.links.items() if nonce in outlets}
        before, self._hops = self._hops, {}
        self._by_peer, self._first_hops, self._enough = by_peer, routes.first_hops, routes.enough
        moved = [
            NodeId(name.hex()) for name, led in before.items() if self._is_moved(name, led, now)
        ]
        self._bereft.clear()
        self._share(before, now)
        self._hold(now)
        tree_before, self.tree = self.tree, []
        self.tree = [by_peer[peer] for peer in sorted(routes.tree) if peer in by_peer]
        return moved, [outlet for outlet in self.tree if outlet not in tree_before]

    def lost(self, outlet: Outlet) -> None:
        """A link has ended: what had left by it may be lost."""
        self._bereft |= {name for name, hops in self._hops.items() if hops[:1] == [outlet]}
        self._bereft |= {key[-16:] for key, (by, _) in self._chosen.items() if by is outlet}
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

    def is_by_relay(self, destination: NodeId) -> bool:
        """Whether what is not bulk goes to this node by another."""
        hops = self._to(bytes.fromhex(destination))
        return bool(hops) and hops[0].peer != destination

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
        if channel < BULK:
            return hops[0]
        before = self._chosen.get(key)
        if before is not None and (before[0] in hops or self._stays(key, before[0], now)):
            chosen = before[0]
        else:
            loads = Counter(outlet.nonce for outlet, _ in self._chosen.values())
            chosen = min(hops, key=lambda outlet: loads[outlet.nonce])
            if before is not None:
                self._note_move(key, now)
        self._chosen[key] = chosen, now
        return chosen

    def _to(self, destination: bytes) -> list[Outlet]:
        hops = self._hops.get(destination)
        if hops is None:
            if len(self._hops) >= DESTINATIONS_MAX:
                self._hops.clear()
            node = NodeId(destination.hex())
            hops = self._hops[destination] = self._outlets(self._first_hops.get(node, ()))
        return hops

    def _outlets(self, hops: tuple[NodeId, ...]) -> list[Outlet]:
        return [self._by_peer[hop] for hop in hops if hop in self._by_peer]

    def _is_moved(self, name: bytes, led: list[Outlet], now: float) -> bool:
        """Whether a node is reached another way than before, when these led there."""
        hops = self._to(name)
        if led and led[0] in hops:
            hops.remove(led[0])
            hops.insert(0, led[0])
            return name in self._bereft
        is_moved = hops[:1] != led[:1]
        if is_moved and led:
            self._note_move(name, now)
        return is_moved

    def _note_move(self, what: bytes, now: float) -> None:
        self.moves += 1
        self.swings += now - self._moved_at.get(what, -SWING_S) < SWING_S
        self._moved_at[what] = now

    def _stays(self, key: bytes, outlet: Outlet, now: float) -> bool:
        """Whether a flow keeps a way that has become dear."""
        is_held = now < self._stays_until.get(key, now)
        return is_held and outlet in self._outlets(self._enough(NodeId(key[-16:].hex())))

    def _hold(self, now: float) -> None:
        """Let flows whose ways have become dear stay for a while: costs may follow soon."""
        for key, (outlet, _) in self._chosen.items():
            if outlet in self._to(key[-16:]):
                self._stays_until.pop(key, None)
            else:
                self._stays_until.setdefault(key, now + SWING_S)

    def _share(self, before: Mapping[bytes, list[Outlet]], now: float) -> None:
        """Where a way has come, let its share of the flows go over to it."""
        for name in {key[-16:] for key in self._chosen}:
            hops = self._to(name)
            come = [outlet for outlet in hops if outlet not in before.get(name, ())]
            if not come:
                continue
            flows = [key for key in self._chosen if key[-16:] == name]
            taken = Counter(self._chosen[key][0].nonce for key in flows)
            most = -(-len(flows) // len({*taken, *(outlet.nonce for outlet in hops)}))
            for key in flows:
                outlet, used_at = self._chosen[key]
                target = min(come, key=lambda way: taken[way.nonce])
                if taken[outlet.nonce] > most and taken[target.nonce] < most:
                    taken[outlet.nonce] -= 1
                    taken[target.nonce] += 1
                    self._chosen[key] = target, used_at
                    self._note_move(key, now)

    def forget_quiet(self, now: float) -> None:
        """Flows that were quiet for a while may take another way when they come again."""
        self._chosen = {k: v for k, v in self._chosen.items() if v[1] > now - FLOW_QUIET_S}
        self._stays_until = {k: v for k, v in self._stays_until.items() if k in self._chosen}
        self._moved_at = {k: v for k, v in self._moved_at.items() if v > now - SWING_S}

"""The data plane of one node: takes DataFrames to their next hop, batch by batch, without I/O.

The core says where the ways lead (``RoutesChanged``); links tell what comes in and ask what is to
go out. Frames of kinds below 16 are not for the plane: they concern one link and go to the core.

How a driver uses it: tell it of ``routes_changed``; give it what this node sends and what arrives;
after each batch carry out ``take_output`` and ``take_delivered``.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.ids import BROADCAST
from cantor.mesh.effects import RoutesChanged

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire import DataFrame

SEEN_MAX = 8192


class DataPlane:
    """What travels through ``node``. ``counters`` holds what was dropped, by reason."""

    def __init__(self, node: NodeId, counters: Counter[str] | None = None) -> None:
        self.node = node
        self.counters: Counter[str] = Counter() if counters is None else counters
        self._routes = RoutesChanged({}, {}, frozenset())
        self._seen: OrderedDict[tuple[NodeId, int], None] = OrderedDict()
        self._delivered: list[DataFrame] = []
        self._output: list[tuple[NodeId, str, DataFrame]] = []
        self._heard: set[NodeId] = set()
        self._carried: set[NodeId] = set()

    def routes_changed(self, routes: RoutesChanged) -> None:
        """Send frames this way from now on."""
        self._routes = routes

    def has_route(self, destination: NodeId) -> bool:
        """Whether frames for this node would go anywhere."""
        return destination in (self.node, BROADCAST) or destination in self._routes.first_hops

    def send(self, frame: DataFrame) -> bool:
        """Take a DataFrame of this node to its destination; False if there is no path."""
        if frame.destination == self.node:
            self._delivered.append(frame)
            return True
        if not self.has_route(frame.destination):
            return False
        self._is_new(frame)
        self._forward(frame)
        return True

    def received(self, peer: NodeId, frame: DataFrame) -> None:
        """Take a frame that came over the link with ``peer``."""
        self._heard.add(peer)
        self._carried.add(peer)
        if frame.source == self.node or not self._is_new(frame):
            self.counters["duplicate"] += 1
            return
        if frame.destination in (self.node, BROADCAST):
            self._delivered.append(frame)
        if frame.destination == self.node:
            return
        if frame.ttl > 1:
            self._forward(replace(frame, ttl=frame.ttl - 1), heard_from=peer)
        else:
            self.counters["ttl_expired"] += 1

    def take_output(self) -> list[tuple[NodeId, str, DataFrame]]:
        """What to write, as the neighbour, the nonce of its link, and the frame."""
        output, self._output = self._output, []
        return output

    def take_delivered(self) -> list[DataFrame]:
        """The frames that have arrived at this node."""
        delivered, self._delivered = self._delivered, []
        return delivered

    def take_traffic(self) -> tuple[frozenset[NodeId], frozenset[NodeId]]:
        """The neighbours heard from, and those data went to or came from, since the last call."""
        traffic = frozenset(self._heard), frozenset(self._carried)
        self._heard.clear()
        self._carried.clear()
        return traffic

    def _forward(self, frame: DataFrame, heard_from: NodeId | None = None) -> None:
        routes = self._routes
        if frame.destination == BROADCAST:
            peers = [peer for peer in sorted(routes.tree) if peer != heard_from]
        else:
            peers = list(routes.first_hops.get(frame.destination, ())[:1])
            if not peers:
                self.counters["no_path"] += 1
        for peer in peers:
            self._carried.add(peer)
            self._output.append((peer, routes.links[peer], frame))

    def _is_new(self, frame: DataFrame) -> bool:
        key = (frame.source, frame.message_id)
        if key in self._seen:
            return False
        self._seen[key] = None
        if len(self._seen) > SEEN_MAX:
            self._seen.popitem(last=False)
        return True

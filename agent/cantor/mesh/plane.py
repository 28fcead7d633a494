"""The data plane of one node: takes frames to their next hop, batch by batch, without I/O.

The core says where the ways lead (``RoutesChanged``); connections bring records and ask what is to
go out. A frame that is passed on is not decoded: only its time to live changes.

How a driver uses it:

1. ``link_up`` when a link begins, ``link_down`` when it has ended.
2. ``received`` with what a connection brought; it returns the frames that concern the core.
3. ``send`` with what this node sends, ``transmit`` with what the core sends to a neighbour.
4. After each batch: deliver ``take_delivered``, and for every link in ``take_dirty`` call ``take``
   with the room that its connections have, as well as whenever a connection has room again.
5. ``routes_changed`` and ``tick`` (ten times a second) as they come.

This plane believes whatever source a frame names; ``cantor.mesh.sealed_plane`` does not.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import BROADCAST
from cantor.mesh.held import Held, HeldFrame
from cantor.mesh.inlet import HELD_BYTES_MAX, Inlet, read_grants
from cantor.mesh.outlet import Outlet
from cantor.mesh.seen import Seen
from cantor.mesh.ways import BULK, Ways
from cantor.wire.frame import STREAM_KINDS, Kind
from cantor.wire.record_fields import (
    DESTINATION,
    FLOW,
    KIND,
    NAME,
    PRIORITY,
    RECORD_SIZE_MIN,
    SOURCE,
    TTL,
    one_hop_less,
)
from cantor.wire.records import LOCAL, Parts, channel_of, pack, repack, unpack

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.mesh.effects import RoutesChanged
    from cantor.mesh.inlet import Inflow
    from cantor.mesh.outlet import Flow, Item
    from cantor.wire.frame import Buffer, DataFrame
    from cantor.wire.records import Record

NO_PATH = "there is no path to it"
SENT_BYTES_MAX = 32 * 1024 * 1024
"""What this node itself may have waiting for one destination at one priority."""
PARKED_BYTES_MAX = 16 * 1024 * 1024
PARKED_S = 2.0
RECENT_S = 5.0
RECENT_BYTES_MAX = 4 * 1024 * 1024
ROOM_BYTES = 512 * 1024
FORGET_S = 10.0
_LOCAL_BIT = LOCAL >> 24
_EVERYBODY = bytes.fromhex(BROADCAST)


class DataPlane:
    """What travels through ``node``. ``counters`` holds what was dropped, by reason.

    ``dirty`` holds the links with something new to carry, ``delivered`` what has arrived here:
    empty them by ``take_dirty`` and ``take_delivered``.
    """

    def __init__(self, node: NodeId, counters: Counter[str] | None = None) -> None:
        self.node = node
        self.counters: Counter[str] = Counter() if counters is None else counters
        self._me = bytes.fromhex(node)
        self._now = 0.0
        self._forget_at = FORGET_S
        self._outlets: dict[str, Outlet] = {}
        self._inlets: dict[str, Inlet] = {}
        self._ways = Ways()
        self._seen = Seen()
        self._is_new = self._seen.add
        self._parked = Held(PARKED_BYTES_MAX, PARKED_S)
        self._recent = Held(RECENT_BYTES_MAX, RECENT_S)
        self.delivered: list[tuple[DataFrame, Inflow | None, int]] = []
        self.dirty: dict[str, None] = {}
        self.pass_on: Callable[[str, int, Record], bool] | None = None
        """Writes a small frame to a link (by nonce) and channel now, or says that it cannot."""
        self._heard: set[NodeId] = set()
        self._carried: set[NodeId] = set()

    def link_up(self, peer: NodeId, nonce: str) -> None:
        """A link can carry frames of the core; data follow when the core says so."""
        self._outlets[nonce] = Outlet(peer, nonce)
        self._inlets[nonce] = Inlet(nonce, bytes.fromhex(peer))

    def link_down(self, nonce: str) -> None:
        """A link has ended: what it had not taken waits for another way."""
        outlet = self._outlets.pop(nonce, None)
        self._inlets.pop(nonce, None)
        self.dirty.pop(nonce, None)
        if outlet is None:
            return
        self._ways.lost(outlet)
        for flow, item in outlet.drain():
            if flow.key and flow.key[-16:] != _EVERYBODY:
                self._forward_again(flow.key, flow.channel, item)

    def peer(self, nonce: str) -> NodeId | None:
        """The neighbour at the other end of a link that is up."""
        outlet = self._outlets.get(nonce)
        return outlet.peer if outlet is not None else None

    def connection_lost(self, nonce: str, name: str) -> None:
        """The bulk connection of a link has ended; the link itself stays."""
        if nonce in self._outlets:
            self._outlets[nonce].connection_lost(name)
            self.dirty[nonce] = None

    def routes_changed(self, routes: RoutesChanged) -> list[NodeId]:
        """Send frames this way from now on; the nodes that are reached another way than before.

        What waited for a way is tried again, and new neighbours on the tree get what was sent to
        all a moment ago, because it may have missed them.
        """
        moved, new_on_tree = self._ways.changed(routes, self._outlets, self._now)
        for outlet in new_on_tree:
            for held in self._recent:
                self._push(outlet, outlet.flow(held.channel, held.key), held.item)
        for parked in self._parked.take_all():
            self._forward_again(parked.key, parked.channel, parked.item, parked.heard_from)
        return moved

    def room(self, destination: NodeId, priority: int, label: int) -> int:
        """How many more bytes of a stream had better wait here than at their source."""
        if destination == self.node:
            return ROOM_BYTES
        key = label.to_bytes(2, "big") + bytes(2) + self._me + bytes.fromhex(destination)
        outlet = self._ways.next_hop(key, priority, self._now)
        if outlet is None:
            return 0
        return ROOM_BYTES - outlet.flow(priority, key).waiting_bytes

    @property
    def ways_moved(self) -> tuple[int, int]:
        """How often a node, or bulk to it, came to be reached another way; twice in a minute."""
        return self._ways.moves, self._ways.swings

    def has_route(self, destination: NodeId) -> bool:
        """Whether frames for this node would go anywhere."""
        name = bytes.fromhex(destination)
        return name in (self._me, _EVERYBODY) or self._ways.lead_to(name)

    def send(self, frame: DataFrame) -> str:
        """Take a DataFrame of this node to its destination; why not, if it was refused.

        Raises:
            LocalProtocolError: a field lies outside its limits.
        """
        if frame.destination == self.node:
            self.delivered.append((frame, None, 0))
            return ""
        frame = self._as_it_travels(frame)
        packed = pack(frame)
        if isinstance(packed, Parts):
            key, size = bytes(packed.buffers[0][4:40]), packed.size
        else:
            key, size = packed[FLOW], len(packed)
        item: Item = (packed, size, None)
        if frame.destination == BROADCAST:
            self._is_new(key[4:] + frame.message_id.to_bytes(8, "big"))
            self._recent.add(HeldFrame(self._now, key, frame.priority, item, ""))
            for neighbour in self._ways.tree:
                self._push(neighbour, neighbour.flow(frame.priority, key), item)
            return ""
        outlet = self._ways.next_hop(key, frame.priority, self._now)
        if outlet is None:
            return NO_PATH
        flow = outlet.flow(frame.priority, key)
        if flow.waiting_bytes > SENT_BYTES_MAX:
            self.counters["congested"] += 1
            return "too much waits for it already"
        if outlet.peer != frame.destination:
            return self._leave_by_relay(outlet, flow, frame, item)
        self._push(outlet, flow, item)
        return ""

    def transmit(self, nonce: str, frame: DataFrame) -> None:
        """Send a frame of the core to a neighbour: small ones at once, large ones in their turn.

        A neighbour that asks and does not listen loses what it asked for.
        """
        outlet = self._outlets.get(nonce)
        if outlet is None:
            return
        self.dirty[nonce] = None
        self.counters["congested"] += not outlet.push_of_core(pack(frame))

    def received(self, nonce: str, records: list[Record]) -> list[DataFrame]:
        """Take what a connection brought; return the frames that concern the core.

        Raises:
            RemoteProtocolError: the neighbour breaks the rules; its link is to be closed.
        """
        inlet = self._inlets.get(nonce)
        if inlet is None:
            return []
        outlet = self._outlets[nonce]
        self._heard.add(outlet.peer)
        for_core: list[DataFrame] = []
        is_alone = len(records) == 1  # several leave together, which is cheaper
        for record in records:
            if not record[0] & _LOCAL_BIT:
                self._route(record, inlet, is_alone=is_alone)
                continue
            frame = unpack(record, outlet.peer)
            if frame.kind == Kind.CREDIT:
                for channel, key, size in read_grants(frame):
                    outlet.granted(channel, key, size)
                self.dirty[nonce] = None
            else:
                for_core.append(frame)
        if len(for_core) < len(records):
            self._carried.add(outlet.peer)
        return for_core

    def take(
        self, nonce: str, name: str, channels: tuple[int, ...], room: int, chunk: int
    ) -> list[Buffer]:
        """What leaves over a connection of a link now: see ``Outlet.take``."""
        outlet = self._outlets.get(nonce)
        if outlet is None:
            return []
        output, left_by = outlet.take(name, channels, room, chunk)
        for inflow, size in left_by:
            self._left(inflow, size)
        return output

    def take_bulk_wish(self, nonce: str) -> bool:
        """Whether a bulk connection became worth opening since the last call."""
        outlet = self._outlets.get(nonce)
        if outlet is None or not outlet.wants_bulk:
            return False
        outlet.wants_bulk = False
        return True

    def waiting_bytes(self, nonce: str) -> int:
        """What waits for a link."""
        outlet = self._outlets.get(nonce)
        return outlet.waiting_bytes if outlet is not None else 0

    def take_dirty(self) -> list[str]:
        """The links that have something new to carry, by nonce."""
        dirty, self.dirty = list(self.dirty), {}
        return dirty

    def take_delivered(self) -> list[DataFrame]:
        """The frames that have arrived at this node; taking them makes room for more."""
        delivered, self.delivered = self.delivered, []
        for _, inflow, size in delivered:
            self._left(inflow, size)
        return [frame for frame, _, _ in delivered]

    def take_traffic(self) -> tuple[frozenset[NodeId], frozenset[NodeId]]:
        """The neighbours heard from, and those data went to or came from, since the last call."""
        traffic = frozenset(self._heard), frozenset(self._carried)
        self._heard.clear()
        self._carried.clear()
        return traffic

    def tick(self, now: float) -> None:
        """Let time pass: what waited too long for a way is dropped, quiet flows are forgotten."""
        self._now = now
        self._drop(self._parked.expired(now))
        self._recent.expired(now)
        if now >= self._forget_at:
            self._forget_at = now + FORGET_S
            self._ways.forget_quiet(now)
            for nonce, inlet in self._inlets.items():
                self._outlets[nonce].forget_idle()
                if inlet.settle():
                    self._grant(nonce)

    def _route(self, record: Record, inlet: Inlet, *, is_alone: bool) -> None:
        destination = bytes(record[DESTINATION])
        channel, size = channel_of(record), len(record)
        if size < RECORD_SIZE_MIN or record[PRIORITY] != channel:
            raise RemoteProtocolError("a frame without its header, or on another's channel")
        if channel == BULK:
            self._outlets[inlet.nonce].wants_bulk = True
        key = bytes(record[FLOW])
        inflow = inlet.arrived(channel, key, size)
        source = bytes(record[SOURCE])
        if source == self._me:
            self._refuse("duplicate", inflow, size)
        elif destination == self._me:
            self._arrived(record, source, inflow, size)
        elif destination == _EVERYBODY:
            self._arrived_for_all(record, inflow, size)
        elif record[TTL] <= 1:
            self._refuse("ttl_expired", inflow, size)
        elif inlet.held > HELD_BYTES_MAX:
            self._refuse("neighbour_over_quota", inflow, size)
        else:
            item = (repack(one_hop_less(record)), size, inflow)
            self._forward(key, channel, item, inlet.nonce, is_alone=is_alone)

    def _deliver(self, record: Record, inflow: Inflow, size: int) -> None:
        """Take a frame for this node; the neighbour is to blame for its own frames alone."""
        try:
            frame = unpack(record)
        except RemoteProtocolError:
            if bytes(record[SOURCE]).hex() == self.peer(inflow.inlet.nonce):
                raise
            self._refuse("malformed", inflow, size)
        else:
            self.delivered.append((frame, inflow, size))

    def _arrived(self, record: Record, _source: bytes, inflow: Inflow, size: int) -> None:
        if record[KIND] in STREAM_KINDS or self._is_new(bytes(record[NAME])):
            self._deliver(record, inflow, size)
        else:
            self._refuse("duplicate", inflow, size)

    def _arrived_for_all(self, record: Record, inflow: Inflow, size: int) -> None:
        if self._is_new(bytes(record[NAME])):
            self._deliver(record, inflow, size)
            self._spread(record, inflow.inlet)
        else:
            self._refuse("duplicate", inflow, size)

    def _spread(self, record: Record, inlet: Inlet) -> None:
        """Pass on what is for all; each copy waits on its own, and none holds up its sender."""
        if record[TTL] <= 1:
            self.counters["ttl_expired"] += 1
            return
        channel, key = channel_of(record), bytes(record[FLOW])
        item: Item = (repack(one_hop_less(record)), len(record), None)
        self._recent.add(HeldFrame(self._now, key, channel, item, inlet.nonce))
        for outlet in self._ways.tree:
            if outlet.nonce != inlet.nonce:
                flow = outlet.flow(channel, key)
                if flow.waiting_bytes > SENT_BYTES_MAX // 4:
                    self.counters["congested"] += 1
                else:
                    self._push(outlet, flow, item)

    def _forward(
        self, key: bytes, channel: int, item: Item, heard_from: str = "", *, is_alone: bool = False
    ) -> None:
        outlet = self._ways.next_hop(key, channel, self._now)
        if outlet is None or outlet.nonce == heard_from:
            # The ways are about to change.
            self._drop(self._parked.add(HeldFrame(self._now, key, channel, item, heard_from)))
            return
        flow = outlet.flow(channel, key)
        if is_alone and self.pass_on and outlet.pass_on(flow, item, self.pass_on):
            self._carried.add(outlet.peer)
            self._left(item[2], item[1])
        else:
            self._push(outlet, flow, item)

    def _forward_again(self, key: bytes, channel: int, item: Item, heard_from: str = "") -> None:
        self._forward(key, channel, item, heard_from)  # what has lost its way

    def _as_it_travels(self, frame: DataFrame) -> DataFrame:
        return frame

    def _leave_by_relay(self, outlet: Outlet, flow: Flow, _frame: DataFrame, item: Item) -> str:
        """Let a frame of this node take its first hop; why not, if it was refused."""
        self._push(outlet, flow, item)
        return ""

    def _push(self, outlet: Outlet, flow: Flow, item: Item) -> None:
        outlet.push(flow, item)
        self._carried.add(outlet.peer)
        self.dirty[outlet.nonce] = None

    def _refuse(self, why: str, inflow: Inflow, size: int) -> None:
        self.counters[why] += 1
        self._left(inflow, size)

    def _drop(self, frames: list[HeldFrame]) -> None:
        for frame in frames:
            self.counters["no_path"] += 1
            self._left(frame.item[2], frame.item[1])

    def _left(self, inflow: Inflow | None, size: int) -> None:
        if inflow is not None and inflow.inlet.left(inflow, size):
            self._grant(inflow.inlet.nonce)

    def _grant(self, nonce: str) -> None:
        outlet, inlet = self._outlets.get(nonce), self._inlets.get(nonce)
        if outlet is not None and inlet is not None:
            outlet.urgent.extend(inlet.grants(self.node, outlet.peer))
            self.dirty[nonce] = None

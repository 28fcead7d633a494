"""A data plane that believes a frame only if TLS or a seal proves its source.

Over the link with its destination a frame goes as it is: TLS hides it and says who speaks. What
goes by relays is sealed, so that they can neither read nor forge it; what is for all nodes is
signed. Everything else is dropped and counted:

    unsealed   it names another source than the neighbour that it came from, and has no seal
    forged     a seal, a signature or a hello does not hold
    replayed   it has come before, or is too old to tell
    verify_over_quota   the neighbour that it came from has sent too much that did not hold

Seals know by themselves what has come before. A relay is not to blame for what it passes on, so no
link is closed for any of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import BROADCAST, NodeId
from cantor.mesh.plane import NO_PATH, DataPlane
from cantor.mesh.verify_quota import VerifyQuota
from cantor.mesh.ways import BULK
from cantor.wire.frame import STREAM_KINDS, Kind
from cantor.wire.reader import parse_frame
from cantor.wire.record_fields import KIND, NAME
from cantor.wire.records import PREFIX_SIZE, SMALL_BYTES_MAX, Parts, pack, unpack

if TYPE_CHECKING:
    from collections import Counter

    from cantor.mesh.inlet import Inflow
    from cantor.mesh.outlet import Flow, Item, Outlet
    from cantor.wire.frame import DataFrame
    from cantor.wire.records import Record

_SEALS = (int(Kind.SEALED), int(Kind.SEAL_HELLO))


class Sealing(Protocol):
    """Seals frames for nodes behind relays and opens theirs; see ``cantor.identity.sealing``."""

    def is_ready(self, destination: NodeId) -> bool:
        """Whether frames for this node can be sealed now."""

    def seal(self, frame: DataFrame) -> DataFrame:
        """The frame as it may travel over relays; only while ``is_ready``."""

    def wait(self, frame: DataFrame, size: int) -> str:
        """Keep a frame of ``size`` bytes until it can be sealed; why not, if it is refused."""

    def waiting_bytes(self, destination: NodeId) -> int:
        """What waits to be sealed for this node."""

    def opened(self, frame: DataFrame) -> DataFrame | None:
        """The frame inside a SEALED or SEAL_HELLO frame; None if there is none for this node."""

    def sign(self, frame: DataFrame) -> DataFrame:
        """A frame for all nodes as it may travel over relays."""

    def verified(self, frame: DataFrame) -> DataFrame | None:
        """The frame inside one for all nodes; None if its source has not signed it just now.

        Raises:
            RemoteProtocolError: its signature was checked and does not hold.
        """

    def take_output(self) -> list[DataFrame]:
        """Frames to be sent: hellos, and those whose wait is over."""


class SealedPlane(DataPlane):
    """The data plane of a real node. Call ``send_seals`` after the seals were told of anything."""

    def __init__(
        self,
        node: NodeId,
        counters: Counter[str],
        seals: Sealing,
        quota: VerifyQuota | None = None,
    ) -> None:
        super().__init__(node, counters)
        self._seals = seals
        self._quota = quota or VerifyQuota()

    def send_seals(self) -> None:
        """Send hellos that are due and what waited for a seal."""
        for frame in self._seals.take_output():
            self.counters["no_path"] += self.send(frame) == NO_PATH  # others are counted there

    def room(self, destination: NodeId, priority: int, label: int) -> int:
        room = super().room(destination, priority, label)
        return room - self._seals.waiting_bytes(destination)

    def _as_it_travels(self, frame: DataFrame) -> DataFrame:
        """A frame for all, signed; a small one that goes by a relay, sealed before it is packed.

        All else that needs a seal gets it when it takes its first hop, from ``_leave_by_relay``:
        what is too large must be refused before, and which way bulk takes depends on its flow.
        """
        destination, body = frame.destination, frame.body
        if destination == BROADCAST:
            return self._seals.sign(frame)
        if (
            frame.priority < BULK
            and self._seals.is_ready(destination)
            and (not body or (len(body) == 1 and len(body[0]) <= SMALL_BYTES_MAX))
            and frame.kind not in _SEALS
            and self._ways.is_by_relay(destination)
        ):
            return self._seals.seal(frame)
        return frame

    def _leave_by_relay(self, outlet: Outlet, flow: Flow, frame: DataFrame, item: Item) -> str:
        if frame.kind in _SEALS:
            self._push(outlet, flow, item)
        elif self._seals.is_ready(frame.destination):
            packed = pack(self._seals.seal(frame))
            size = packed.size if isinstance(packed, Parts) else len(packed)
            self._push(outlet, flow, (packed, size, None))
        else:
            refusal = self._seals.wait(frame, item[1])
            self.counters["congested"] += bool(refusal)
            self.send_seals()
            return refusal
        return ""

    def _forward_again(self, key: bytes, channel: int, item: Item, heard_from: str = "") -> None:
        """Forward what has lost its way; what this node itself has not sealed may need it now."""
        outlet = self._ways.next_hop(key, channel, self._now)
        goes_by_relay = outlet is not None and outlet.peer != key[-16:].hex()
        if goes_by_relay and key[4:20] == self._me and _kind_of(item[0]) not in _SEALS:
            self.send(_unpack_own(item[0]))
            return
        self._forward(key, channel, item, heard_from)

    def _arrived(self, record: Record, source: bytes, inflow: Inflow, size: int) -> None:
        kind = record[KIND]
        if source == inflow.inlet.peer and kind not in _SEALS:
            # As in the plane below, without another call: the most frequent frame by far.
            if kind in STREAM_KINDS or self._is_new(bytes(record[NAME])):
                self.delivered.append((unpack(record), inflow, size))
            else:
                self._refuse("duplicate", inflow, size)
        elif kind in _SEALS:
            outer = _unpack_relayed(record)
            if outer is None:
                self._refuse("forged", inflow, size)
                return
            inner = self._seals.opened(outer)
            if inner is not None:
                self.delivered.append((inner, inflow, size))
            else:
                self._left(inflow, size)
            self.send_seals()
        else:
            self._refuse("unsealed", inflow, size)

    def _arrived_for_all(self, record: Record, inflow: Inflow, size: int) -> None:
        """Checked before it counts as seen, so that a forged frame keeps no true one out."""
        name = bytes(record[NAME])
        if name in self._seen:
            self._refuse("duplicate", inflow, size)
            return
        neighbour = NodeId(inflow.inlet.peer.hex())
        if self._quota.is_spent(neighbour, self._now):
            self._refuse("verify_over_quota", inflow, size)
            return
        try:
            inner = self._seals.verified(unpack(record))
        except RemoteProtocolError:
            self._quota.failed(neighbour, self._now)
            self._refuse("forged", inflow, size)
            return
        if inner is None:
            self._left(inflow, size)
            return
        self._is_new(name)
        self.delivered.append((inner, inflow, size))
        self._spread(record, inflow.inlet)


def _unpack_relayed(record: Record) -> DataFrame | None:
    """A frame that any node may have made: what is wrong with it is not its neighbour's fault."""
    try:
        return unpack(record)
    except RemoteProtocolError:
        return None


def _kind_of(packed: Record | Parts) -> int:
    if isinstance(packed, Parts):
        return packed.buffers[0][KIND - PREFIX_SIZE]
    return packed[KIND]


def _unpack_own(packed: Record | Parts) -> DataFrame:
    if isinstance(packed, Parts):
        return parse_frame(b"".join(packed.buffers))
    return parse_frame(packed, PREFIX_SIZE)

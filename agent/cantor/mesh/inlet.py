"""What came in over one link: how much of each flow is still held here, and the credit to give."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.mesh.outlet import WINDOW_BYTES
from cantor.wire.frame import DataFrame, Kind
from cantor.wire.reader import FRAME_BYTES_MAX
from cantor.wire.records import CHANNELS, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId

FLOWS_MAX = 8192
HELD_BYTES_MAX = 64 * 1024 * 1024
"""What one neighbour may have waiting here before its frames are dropped."""
KEY_SIZE = 36
_GRANT = struct.Struct(f">B{KEY_SIZE}sI")


class Inflow:
    """One flow as it arrives: bytes held here, and bytes that the sender may be given back."""

    __slots__ = ("channel", "held", "inlet", "is_used", "key", "owed")

    def __init__(self, inlet: Inlet, channel: int, key: bytes) -> None:
        self.inlet = inlet
        self.channel = channel
        self.key = key
        self.held = 0
        self.owed = 0
        self.is_used = True


class Inlet:
    """The flows that arrive from one neighbour, named ``peer``, over one link."""

    def __init__(self, nonce: str, peer: bytes) -> None:
        self.nonce = nonce
        self.peer = peer
        self.held = 0
        self._flows: list[dict[bytes, Inflow]] = [{} for _ in range(CHANNELS)]
        self._due: list[Inflow] = []

    def arrived(self, channel: int, key: bytes, size: int) -> Inflow:
        """Count a frame that came in and is held until ``left``.

        Raises:
            RemoteProtocolError: the neighbour sends more than it was granted, or too many flows.
        """
        flow = self._flows[channel].get(key)
        if flow is None:
            if sum(map(len, self._flows)) >= FLOWS_MAX:
                raise RemoteProtocolError(f"more than {FLOWS_MAX} flows over one link")
            flow = self._flows[channel][key] = Inflow(self, channel, key)
        flow.held += size
        flow.is_used = True
        if flow.held + flow.owed > WINDOW_BYTES[channel] + FRAME_BYTES_MAX:
            raise RemoteProtocolError("more of a flow than was granted")
        self.held += size
        return flow

    def left(self, flow: Inflow, size: int) -> bool:
        """A frame is held no longer; True if a grant is due."""
        flow.held -= size
        self.held -= size
        flow.owed += size
        if flow.owed - size < WINDOW_BYTES[flow.channel] // 2 <= flow.owed:
            self._due.append(flow)
            return True
        return bool(self._due)

    def grants(self, sender: NodeId, receiver: NodeId) -> Iterator[bytes]:
        """The frames that give back what is due."""
        due, self._due = self._due, []
        for start in range(0, len(due), 64):
            entries = []
            for flow in due[start : start + 64]:
                entries.append(_GRANT.pack(flow.channel, flow.key, flow.owed))
                flow.owed = 0
            frame = DataFrame(Kind.CREDIT, sender, receiver, priority=0, body=(b"".join(entries),))
            packed = pack(frame)
            if isinstance(packed, bytes):
                yield packed

    def settle(self) -> bool:
        """Give back the rest of flows that were quiet since the last call, and forget them."""
        for flows in self._flows:
            for key in [key for key, flow in flows.items() if not flow.is_used and not flow.held]:
                flow = flows.pop(key)
                if flow.owed and flow not in self._due:
                    self._due.append(flow)
            for flow in flows.values():
                flow.is_used = False
        return bool(self._due)


def read_grants(frame: DataFrame) -> Iterator[tuple[int, bytes, int]]:
    """Channel, key and bytes of each grant in a CREDIT frame.

    Raises:
        RemoteProtocolError: the frame holds something else.
    """
    if len(frame.body) != 1 or len(frame.body[0]) % _GRANT.size:
        raise RemoteProtocolError("credit of the wrong shape")
    for channel, key, size in _GRANT.iter_unpack(frame.body[0]):
        if channel >= CHANNELS:
            raise RemoteProtocolError(f"credit for channel {channel}")
        yield channel, key, size

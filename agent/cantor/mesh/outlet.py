"""What waits to leave over one link: flows with credit, three channels, and records in the making.

A *flow* is what one node sends to another at one priority (and, for streams, under one label). The
other end of the link grants each flow bytes; a flow that has used its credit waits by itself and
holds up nobody else, so that congestion reaches its source and no further. Among the flows of one
channel, turns are taken; a channel goes before all of a higher number, but channel 2 always gets a
twentieth of a connection that it shares.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from cantor.wire.frame import LENGTH
from cantor.wire.records import CHANNEL_SHIFT, CHANNELS, MORE, PREFIX_SIZE, Parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cantor.base.ids import NodeId
    from cantor.mesh.inlet import Inflow
    from cantor.wire.frame import Buffer

WINDOW_BYTES = (64 * 1024, 512 * 1024, 4 * 1024 * 1024)
"""Credit of a flow at the beginning, by channel."""
TURN_BYTES = 64 * 1024
"""How much of one flow leaves before another of the same channel has its turn."""
LOWEST_SHARE = 0.05
CORE_FRAMES_MAX = 4096
CORE_BYTES_MAX = 64 * 1024 * 1024
"""What may wait for one neighbour of the core's small frames, and of its large ones."""

Item = tuple[bytes | Parts, int, "Inflow | None"]
"""A frame, its bytes, and the flow over which it came to this node; None if it began here."""


class Flow:
    """One flow on one link: what waits, and how many bytes the other end still takes."""

    __slots__ = ("channel", "credit", "is_ready", "key", "queue", "waiting_bytes")

    def __init__(self, key: bytes, channel: int) -> None:
        self.key = key
        self.channel = channel
        self.queue: deque[Item] = deque()
        self.credit = WINDOW_BYTES[channel]
        self.waiting_bytes = 0
        self.is_ready = False


class Port:
    """One connection of a link: the large frames of which a part has left over it."""

    __slots__ = ("cuts", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self.cuts: list[_Cut | None] = [None] * CHANNELS


class _Cut:
    """A large frame on its way: which buffer comes next, and from where."""

    __slots__ = ("buffer", "flow", "has_begun", "item", "left", "offset", "parts")

    def __init__(self, parts: Parts, item: Item, flow: Flow) -> None:
        self.parts = parts
        self.item = item
        self.flow = flow
        self.buffer = 0
        self.offset = 0
        self.left = parts.size
        self.has_begun = False

    def next_record(self, chunk: int) -> list[Buffer]:
        """The buffers of one record with at most ``chunk`` bytes of the frame."""
        parts = self.parts
        length = min(chunk, self.left)
        self.left -= length
        prefix = parts.channel << CHANNEL_SHIFT | parts.local
        if self.left:
            prefix |= MORE
        if self.left and not self.has_begun:
            head = LENGTH.pack(prefix | length + LENGTH.size) + LENGTH.pack(parts.size)
        else:
            head = LENGTH.pack(prefix | length)
        self.has_begun = True
        record: list[Buffer] = [head]
        while length:
            view = parts.buffers[self.buffer]
            piece = view[self.offset : self.offset + length]
            record.append(piece)
            length -= piece.nbytes
            self.offset += piece.nbytes
            if self.offset == view.nbytes:
                self.buffer += 1
                self.offset = 0
        return record


class Outlet:
    """Everything that waits for the link ``nonce`` with ``peer``."""

    def __init__(self, peer: NodeId, nonce: str) -> None:
        self.peer = peer
        self.nonce = nonce
        self.urgent: deque[bytes] = deque()
        self.waiting_bytes = 0
        self._flows: list[dict[bytes, Flow]] = [{} for _ in range(CHANNELS)]
        self._ready: list[deque[Flow]] = [deque() for _ in range(CHANNELS)]
        self._cuts = 0
        self._ports = {name: Port(name) for name in ("control", "bulk")}
        self._owed_to_lowest = 0.0
        self.wants_bulk = False
        """Whether something passed on the lowest channel: a connection of its own is worth it."""

    def flow(self, channel: int, key: bytes) -> Flow:
        """The flow of that key."""
        flow = self._flows[channel].get(key)
        if flow is None:
            flow = self._flows[channel][key] = Flow(key, channel)
        return flow

    def pass_on(self, flow: Flow, item: Item, write: Callable[[str, int, bytes], bool]) -> bool:
        """Let a small frame leave at once if nothing waits before it; whether it has left.

        A relay's work is a quarter less without the queues and their turns.
        """
        packed = item[0]
        if self.waiting_bytes or self.urgent or flow.credit <= 0 or isinstance(packed, Parts):
            return False
        if not write(self.nonce, flow.channel, packed):
            return False
        flow.credit -= item[1]
        return True

    def push(self, flow: Flow, item: Item) -> None:
        """Let a frame wait for its turn."""
        flow.queue.append(item)
        flow.waiting_bytes += item[1]
        self.waiting_bytes += item[1]
        if flow.channel == CHANNELS - 1:
            self.wants_bulk = True
        if not flow.is_ready and flow.credit > 0:
            flow.is_ready = True
            self._ready[flow.channel].append(flow)

    def push_of_core(self, packed: bytes | Parts) -> bool:
        """Let a frame of the core wait, small ones before all else; False if too many do."""
        if isinstance(packed, bytes):
            if len(self.urgent) >= CORE_FRAMES_MAX:
                return False
            self.urgent.append(packed)
            return True
        flow = self.flow(packed.channel, b"")
        if flow.waiting_bytes >= CORE_BYTES_MAX:
            return False
        flow.credit = 1 << 62
        self.push(flow, (packed, packed.size, None))
        return True

    def granted(self, channel: int, key: bytes, size: int) -> None:
        """The other end takes ``size`` more bytes of a flow."""
        flow = self._flows[channel].get(key)
        if flow is None:
            return
        flow.credit = min(flow.credit + size, WINDOW_BYTES[channel])
        if flow.queue and not flow.is_ready and flow.credit > 0:
            flow.is_ready = True
            self._ready[channel].append(flow)

    def take(
        self, name: str, channels: tuple[int, ...], room: int, chunk: int
    ) -> tuple[list[Buffer], list[tuple[Inflow, int]]]:
        """What leaves over the connection ``name`` now.

        Args:
            name: ``control`` or ``bulk``.
            channels: those that this connection carries, the most urgent first.
            room: how many bytes the connection takes; the last record may exceed it.
            chunk: how many bytes of a large frame one record holds at most.

        Returns:
            The buffers to write in this order, and the flows to this node that got room by it.
        """
        port = self._ports[name]
        out: list[Buffer] = []
        left_by: list[tuple[Inflow, int]] = []
        while room > 0:
            if self.urgent and channels[0] == 0:
                record = self.urgent.popleft()
                out.append(record)
                room -= len(record)
                continue
            channel = self._next_channel(port, channels)
            if channel is None:
                break
            taken = self._take_from(port, channel, min(room, TURN_BYTES), chunk, out, left_by)
            room -= taken
            if channel < channels[-1] and self._ready[channels[-1]]:
                self._owed_to_lowest += taken * LOWEST_SHARE
            elif channel == channels[-1]:
                self._owed_to_lowest = max(0.0, self._owed_to_lowest - taken)
        return out, left_by

    def connection_lost(self, name: str) -> None:
        """A connection has ended: what left it in part begins anew over the other."""
        port = self._ports[name]
        for channel, cut in enumerate(port.cuts):
            if cut is not None:
                port.cuts[channel] = None
                self._cuts -= 1
                cut.flow.queue.appendleft(cut.item)
                cut.flow.credit += cut.item[1]
                cut.flow.waiting_bytes += cut.item[1]
                if not cut.flow.is_ready:
                    cut.flow.is_ready = True
                    self._ready[channel].append(cut.flow)

    def drain(self) -> Iterator[tuple[Flow, Item]]:
        """Everything that has not left, in the order of each flow, because the link has ended."""
        for name in self._ports:
            self.connection_lost(name)
        for flows in self._flows:
            for key in sorted(flows):
                for item in flows[key].queue:
                    yield flows[key], item

    def forget_idle(self) -> None:
        """Let go of flows that begin from the same credit when they come again."""
        for channel, flows in enumerate(self._flows):
            idle = [
                key
                for key, flow in flows.items()
                if not flow.queue and not flow.is_ready and flow.credit == WINDOW_BYTES[channel]
            ]
            for key in idle:
                del flows[key]

    def _next_channel(self, port: Port, channels: tuple[int, ...]) -> int | None:
        if not self._cuts and self._owed_to_lowest < TURN_BYTES:
            for channel in channels:
                if self._ready[channel]:
                    return channel
            return None
        lowest = channels[-1]
        if self._owed_to_lowest >= TURN_BYTES and self._may_take(port, lowest):
            return lowest
        for channel in channels:
            if self._may_take(port, channel):
                return channel
        # A frame whose first part left over this connection ends on it, whoever carries the rest.
        for channel, cut in enumerate(port.cuts):
            if cut is not None:
                return channel
        return None

    def _may_take(self, port: Port, channel: int) -> bool:
        """Whether this connection has something to carry; frames do not overtake a large one."""
        if port.cuts[channel] is not None:
            return True
        if not self._ready[channel]:
            return False
        return all(other.cuts[channel] is None for other in self._ports.values())

    def _take_from(
        self,
        port: Port,
        channel: int,
        room: int,
        chunk: int,
        out: list[Buffer],
        left_by: list[tuple[Inflow, int]],
    ) -> int:
        cut = port.cuts[channel]
        if cut is None:
            flow = self._ready[channel].popleft()
            queue, taken = flow.queue, 0
            while queue and flow.credit > 0 and taken < room:
                item = queue.popleft()
                packed, size, inflow = item
                flow.credit -= size
                flow.waiting_bytes -= size
                if isinstance(packed, Parts):
                    cut = port.cuts[channel] = _Cut(packed, item, flow)
                    self._cuts += 1
                    break
                self.waiting_bytes -= size
                taken += size
                out.append(packed)
                if inflow is not None:
                    left_by.append((inflow, size))
            if queue and flow.credit > 0:
                self._ready[channel].append(flow)
            else:
                flow.is_ready = False
            if cut is None or taken:
                return taken
        record = cut.next_record(chunk)
        out += record
        taken = PREFIX_SIZE + sum(len(part) for part in record[1:])
        if not cut.left:
            port.cuts[channel] = None
            self._cuts -= 1
            _, size, inflow = cut.item
            self.waiting_bytes -= size
            if inflow is not None:
                left_by.append((inflow, size))
        return taken

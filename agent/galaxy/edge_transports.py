"""The ends of a connection as groups of filters see them: ``EdgeTransport`` objects."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Literal, cast

from cantor.base.errors import RemoteProtocolError
from galaxy.codec import decode_frame
from galaxy.edge_receiver import Arrived, ReceiverEnd
from galaxy.edge_sender import SenderEnd
from galaxy.figures import EdgeFigures
from galaxy.frame import Frame, Timing

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.wire.frame import Value
    from galaxy.edge_wire import Wire
    from galaxy.pipeline import Codec, Connection, Policy

TRANSIT_MAX_S = 10.0
"""A longer way than this is not believed: then the clocks of the two nodes differ."""
_log = logging.getLogger(__name__)


class _End:
    """What both ends have in common."""

    def __init__(self, wire: Wire, connection: Connection, policy: Policy, depth: int) -> None:
        if depth < 1 or (policy == "latest" and depth != 1):
            message = f"{connection.name}: a {policy} edge cannot be {depth} deep"
            raise ValueError(message)
        self._wire = wire
        self._kind = connection.kind
        self._stage = connection.name
        self._policy: Policy = policy
        self._depth = depth
        self._max_age_s = connection.max_age_ms / 1000


class Sender(_End):
    """The sending end of a connection, for its group."""

    def __init__(
        self,
        wire: Wire,
        connection: Connection,
        policy: Policy,
        depth: int,
        codec: Codec,
        epoch: int | None,
    ) -> None:
        super().__init__(wire, connection, policy, depth)
        self.codec = codec
        self.epoch = epoch
        run = 1 + secrets.randbits(62)
        self.core = SenderEnd(policy, depth, self._max_age_s, run)

    def send(self, frame: Frame) -> None:
        """Pass a frame on, or drop one by the policy; only ``block`` waits.

        Raises:
            LocalProtocolError: a frame cannot be encoded for the way to another node.
        """
        wire, core = self._wire, self.core
        with wire.lock:
            core.sent += 1
            if self._policy == "block":
                wire.changed.wait_for(lambda: not core.blocks)
            core.offer(frame, wire.clock.monotonic())
            receiver = wire.receiver if wire.source is core else None
        if receiver is not None:
            receiver.wake()
        else:
            wire.pump()

    def finish(self) -> None:
        """No more frames will come; those inside are still delivered. Nothing after close()."""
        with self._wire.lock:
            if self.core.closed:
                return
            self.core.finished = True
            receiver = self._wire.receiver
        if receiver is not None:
            receiver.wake()
        self._wire.pump()

    def receive(self) -> Frame | None:
        """Nothing ever comes out at this end."""
        return None

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Nothing to call ``wake`` for."""

    def close(self) -> None:
        """Discard what no receiver is done with, count it, and let a waiting sender go on."""
        with self._wire.lock:
            self.core.close()
            self._wire.changed.notify_all()

    @property
    def ended(self) -> bool:
        """Whether nothing will ever be sent again."""
        return self.core.closed or self.core.finished

    def figures(self) -> EdgeFigures:
        """The counters, of one moment. A frame counts as received when the other end has it."""
        core, wire = self.core, self._wire
        with wire.lock:
            gone = core.received + core.dropped + core.expired + core.discarded
            return EdgeFigures(
                self._kind,
                self._policy,
                self._depth,
                core.sent,
                core.received,
                core.dropped,
                core.expired,
                core.discarded,
                core.sent - gone,
                wire.queue_ms.summary(),
            )


class Receiver(_End):
    """The receiving end of a connection, for its group."""

    def __init__(
        self,
        wire: Wire,
        connection: Connection,
        policy: Policy,
        depth: int,
        epoch: int | None,
    ) -> None:
        super().__init__(wire, connection, policy, depth)
        self.epoch = epoch
        self.core = ReceiverEnd(policy, depth)
        self.wake: Callable[[], None] = _nobody

    def send(self, frame: Frame) -> None:
        """Nothing goes in at this end; it is counted as discarded.

        Raises:
            ValueError: always.
        """
        message = f"{self._stage}: frame {frame.seq} was sent into the receiving end"
        raise ValueError(message)

    def finish(self) -> None:
        """Only the sending end knows when all was sent."""

    def receive(self) -> Frame | None:
        """The next frame that is not too old; the sender learns that the one before is done."""
        wire, core = self._wire, self.core
        while True:
            with wire.lock:
                source = wire.source
                if source is not None and core.is_empty and wire.receiver is self:
                    now_s = wire.clock.monotonic()
                    held = source.take(now_s)
                    if self._policy == "block":
                        wire.changed.notify()
                    if held is None:
                        return None
                    core.arrived += 1
                    core.received += 1
                    return self._stamped(held.frame, now_s - held.since_s)
                arrived = core.take()
                message = wire.next_grant()
            wire.post(message)
            if arrived is None:
                if source is None or wire.receiver is not self:
                    return None
                continue  # what came from another node is done with
            frame = self._decoded(arrived)
            if frame is not None:
                return frame

    def subscribe(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` from any thread when a frame or the end has come."""
        self.wake = wake

    def close(self) -> None:
        """Discard what is here; the sender keeps it for whoever receives next."""
        self._wire.detach_receiver(self)
        self.wake()

    @property
    def ended(self) -> bool:
        """Whether nothing will ever come again."""
        wire, core = self._wire, self.core
        with wire.lock:
            source = wire.source
            if core.closed or source is None or not core.is_empty or wire.receiver is not self:
                return core.ended
            return source.drained

    def figures(self) -> EdgeFigures:
        """The counters of this end; what has arrived counts as sent."""
        core, wire = self.core, self._wire
        with wire.lock:
            gone = core.received + core.dropped + core.expired + core.discarded
            return EdgeFigures(
                self._kind,
                self._policy,
                self._depth,
                core.arrived,
                core.received,
                core.dropped,
                core.expired,
                core.discarded,
                core.arrived - gone,
                wire.queue_ms.summary(),
            )

    def _decoded(self, arrived: Arrived) -> Frame | None:
        clock = self._wire.clock
        headers = arrived.message.headers
        try:
            age_s, waited_s = (_seconds(headers.get(key)) for key in ("age", "waited"))
            packed = headers.get("frame")
            if not isinstance(packed, dict):
                raise RemoteProtocolError("an edge message without its frame")
            now_s = clock.monotonic()
            frame = decode_frame(packed, arrived.message.body, now_s=now_s, now_wall_s=clock.wall())
        except RemoteProtocolError as error:
            _log.warning("a frame is discarded", extra={"edge": self._stage, "why": str(error)})
            self._count("discarded")
            return None
        # The clocks of the nodes say how long the way was, unless they cannot both be right.
        age_s += now_s - arrived.at_s
        transit_s = now_s - frame.captured_s - age_s
        if not 0 <= transit_s <= TRANSIT_MAX_S:
            transit_s = 0.0
            frame.captured_s = now_s - age_s
        if self._max_age_s and now_s - frame.captured_s > self._max_age_s:
            self._count("expired")
            return None
        self._count("received")
        return self._stamped(frame, waited_s + transit_s + clock.monotonic() - arrived.at_s)

    def _count(self, outcome: Literal["received", "expired", "discarded"]) -> None:
        core = self.core
        with self._wire.lock:
            core.received += outcome == "received"
            core.expired += outcome == "expired"
            core.discarded += outcome == "discarded"

    def _stamped(self, frame: Frame, waited_s: float) -> Frame:
        waited_ms = waited_s * 1000
        self._wire.queue_ms.add(waited_ms)
        return frame.derive(timings=(*frame.timings, Timing(self._stage, "queue", waited_ms)))


def _nobody() -> None:
    return None


def _seconds(value: Value) -> float:
    if type(value) not in (int, float) or not 0 <= cast("float", value) <= 10**9:
        raise RemoteProtocolError("an edge message without a usable time")
    return float(cast("float", value))

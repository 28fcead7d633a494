"""The thin shell around the mesh core: sockets and timers become events, effects become I/O."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId, short_name
from cantor.base.text import printable
from cantor.mesh.effects import (
    CloseLink,
    Dial,
    Effect,
    FactsChanged,
    NodeAlive,
    NodeDead,
    RoutesChanged,
    SetTimer,
    Transmit,
)
from cantor.mesh.events import (
    DialFailed,
    Event,
    LinkDown,
    LinkMeasured,
    LinkUp,
    Received,
    RoutesWanted,
    Started,
    Stopping,
    TimerFired,
    Traffic,
)
from cantor.mesh.plane import NO_PATH
from cantor.mesh.sealed_plane import SealedPlane
from cantor.node.lateness import Lateness
from cantor.node.streams import Streams
from cantor.wire.frame import STREAM_KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.sealing import Seals
    from cantor.mesh.core import MeshCore
    from cantor.mesh.links import Link
    from cantor.transport.links import Links
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer, Value
    from cantor.wire.records import Record

MEASURE_S = 1.0
_OVER_QUOTA = "a neighbour sends much that does not hold: most of it is not even checked any more"
_log = logging.getLogger(__name__)


class MeshDriver:
    """Feeds one mesh core and carries out what it orders, on one event loop.

    ``on_effect`` is told of what concerns the layers above: changed facts, nodes alive and dead.
    ``on_frame`` gets the DataFrames for this node, each from the source that it names;
    ``on_reached(node, address)`` hears which address led to a link.
    """

    def __init__(
        self,
        core: MeshCore,
        clock: Clock,
        seals: Seals,
        *,
        on_effect: Callable[[Effect], None],
        on_frame: Callable[[DataFrame], None],
        on_reached: Callable[[NodeId, str], None],
    ) -> None:
        self._core = core
        self._clock = clock
        self._on_effect = on_effect
        self._on_frame = on_frame
        self._seals = seals
        self._plane = SealedPlane(core.node, core.counters, seals, core.quota)
        self.streams = Streams(self._plane, core.ledger.epoch, clock, self.wake)
        self._on_reached = on_reached
        self._links: Links | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._measure_at = 0.0
        self._lateness = Lateness()
        self._peers: dict[str, NodeId] = {}
        self._turn_is_open = False
        self._dials: set[asyncio.Task[None]] = set()

    def start(self, links: Links) -> None:
        """Begin, over these links; the core knows the time."""
        self._links = links
        self._plane.pass_on = links.pass_on
        self._tick()  # what is sent before the first timer must not count as sent long ago
        self._seals.begin()
        self.post(Started())

    async def stop(self) -> None:
        """Say goodbye to the peers; the links close once that has left. Ends dials under way.

        From then on nothing is carried out and nothing is taken: a peer keeps what this node has
        not taken for its next run.
        """
        self.post(Stopping())
        self._links = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        dials = list(self._dials)
        for dial in dials:
            dial.cancel()
        await asyncio.gather(*dials, return_exceptions=True)

    def post(self, event: Event) -> None:
        """Hand the core one event and carry out its effects."""
        for effect in self._core.handle(event, self._clock.monotonic()):
            self._carry_out(effect)
        self._flush()

    def send(self, frame: DataFrame) -> str:
        """Take a DataFrame of this node to its destination; why not, if it was refused.

        The first in a turn of the event loop leaves at once, what follows in that turn together.
        """
        refusal = self._plane.send(frame)
        if refusal == NO_PATH:
            self.post(RoutesWanted())  # news of links may just not have been looked at
            refusal = self._plane.send(frame)
        self._leave_soon()
        return refusal

    def has_route(self, node: NodeId) -> bool:
        """Whether frames for a node would go anywhere."""
        return self._plane.has_route(node)

    def wake(self) -> None:
        """Streams have something to send."""
        if not self._turn_is_open:
            self._turn_is_open = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _leave_soon(self) -> None:
        if not self._turn_is_open:
            self._turn_is_open = True
            asyncio.get_running_loop().call_soon(self._end_turn)
            self._flush()

    def _end_turn(self) -> None:
        self._turn_is_open = False
        self._flush()

    def status(self) -> dict[str, Value]:
        """The links, what was dropped by reason, whose clocks are ahead, as msgpack types.

        ``ways_moved`` counts how often a node, or bulk to it, came to be reached another way, and
        ``ways_swung`` how often that was the second time in a minute. ``late_s`` are the seconds by
        which this node's timers came late since it started, ``late_worst_s`` those of the latest.
        """
        dropped: dict[str, Value] = {r: n for r, n in sorted(self._core.counters.items()) if n}
        ahead: list[Value] = [
            {**self._about(node), "ahead_s": round(ahead_s, 1)}
            for node, ahead_s in sorted(self._core.clocks_ahead.items())
        ]
        links: list[Value] = [self._link_status(link) for link in self._core.links]
        moved, swung = self._plane.ways_moved
        return {
            "links": links,
            "dropped": dropped,
            "clocks_ahead": ahead,
            "ways_moved": moved,
            "ways_swung": swung,
            "late_s": round(self._lateness.total_s, 3),
            "late_worst_s": round(self._lateness.worst_s, 3),
        }

    def _link_status(self, link: Link) -> dict[str, Value]:
        status = {**self._about(link.peer), "cost": link.cost, "weight": link.metric.weight}
        figures = self._links.figures(link.nonce) if self._links is not None else None
        measured = self._links.measure(link.nonce) if self._links is not None else None
        if measured is not None:
            status["carried_bytes"] = measured.carried_bytes
        if figures is not None:
            status |= {
                "address": figures.address,
                "dialled": figures.dialled,
                "since_s": figures.since_s,
                "control_queued_bytes": figures.control_queued_bytes,
                "bulk_queued_bytes": figures.bulk_queued_bytes,
                "waiting_bytes": self._plane.waiting_bytes(link.nonce),
            }
        return status

    def _about(self, node: NodeId) -> dict[str, Value]:
        """Who it is, and where: its facts may be refused, so that only its link may tell."""
        about = self._core.ledger.get(node, "node")
        known = about if isinstance(about, dict) else {}
        nonce = next((link.nonce for link in self._core.links if link.peer == node), "")
        figures = self._links.figures(nonce) if self._links is not None else None
        addresses = known.get("addresses")
        told = next(iter(addresses), "") if isinstance(addresses, list) else ""
        return {
            "peer": node,
            "name": printable(str(known.get("name") or short_name(node))),
            "address": figures.address if figures is not None else str(told),
        }

    def link_up(self, peer: PeerIdentity, nonce: str, address: str, *, dialled: bool) -> None:
        _log.info("link up", extra={"peer": short_name(peer.node_id), "address": address})
        self._peers[nonce] = peer.node_id
        self._plane.link_up(peer.node_id, nonce)
        self.post(LinkUp(peer.node_id, nonce, dialled))
        if dialled:  # after the core knows of the link: it dials whom it has none with
            self._on_reached(peer.node_id, address)

    def link_down(self, peer: PeerIdentity, nonce: str, reason: str) -> None:
        _log.info("link down", extra={"peer": short_name(peer.node_id), "reason": reason})
        self._peers.pop(nonce, None)
        self._plane.link_down(nonce)
        self.post(LinkDown(peer.node_id, nonce, reason))

    def bulk_lost(self, nonce: str) -> None:
        self._plane.connection_lost(nonce, "bulk")
        self._flush()

    def records_received(self, nonce: str, records: list[Record]) -> None:
        if self._links is None:
            return
        for frame in self._plane.received(nonce, records):
            self.post(Received(self._peers[nonce], frame))
        if not self._plane.delivered and not self._plane.dirty:
            return  # passed on already
        was_open, self._turn_is_open = self._turn_is_open, True  # answers leave together below
        try:
            self._flush()
        finally:
            self._turn_is_open = was_open

    def take_bulk_wish(self, nonce: str) -> bool:
        return self._plane.take_bulk_wish(nonce)

    def take(
        self, nonce: str, name: str, channels: tuple[int, ...], room: int, chunk: int
    ) -> list[Buffer]:
        if self.streams.is_active:
            self.streams.fill()
        return self._plane.take(nonce, name, channels, room, chunk)

    def _flush(self) -> None:
        """Hand over what has arrived, then let everything leave that has room."""
        plane = self._plane
        while True:
            for frame in plane.take_delivered() if plane.delivered else ():
                if frame.kind in STREAM_KINDS and frame.destination == self._core.node:
                    self.streams.received(frame)
                elif frame.kind == Kind.DATA:
                    self._on_frame(frame)
                else:
                    self._core.counters["unknown_kind"] += 1
            if self.streams.is_stirred:
                self.streams.fill()
            if not plane.delivered:  # but for what this node says to itself
                break
        if plane.dirty and self._links is not None:
            for nonce in plane.take_dirty():
                self._links.pump(nonce)

    def _carry_out(self, effect: Effect) -> None:
        if self._links is None:
            return
        match effect:
            case Transmit(_, frame, nonce):
                self._plane.transmit(nonce, frame)
            case RoutesChanged():
                self.streams.ways_changed(self._plane.routes_changed(effect))
            case SetTimer(name, at):
                self._set_timer(name, at)
            case Dial(node, addresses):
                self._dial(node, addresses)
            case CloseLink(_, nonce, reason):
                self._links.close_link(nonce, reason)
            case FactsChanged() | NodeAlive() | NodeDead():
                self._tell(effect)

    def _tell(self, effect: FactsChanged | NodeAlive | NodeDead) -> None:
        if isinstance(effect, FactsChanged):
            for fact in effect.facts:
                if fact.name == "node":
                    self._seals.heard_epoch(fact.owner, fact.epoch)
        self._on_effect(effect)

    def _set_timer(self, name: str, at: float) -> None:
        old = self._timers.pop(name, None)
        if old is not None:
            old.cancel()
        delay_s = max(0.0, at - self._clock.monotonic())
        loop = asyncio.get_running_loop()
        self._timers[name] = loop.call_later(delay_s, self._timer_fired, name, at)

    def _timer_fired(self, name: str, at: float) -> None:
        self._timers.pop(name, None)
        self._lateness.note(self._clock.monotonic() - at)
        if self._links is not None:
            self._links.rest(self._clock.monotonic())
        self._tick()
        self._plane.send_seals()
        heard, carried = self._plane.take_traffic()
        self.post(Traffic(heard, carried, self._acknowledged()))
        self.post(TimerFired(name))
        self._measure(carried)
        for peer in self._core.quota.take_spent():
            _log.warning(_OVER_QUOTA, extra={"peer": short_name(peer)})

    def _tick(self) -> None:
        now = self._clock.monotonic()
        self._plane.tick(now)
        self._seals.tick(now)
        self.streams.tick(now)

    def _acknowledged(self) -> frozenset[NodeId]:
        """The neighbours whose systems answer, whatever their agents do."""
        links = self._links
        if links is None:
            return frozenset()
        return frozenset(x.peer for x in self._core.links if links.is_acknowledged(x.nonce))

    def _measure(self, carried: frozenset[NodeId]) -> None:
        """Look at links with traffic each time, and hand the core all of them once a second."""
        now = self._clock.monotonic()
        if self._links is None:
            return
        is_due = now >= self._measure_at
        if is_due:
            self._measure_at = now + MEASURE_S
        for link in self._core.links:
            if not is_due and link.peer not in carried:
                continue
            measured = self._links.measure(link.nonce)
            if measured is not None and is_due:
                self.post(
                    LinkMeasured(
                        link.peer,
                        link.nonce,
                        measured.rtt_s,
                        measured.loss,
                        measured.bytes_per_s,
                        measured.carried_bytes,
                        measured.rtt_least_s,
                    )
                )

    def _dial(self, node: NodeId, addresses: tuple[str, ...]) -> None:
        task = asyncio.ensure_future(self._try_dial(node, addresses))
        self._dials.add(task)
        task.add_done_callback(self._dials.discard)

    async def _try_dial(self, node: NodeId, addresses: tuple[str, ...]) -> None:
        if self._links is None:
            return
        try:
            await self._links.dial(addresses, node)
        except CantorError as error:
            _log.info("dial failed", extra={"peer": short_name(node), "reason": str(error)})
            self.post(DialFailed(node))

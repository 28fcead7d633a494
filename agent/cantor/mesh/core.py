"""The mesh of one node as a state machine.

How a driver uses it:

1. Persist an epoch greater than the last, then make a ``Ledger`` and a ``MeshCore``.
2. Call ``handle(event, now)`` from one thread, with ``now`` in monotonic seconds, and carry out
   the effects in their order. The first event is ``Started``, the last ``Stopping``.
3. For each connection: TLS, then hellos (``cantor.wire``), then ``LinkUp`` with the nonce as
   ``link``; exactly one ``LinkDown`` when it ends, also after a CloseLink. Two connections to one
   peer may be up for a moment; the core closes the one that both sides agree to drop.
4. Every later frame of a kind below 16 is a ``Received`` with the authenticated peer, not the
   frame's source; all others go to the data plane, whose traffic is told by ``Traffic`` before
   each tick, and which is told of ``RoutesChanged``.
5. Answer every ``Dial`` with ``LinkUp`` or ``DialFailed``.
6. ``handle`` raises LocalProtocolError for a wrong local event. Bad frames from a peer raise
   nothing: the core closes that link.
7. When ``ledger.epoch`` has grown past the persisted one, persist it.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.clock import HybridClock, seconds_ahead
from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger import sync
from cantor.ledger.facts import Batch
from cantor.mesh.dialling import Dialling, Randomness
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
    LinkUp,
    LocalFact,
    PeerSeen,
    Received,
    RoutesWanted,
    Started,
    Stopping,
    TimerFired,
    Traffic,
)
from cantor.mesh.links import BEAT_IDLE_S, BEATS_MISSED_MAX, STALL_S, Link, Links
from cantor.mesh.routes import Routes
from cantor.wire.frame import DataFrame, Kind, Value

if TYPE_CHECKING:
    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger

TICK = "tick"
TICK_S = 0.1
DIGEST_S = 5.0
CLOCKS_AHEAD_MAX = 64


class MeshCore:
    """Links, liveness, routes and the flood of facts of ``node``. See the module for its use.

    ``wall_offset_s`` is wall time minus the time of ``now``: stamps follow the wall clock, and
    facts stamped more than 60 s ahead of it are refused. Set it anew when the wall clock is set.
    ``counters`` holds what was dropped, by reason; ``clocks_ahead`` the owners whose facts are
    refused because of their stamps, with the seconds by which the newest of them was ahead.
    """

    def __init__(
        self,
        node: NodeId,
        mesh: str,
        ledger: Ledger,
        randomness: Randomness,
        *,
        wall_offset_s: float = 0.0,
    ) -> None:
        self.node = node
        self.ledger = ledger
        self._mesh = mesh
        self.wall_offset_s = wall_offset_s
        self.counters: Counter[str] = Counter()
        self.clocks_ahead: dict[NodeId, float] = {}
        self._clock = HybridClock()
        self._links = Links(node)
        self._dialling = Dialling(randomness)
        self._routes = Routes(node)
        self._told = RoutesChanged({}, {}, frozenset())
        self._lasting: set[str] = set()
        self._tick_at = 0.0
        self._digest_at = 0.0
        self._effects: list[Effect] = []

    @property
    def alive(self) -> tuple[NodeId, ...]:
        """The other nodes that can be reached, in order."""
        return tuple(sorted(self._routes.first_hops))

    @property
    def links(self) -> tuple[Link, ...]:
        """The links that are up, by peer; to look at only."""
        return tuple(self._links.ordered())

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; return what must be done."""
        self._effects = []
        match event:
            case Started():
                self._next_tick(now)
                self._publish_links(now)
            case TimerFired(name):
                if name == TICK:
                    self._tick(now)
            case LocalFact(name, value, lasting):
                published = self.ledger.publish({name: value}, self._hlc(now))
                if lasting:
                    self._lasting.add(name)
                self._spread(*_as_lists(published))
            case RoutesWanted():
                if self._routes.are_stale:
                    self._reroute()
            case Traffic(heard, carried):
                self._traffic(heard, carried, now)
            case Stopping():
                self._stop(now)
            case _:
                self._handle_peer(event, now)
        return self._effects

    def _handle_peer(
        self, event: LinkUp | LinkDown | Received | PeerSeen | DialFailed, now: float
    ) -> None:
        match event:
            case LinkUp():
                self._link_up(event, now)
            case LinkDown(peer, link, _):
                self._link_down(peer, link, now)
            case Received(peer, frame):
                self._received(peer, frame, now)
            case PeerSeen(node, mesh, addresses):
                if mesh == self._mesh and node != self.node:
                    self._dialling.seen(node, addresses, now)
                    self._dial(now)
            case DialFailed(node):
                self._dialling.lost(node, now)

    def _traffic(self, heard: frozenset[NodeId], carried: frozenset[NodeId], now: float) -> None:
        for link in self._links.ordered():
            if link.peer in heard:
                link.heard(now)
            if link.peer in carried:
                link.data_at = now

    def _hlc(self, now: float) -> int:
        return self._clock.tick(now + self.wall_offset_s)

    def _link_up(self, event: LinkUp, now: float) -> None:
        silent_at = now + BEATS_MISSED_MAX * BEAT_IDLE_S
        link = Link(event.peer, event.link, event.dialled, event.cost, silent_at)
        closed = self._links.add(link)
        self._dialling.linked(event.peer)
        if closed is not None:
            self._effects.append(CloseLink(event.peer, closed, "another link took its place"))
        if closed != event.link:
            self._publish_links(now)
            self._digest(link)

    def _link_down(self, peer: NodeId, nonce: str, now: float) -> None:
        if self._links.remove(peer, nonce):
            self._dialling.lost(peer, now)
            self._publish_links(now)

    def _publish_links(self, now: float) -> None:
        rows: list[Value] = [[link.peer, link.cost] for link in self._links.ordered()]
        self._spread(*_as_lists(self.ledger.publish({"links": rows}, self._hlc(now))))

    def _tick(self, now: float) -> None:
        if now - self._tick_at > STALL_S:
            self._links.widen(now - self._tick_at)
        for link in self._links.ordered():
            if now >= link.silent_at:
                self._effects.append(CloseLink(link.peer, link.nonce, "it went silent"))
                self._link_down(link.peer, link.nonce, now)
            elif now >= link.beat_at:
                link.beat_at = now + link.beat_s(now) - TICK_S / 2
                beat_ms = int(1000 * link.beat_s(now))
                self._transmit(link, Kind.HEARTBEAT, {"beat_ms": beat_ms})
        if now >= self._digest_at:
            self._digest_at = now + DIGEST_S
            for link in self._links.ordered():
                self._digest(link)
        if self._routes.are_stale:
            self._reroute()
        self._dial(now)
        self._next_tick(now)

    def _next_tick(self, now: float) -> None:
        self._tick_at = now + TICK_S
        self._effects.append(SetTimer(TICK, self._tick_at))

    def _dial(self, now: float) -> None:
        linked = {link.peer for link in self._links.ordered()}
        self._effects += [Dial(*due) for due in self._dialling.due(linked, now)]

    def _transmit(
        self, link: Link, kind: Kind, headers: dict[str, Value], body: tuple[bytes, ...] = ()
    ) -> None:
        frame = DataFrame(kind, self.node, link.peer, priority=0, ttl=1, headers=headers, body=body)
        self._effects.append(Transmit(link.peer, frame, link.nonce))

    def _digest(self, link: Link) -> None:
        self._transmit(link, Kind.DIGEST, sync.root(self.ledger))

    def _received(self, peer: NodeId, frame: DataFrame, now: float) -> None:
        link = self._links.get(peer)
        if link is None:
            return
        link.heard(now)
        try:
            match frame.kind:
                case Kind.HEARTBEAT:
                    beat_ms = frame.headers.get("beat_ms")
                    if isinstance(beat_ms, int) and 50 <= beat_ms <= 5000:
                        link.peer_beat_s = beat_ms / 1000
                case Kind.FACTS:
                    self._facts(peer, frame, now)
                case Kind.DIGEST:
                    messages, batches = sync.answer(self.ledger, frame.headers)
                    for message in messages:
                        self._transmit(link, Kind.DIGEST, message)
                    self._send_batches(link, batches)
                case Kind.HELLO | Kind.HELLO_ACK:
                    raise RemoteProtocolError("a second hello")
                case _:
                    self.counters["unknown_kind"] += 1
        except RemoteProtocolError as error:
            self._effects.append(CloseLink(peer, link.nonce, str(error)))
            self._link_down(peer, link.nonce, now)

    def _facts(self, peer: NodeId, frame: DataFrame, now: float) -> None:
        if len(frame.body) % 3:
            raise RemoteProtocolError("facts without signature or certificate")
        owners = frame.headers.get("owners")
        if not isinstance(owners, list) or 3 * len(owners) != len(frame.body):
            raise RemoteProtocolError("facts without owners")
        flood: list[Batch] = []
        changed: list[Fact] = []
        try:
            for index, owner in enumerate(owners):
                parts = [bytes(part) for part in frame.body[3 * index : 3 * index + 3]]
                batch = Batch(NodeId(str(owner)), *parts)
                try:
                    batches, facts = self.ledger.merge(
                        batch, self._hlc(now), observe=partial(self._observe, batch.owner, now)
                    )
                except _AheadError:  # the neighbour that passes it on does nothing wrong
                    self.counters["facts_ahead"] += 1
                    continue
                flood += batches
                changed += facts
        finally:  # what was kept before a bad batch must be spread and routed by all the same
            self._spread(flood, changed, heard_from=peer)

    def _observe(self, owner: NodeId, now: float, stamp: int) -> None:
        wall_s = now + self.wall_offset_s
        try:
            self._clock.observe(stamp, wall_s)
        except RemoteProtocolError as error:
            if owner in self.clocks_ahead or len(self.clocks_ahead) < CLOCKS_AHEAD_MAX:
                self.clocks_ahead[owner] = seconds_ahead(stamp, wall_s)
            raise _AheadError from error
        self.clocks_ahead.pop(owner, None)

    def _spread(
        self, batches: list[Batch], facts: list[Fact], heard_from: NodeId | None = None
    ) -> None:
        if not facts:
            return
        self._effects.append(FactsChanged(tuple(facts)))
        for link in self._links.ordered():
            spread = [b for b in batches if link.peer != heard_from or b.owner == self.node]
            self._send_batches(link, spread)
        for fact in facts:
            if fact.name == "links":
                self._routes.changed(fact.owner, fact.value)
        if any(fact.name == "links" and fact.owner == self.node for fact in facts):
            self._reroute()  # what others report waits for the tick, so that a burst costs one run

    def _send_batches(self, link: Link, batches: list[Batch]) -> None:
        for start in range(0, len(batches), 16):
            some = batches[start : start + 16]
            body = tuple(p for b in some for p in (b.data, b.signature, b.certificate))
            self._transmit(link, Kind.FACTS, {"owners": [b.owner for b in some]}, body)

    def _reroute(self) -> None:
        links = self._links.ordered()
        appeared, gone = self._routes.renew({link.peer: link.cost for link in links})
        nonces = {link.peer: link.nonce for link in links}
        changed = RoutesChanged(nonces, self._routes.first_hops, frozenset(nonces))
        if changed != self._told:
            self._told = changed
            self._effects.append(changed)
        self._effects += [NodeAlive(node) for node in appeared]
        self._effects += [NodeDead(node) for node in gone]

    def _stop(self, now: float) -> None:
        withdrawn = self.ledger.depart(self._hlc(now), keep=self._lasting)
        if withdrawn is not None:
            self._spread(*_as_lists(withdrawn))
        for link in self._links.ordered():
            self._effects.append(CloseLink(link.peer, link.nonce, "this node stops"))


class _AheadError(Exception):
    """Facts from a clock that is too far ahead."""


def _as_lists(published: tuple[Batch, list[Fact]]) -> tuple[list[Batch], list[Fact]]:
    return [published[0]], published[1]

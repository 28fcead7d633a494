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
   each timer, and which is told of ``RoutesChanged``. About once a second ``LinkMeasured`` tells
   what the system knows of each link.
5. Answer every ``Dial`` with ``LinkUp`` or ``DialFailed``.
6. ``handle`` raises LocalProtocolError for a wrong local event. Bad frames from a peer raise
   nothing: the core closes that link.
7. When ``ledger.epoch`` has grown past the persisted one, persist it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.mesh.cost import cost_after
from cantor.mesh.dialling import Dialling, Randomness
from cantor.mesh.effects import CloseLink, Dial, Effect, SetTimer
from cantor.mesh.events import (
    DaySaid,
    DialFailed,
    Event,
    LinkDown,
    LinkMeasured,
    LinkUp,
    LocalFact,
    PeerSeen,
    Received,
    RoutesWanted,
    Started,
    Stopping,
    TimerFired,
    Traffic,
    TrustLost,
)
from cantor.mesh.exchange import Exchange
from cantor.mesh.links import (
    BEAT_IDLE_S,
    BEAT_TOGETHER_S,
    BEATS_MISSED_MAX,
    STALL_S,
    Link,
    Links,
)
from cantor.mesh.pace import NEVER, Pace
from cantor.mesh.routes import Routes
from cantor.mesh.settings import MeshSettings
from cantor.mesh.surplus import REST_S, Surplus
from cantor.wire.frame import DataFrame, Kind, Value

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.ledger.ledger import Ledger
    from cantor.mesh.graph import Graph

TICK = "tick"
TIMER_GRAIN_S = 0.001
ANNOUNCE_S = 0.1
ANNOUNCE_MAX_S = 0.5


class MeshCore:
    """Links, liveness, routes and the spread of facts of ``node``. See the module for its use.

    ``wall_offset_s`` is wall time minus the time of ``now``: stamps follow the wall clock, and
    facts stamped more than 60 s ahead of it are refused. Set it anew when the wall clock is set.
    ``counters`` holds what was dropped, by reason; ``clocks_ahead`` the owners whose facts are
    refused because of their stamps, with the seconds by which the newest of them was ahead.
    ``quota`` bounds what neighbours can make this node verify in vain.
    """

    def __init__(
        self,
        node: NodeId,
        mesh: str,
        ledger: Ledger,
        randomness: Randomness,
        *,
        wall_offset_s: float = 0.0,
        settings: MeshSettings | None = None,
    ) -> None:
        self.node = node
        self.ledger = ledger
        self._mesh = mesh
        self.counters: Counter[str] = Counter()
        self._links = Links(node)
        self._settings = settings or MeshSettings()
        self._dialling = Dialling(randomness, self._settings)
        self._routes = Routes(node)
        self._surplus = Surplus(node, self._settings, self._routes.graph)
        self._out: list[Effect] = []
        self._exchange = Exchange(
            node, ledger, self._routes, self.counters, self._out, wall_offset_s=wall_offset_s
        )
        self.clocks_ahead = self._exchange.reader.clocks_ahead
        self.quota = self._exchange.reader.quota
        self._announcing = Pace(ANNOUNCE_S, ANNOUNCE_MAX_S)
        self._wakes_at = NEVER

    @property
    def alive(self) -> tuple[NodeId, ...]:
        """The other nodes that can be reached, in order."""
        return tuple(sorted(self._routes.alive))

    @property
    def links(self) -> tuple[Link, ...]:
        """The links that are up, by peer; to look at only."""
        return tuple(self._links.ordered())

    @property
    def graph(self) -> Graph:
        """What this node knows of all links; to look at only."""
        return self._routes.graph

    def stamp(self, now: float) -> int:
        """A new stamp of this node's hybrid clock, later than all that it has heard."""
        return self._exchange.reader.stamp(now)

    @property
    def is_settled(self) -> bool:
        """Whether routes and announcements stand for all that this node knows."""
        return self._routes.pace.due_at == NEVER and self._announcing.due_at == NEVER

    @property
    def wall_offset_s(self) -> float:
        """Wall time minus the time of ``now``."""
        return self._exchange.reader.wall_offset_s

    @wall_offset_s.setter
    def wall_offset_s(self, offset_s: float) -> None:
        self._exchange.reader.wall_offset_s = offset_s

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take one event; return what must be done."""
        self._out.clear()
        match event:
            case Received():  # by far the most
                self._received(event.peer, event.frame, now)
            case TimerFired():
                if event.name == TICK:
                    self._woken(now)
            case Traffic():
                self._traffic(event, now)
            case Started():
                self._surplus.changed(now)
            case LocalFact(name, value, lasting):
                self._exchange.publish(name, value, now, lasting=lasting)
            case RoutesWanted():
                self._routes.wanted(now)
            case Stopping():
                self._stop(now)
                return list(self._out)
            case _:
                self._handle_rare(event, now)
        self._settle(now)
        return list(self._out)

    def _handle_rare(
        self,
        event: LinkUp | LinkDown | LinkMeasured | PeerSeen | DialFailed | TrustLost | DaySaid,
        now: float,
    ) -> None:
        match event:
            case LinkUp():
                self._link_up(event, now)
            case LinkDown(peer, nonce, _):
                self._link_down(peer, nonce, now)
            case LinkMeasured(peer, nonce):
                link = self._links.get(peer)
                if link is not None and link.nonce == nonce and link.metric.measured(event, now):
                    self._announcing.ask(now)
            case PeerSeen(node, mesh, addresses, is_near):
                if mesh == self._mesh and node != self.node:
                    self._dialling.seen(node, addresses, now, is_near=is_near)
            case DialFailed(node):
                self._dialling.failed(node, now)
            case TrustLost(certificates):
                self._exchange.forget(certificates, now)
            case DaySaid(day):
                self._exchange.begin_day(day, now)

    def _traffic(self, event: Traffic, now: float) -> None:
        for link in self._links.ordered():
            if link.peer in event.heard:
                self._hear(link, now)
            if link.peer in event.carried:
                link.data_at = now
            if link.peer in event.acknowledged:
                link.acknowledged_at = now

    def _hear(self, link: Link, now: float) -> None:
        link.heard(now)
        if link.is_stalled:
            link.is_stalled = False
            self._announcing.ask(now)
            self._routes.pace.ask(now)

    def _link_up(self, event: LinkUp, now: float) -> None:
        known = self._links.get(event.peer)
        if known is None and self._is_full_for(event.peer, is_dialled=event.dialled):
            reason = f"this node has {len(self.links)} links and that one is reached without it"
            self._out.append(CloseLink(event.peer, event.link, reason))
            self.counters["links_refused"] += 1
            return
        silent_at = now + BEATS_MISSED_MAX * BEAT_IDLE_S
        before = known.metric if known is not None else None
        metric = cost_after(before, event.cost, self._weight_of(event.peer))
        link = Link(
            event.peer, event.link, event.dialled, metric, silent_at, up_at=now, heard_at=now
        )
        closed = self._links.add(link)
        self._dialling.linked(event.peer, now)
        if closed is not None:
            self._out.append(CloseLink(event.peer, closed, "another link took its place"))
        if closed != event.link:
            if known is None or known.cost != link.cost:
                self._announcing.ask(now, after_s=ANNOUNCE_S)
            self._exchange.spreading.opened(link, now)
            self._routes.pace.hurry(now)
            self._surplus.changed(now)

    def _weight_of(self, peer: NodeId) -> float:
        return self._settings.weight_of(peer, self.ledger.get(peer, "node"))

    def _weigh(self, now: float) -> None:
        """Names that weights are given for may have become known."""
        for link in self._links.ordered():
            if link.metric.weigh(self._weight_of(link.peer)):
                self._announcing.ask(now)
                self._routes.pace.ask(now)

    def _is_full_for(self, peer: NodeId, *, is_dialled: bool) -> bool:
        """Whether a link with this peer is one too many; somebody apart is always let in.

        Of two that have enough each was apart from the other, and others were faster to link.
        """
        settings, links = self._settings, len(self._links.ordered())
        if peer not in self._routes.alive:
            return links >= 2 * settings.links_hard_max
        has_enough = is_dialled or self._routes.graph.degree(peer) >= settings.links_wanted
        return links >= (settings.links_max if has_enough else settings.links_hard_max)

    def _link_down(self, peer: NodeId, nonce: str, now: float) -> None:
        link = self._links.get(peer)
        if link is not None and self._links.remove(peer, nonce):
            rest_s = REST_S if link.is_parting else 0.0
            self._dialling.lost(peer, now, rest_s=rest_s, cost=link.metric.announced)
            self._exchange.spreading.closed(peer, now)
            if link.is_parting:
                self._announcing.ask(now)
            else:
                self._announcing.ask_soon(now)  # who may be dead must not wait behind costs
            self._routes.pace.hurry(now)
            self._surplus.changed(now)

    def _announce(self, now: float) -> None:
        self._announcing.ran(now)
        rows: list[Value] = [
            [link.peer, link.cost, link.metric.details()] for link in self._links.ordered()
        ]
        self._exchange.publish("links", rows, now)

    def _woken(self, now: float) -> None:
        late_s = now - self._wakes_at
        if late_s > STALL_S:
            self._links.widen(late_s, now)
        self._wakes_at = NEVER
        for link in list(self._links.ordered()):
            if now >= link.silent_at:
                self._silent(link, now)
            elif now >= link.beat_at - BEAT_TOGETHER_S:
                self._beat(link, now)
        self._links.renew_due()

    def _beat(self, link: Link, now: float, *, is_answer: bool = False) -> None:
        beat_ms = int(1000 * link.beat(now, is_answer=is_answer))
        self._exchange.transmit(link, Kind.HEARTBEAT, {"beat_ms": beat_ms})

    def _silent(self, link: Link, now: float) -> None:
        is_news = not link.is_stalled
        if not link.waits(now):
            self._out.append(CloseLink(link.peer, link.nonce, "it went silent"))
            self._link_down(link.peer, link.nonce, now)
        elif is_news:
            link.is_stalled = True
            self._announcing.ask(now)
            self._routes.pace.ask_soon(now)
        if is_news and link.dialled:
            self._out += [Dial(*dial) for dial in self._dialling.beside(link.peer)]

    def _settle(self, now: float) -> None:
        """Do what is due, and be woken for what is due next."""
        wake = self._next_due()
        if wake <= now:
            self._do_due(now)
            wake = self._next_due()
        wake = min(wake, self._links.due_at)
        if wake < self._wakes_at - TIMER_GRAIN_S:
            self._wakes_at = max(wake, now + TIMER_GRAIN_S)
            self._out.append(SetTimer(TICK, self._wakes_at))

    def _next_due(self) -> float:
        return min(
            self._announcing.due_at,
            self._routes.pace.due_at,
            self._exchange.next_due(),
            self._dialling.next_due,
            self._surplus.next_due,
        )

    def _do_due(self, now: float) -> None:
        if self._surplus.next_due <= now:
            self._part(now)
        if self._announcing.due_at <= now:
            self._announce(now)
        if self._routes.pace.due_at <= now:
            alive = self._routes.alive
            self._out += self._routes.renew(self.links, self._exchange.spreading.tree, now)
            if self._routes.alive is not alive:
                self._dialling.next_due = now
        if self._dialling.next_due <= now:
            due = self._dialling.due(self._routes.alive, self._routes.graph.degree, now)
            self._out += [Dial(*dial) for dial in due]
        if self._exchange.next_due() <= now:
            self._exchange.do_due(self._links.ordered(), now)

    def _part(self, now: float) -> None:
        """Give up links that are more than enough, where the peer agrees."""
        asked, has_changed = self._surplus.step(self._links.ordered(), now)
        if has_changed:
            self._announcing.ask(now)
            self._routes.pace.ask(now)
        for link in asked:
            beat_ms = int(1000 * link.beat_s(now))
            self._exchange.transmit(link, Kind.HEARTBEAT, {"beat_ms": beat_ms, "part": True})

    def _received(self, peer: NodeId, frame: DataFrame, now: float) -> None:
        link = self._links.get(peer)
        if link is None:
            return
        self._hear(link, now)
        try:
            match frame.kind:
                case Kind.HEARTBEAT:
                    self._beaten(link, frame, now)
                case Kind.FACTS:
                    self._exchange.read(peer, frame, now)
                    if self._settings.weights:
                        self._weigh(now)
                case Kind.DIGEST:
                    self._exchange.compare(link, frame, now)
                case Kind.HELLO | Kind.HELLO_ACK:
                    raise RemoteProtocolError("a second hello")
                case _:
                    self.counters["unknown_kind"] += 1
        except RemoteProtocolError as error:
            self._out.append(CloseLink(peer, link.nonce, str(error)))
            self._link_down(peer, link.nonce, now)

    def _beaten(self, link: Link, frame: DataFrame, now: float) -> None:
        beat_ms = frame.headers.get("beat_ms")
        if isinstance(beat_ms, int) and 50 <= beat_ms <= 5000:
            link.promised(beat_ms / 1000, now)
        wants_to_part = frame.headers.get("part") is True
        if wants_to_part and self._surplus.agrees(link, len(self._links.ordered()), now):
            link.is_parting = True
            self._out.append(CloseLink(link.peer, link.nonce, "both ends have enough links"))
            self._link_down(link.peer, link.nonce, now)
        elif link.peer < self.node and link.is_to_answer(now):
            self._beat(link, now, is_answer=True)

    def _stop(self, now: float) -> None:
        links = self._links.ordered()
        self._exchange.leave(links, now)
        self._out += [CloseLink(x.peer, x.nonce, "this node stops") for x in links]

"""The mesh cores of many nodes on a virtual network: the same seed gives the same run."""

# ruff: noqa: S311
from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import CloseLink, Dial, NodeDead, RoutesChanged, SetTimer, Transmit
from cantor.mesh.events import (
    DialFailed,
    Event,
    LinkDown,
    LinkUp,
    PeerSeen,
    Received,
    RoutesWanted,
    Started,
    TimerFired,
    Traffic,
)
from cantor.mesh.plane import DataPlane
from cantor.wire import DataFrame, Kind
from cantor.wire.records import RecordReader

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.mesh.effects import Effect

DELAY_MIN_S, DELAY_SPREAD_S, JITTER_S = 0.001, 0.015, 0.008
DUPLICATED = 0.1
FORGED = "forged"
TTL = 255


@dataclass(slots=True)
class Line:
    """One connection: its delays, and when its last frame arrives in each direction."""

    random: Random
    base_s: float
    arrives: dict[NodeId, float]

    def arrival(self, to: NodeId, now: float) -> float:
        """When a frame written now arrives; a line keeps the order of its frames."""
        at = now + self.base_s + self.random.random() * JITTER_S
        self.arrives[to] = max(at, self.arrives[to] + 1e-6)
        return self.arrives[to]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A frame in flight on one connection; it is lost if that has ended meanwhile."""

    link: str
    received: Received


@dataclass(frozen=True, slots=True)
class Data:
    """Bytes of the data plane in flight on one connection, whole records at a time."""

    link: str
    peer: NodeId
    data: bytes


@dataclass(frozen=True, slots=True)
class Send:
    """A node takes a DataFrame of its own to its destination."""

    frame: DataFrame


class World:
    """``nodes`` nodes with links ``steps`` apart on a circle, and the network between them."""

    def __init__(
        self, nodes: int, seed: int, *, steps: tuple[int, ...] | None = None, is_line: bool = False
    ) -> None:
        self.steps, self.is_line = steps or (1, nodes // 3 + 1), is_line
        self.now = 0.0
        self.seed = seed
        self.links, self.faults = Random(f"{seed}-links"), Random(f"{seed}-faults")
        self.traffic, self.duplicates = Random(f"{seed}-traffic"), Random(f"{seed}-duplicates")
        self.fired: Counter[str] = Counter()
        self.ids = [
            NodeId(hashlib.sha256(f"{seed} {i}".encode()).hexdigest()[:32]) for i in range(nodes)
        ]
        self.cores: dict[NodeId, MeshCore] = {}
        self.planes: dict[NodeId, DataPlane] = {}
        self.epochs = dict.fromkeys(self.ids, 0)
        self.lives = dict.fromkeys(self.ids, 0)
        self.cut: set[frozenset[NodeId]] = set()
        self.open: dict[tuple[frozenset[NodeId], str], Line] = {}
        self.forgers: set[NodeId] = set()
        self.heard: list[DataFrame] = []
        self.delivered: list[tuple[NodeId, NodeId, int]] = []
        self.dead_seen: dict[NodeId, dict[NodeId, float]] = {}
        self._heap: list[tuple[float, int, NodeId, int, Event | Arrival | Data | Send]] = []
        self._sequence = 0
        self.timers: dict[tuple[NodeId, str], float] = {}
        self._digest = hashlib.sha256()
        for node in self.ids:
            self.start(node)

    @property
    def digest(self) -> str:
        """The hash of everything that happened."""
        return self._digest.hexdigest()

    def start(self, node: NodeId, *, remembers: bool = True) -> None:
        """Start a node, or start it again with or without its epoch."""
        self.lives[node] += 1
        self.epochs[node] = self.epochs[node] + 1 if remembers else 1
        ledger = Ledger(
            node, epoch=self.epochs[node], sign=node_sign(node), certificate=b"", verify=verify
        )
        self.cores[node] = MeshCore(node, "m", ledger, Random(f"{node} {self.lives[node]}"))
        self.planes[node] = DataPlane(node, self.cores[node].counters)
        self.post(0.0, node, Started())
        index, count = self.ids.index(node), len(self.ids)
        for place in [index + sign * step for step in self.steps for sign in (1, -1)]:
            if not self.is_line or 0 <= place < count:
                self.post(0.01, node, PeerSeen(self.ids[place % count], "m", ("virtual:1",)))

    def stop(self, node: NodeId) -> None:
        """Take a node's power away; its peers see the connections close."""
        self.lives[node] += 1
        del self.cores[node]
        for pair, nonce in [key for key in self.open if node in key[0]]:
            self.close(pair, nonce)

    def post(self, delay_s: float, node: NodeId, event: Event | Arrival | Data | Send) -> None:
        """Let something happen to this life of a node later."""
        self._sequence += 1
        entry = (self.now + delay_s, self._sequence, node, self.lives[node], event)
        heapq.heappush(self._heap, entry)

    def close(self, pair: frozenset[NodeId], nonce: str) -> None:
        """End a connection on both sides."""
        if self.open.pop((pair, nonce), None) is None:
            return
        for side in sorted(pair & self.cores.keys()):
            (peer,) = pair - {side}
            self.post(0.02, side, LinkDown(peer, nonce))

    def break_one(self, random: Random) -> None:
        """Reset one connection; the frames in flight on it are lost."""
        if self.open:
            self.close(*random.choice(sorted(self.open, key=lambda key: (sorted(key[0]), key[1]))))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, node, life, event = heapq.heappop(self._heap)
            if node in self.cores and life == self.lives[node]:
                self._digest.update(f"{self.now} {node} {_brief(event)}".encode())
                self._arrive(node, event)
        self.now = until

    def _arrive(self, node: NodeId, event: Event | Arrival | Data | Send) -> None:
        if isinstance(event, Arrival):
            pair = frozenset((node, event.received.peer))
            if (pair, event.link) not in self.open or pair in self.cut:
                self.fired["lost in flight"] += 1
                return
            event = event.received
        if isinstance(event, Received) and node in self.forgers:
            self.heard += [event.frame] if event.frame.kind == Kind.FACTS else []
        if isinstance(event, Data):
            self._bring(node, event)
            return
        if isinstance(event, Send):
            if not self.planes[node].has_route(event.frame.destination):
                self._step(node, RoutesWanted())
            self.planes[node].send(event.frame)
            self._flush(node)
        else:
            self._step(node, event)

    def _bring(self, node: NodeId, data: Data) -> None:
        pair = frozenset((node, data.peer))
        if (pair, data.link) not in self.open or pair in self.cut:
            self.fired["lost in flight"] += 1
            return
        if self.duplicates.random() < DUPLICATED:  # as by another way when routes change
            self.fired["duplicated"] += 1
            self.post(self.duplicates.random() / 5, node, data)
        self.planes[node].received(data.link, RecordReader().receive(data.data))
        self._flush(node)

    def _flush(self, node: NodeId) -> None:
        plane = self.planes[node]
        for frame in plane.take_delivered():
            self.delivered.append((node, frame.source, frame.message_id))
        for nonce in plane.take_dirty():
            peer = plane.peer(nonce)
            line = self.open.get((frozenset((node, peer)), nonce)) if peer else None
            data = b"".join(plane.take(nonce, "control", (0, 1, 2), 1 << 30, 1 << 20))
            if peer and line is not None and data and frozenset((node, peer)) not in self.cut:
                delay_s = line.arrival(peer, self.now) - self.now
                self.post(delay_s, peer, Data(nonce, node, data))

    def _transmit(self, node: NodeId, peer: NodeId, frame: DataFrame, nonce: str) -> None:
        pair = frozenset((node, peer))
        line = self.open.get((pair, nonce))
        if line is not None and pair not in self.cut:
            delay_s = line.arrival(peer, self.now) - self.now
            self.post(delay_s, peer, Arrival(nonce, Received(node, frame)))

    def _step(self, node: NodeId, event: Event) -> None:
        if isinstance(event, TimerFired):
            if self.timers.get((node, event.name)) != self.now:
                return  # another timer of that name took its place
            del self.timers[node, event.name]
            self.planes[node].tick(self.now)
            traffic = Traffic(*self.planes[node].take_traffic())
            self._carry_out(node, self.cores[node].handle(traffic, self.now))
        if isinstance(event, LinkUp):
            self.planes[node].link_up(event.peer, event.link)
        self._carry_out(node, self.cores[node].handle(event, self.now))
        if isinstance(event, LinkDown):
            self.planes[node].link_down(event.link)
        self._flush(node)

    def _carry_out(self, node: NodeId, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Transmit(peer, frame, link):
                    self._transmit(node, peer, frame, link)
                case SetTimer(name, at):
                    self.timers[node, name] = at = max(at, self.now)
                    self.post(at - self.now, node, TimerFired(name))
                case Dial(peer, _):
                    self._dial(node, peer)
                case CloseLink(peer, link, _):
                    self.close(frozenset((node, peer)), link)
                case RoutesChanged():
                    self.planes[node].routes_changed(effect)
                case NodeDead(dead):
                    self.dead_seen.setdefault(dead, {})[node] = self.now
                case _:
                    pass

    def _dial(self, node: NodeId, peer: NodeId) -> None:
        pair = frozenset((node, peer))
        if peer not in self.cores or pair in self.cut:
            self.post(0.1, node, DialFailed(peer))
            return
        nonce = f"{self.links.getrandbits(64):016x}"
        random = Random(f"{self.seed} {nonce}")
        up_at = dict.fromkeys((node, peer), self.now + 0.03)
        self.open[pair, nonce] = Line(random, DELAY_MIN_S + random.random() * DELAY_SPREAD_S, up_at)
        self.post(0.03, node, LinkUp(peer, nonce, dialled=True))
        self.post(0.02 + random.random() / 100, peer, LinkUp(node, nonce, dialled=False))


def _brief(event: Event | Arrival | Data | Send) -> str:
    """What tells two events apart; the bytes of a frame are in its signature."""
    if isinstance(event, Arrival):
        frame = event.received.frame
        return f"{event.link} {frame.kind} {frame.message_id} {frame.headers} {len(frame.body)}"
    return str(event)


def node_sign(node: NodeId) -> Callable[[bytes], bytes]:
    """The stand-in for a private key."""
    return lambda data: hashlib.sha256(node.encode() + data).digest()


def verify(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
    """The stand-in for certificates: only code that knows the owner's id signs so."""
    return not certificate and signature == node_sign(owner)(data)


def check(holds: bool, what: str) -> None:
    """Raise if an invariant is broken."""
    if not holds:
        raise CantorError(what)

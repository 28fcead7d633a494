"""The cores of many nodes on a virtual network: the same seed gives the same run."""

# ruff: noqa: S311
from __future__ import annotations

import hashlib
import heapq
from collections import Counter
from random import Random
from typing import TYPE_CHECKING

import msgpack
from tests.simulation.box import Box
from tests.simulation.happenings import Arrival, Happening, Measure, Send, Syn, brief
from tests.simulation.network import DELAY_MIN_S, DELAY_SPREAD_S, RESUME_S, Line, Network
from tests.simulation.places import circle

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId
from cantor.mesh.cost import MS_PER_COST, rounded
from cantor.mesh.effects import (
    CloseLink,
    Dial,
    FactsChanged,
    NodeDead,
    RoutesChanged,
    SetTimer,
    Transmit,
)
from cantor.mesh.events import (
    DialFailed,
    LinkDown,
    LinkMeasured,
    LinkUp,
    PeerSeen,
    Received,
    RoutesWanted,
    Started,
    TimerFired,
)
from cantor.mesh.settings import MeshSettings
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.mesh.effects import Effect

DIAL_TIMEOUT_S = 3.0
SYN_AGAIN_S = 1.0
MEASURE_S = 1.0
WALL_OFFSET_S = 1000.0
DUPLICATED = 0.05
JITTER_RTT_S = 0.004
FORGED = "forged"


class World:
    """``nodes`` nodes, each of which knows where those are that ``knows`` gives for its place.

    Without ``is_measuring`` links have their final costs from the beginning, and what they carry
    is counted.
    """

    def __init__(
        self,
        nodes: int,
        seed: int,
        *,
        knows: Callable[[int], Iterable[int]] | None = None,
        settings: MeshSettings | None = None,
        is_measuring: bool = True,
        wall_offset_s: float = WALL_OFFSET_S,
    ) -> None:
        self.now = 0.0
        self.seed = seed
        self.settings = settings or MeshSettings()
        self.is_measuring = is_measuring
        self.wall_offset_s = wall_offset_s
        self.network = Network()
        self.links, self.faults = Random(f"{seed}-links"), Random(f"{seed}-faults")
        self.traffic, self.again = Random(f"{seed}-traffic"), Random(f"{seed}-again")
        self.fired: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.sent_by: Counter[NodeId] = Counter()
        self.ids = [
            NodeId(hashlib.sha256(f"{seed} {i}".encode()).hexdigest()[:32]) for i in range(nodes)
        ]
        self.place = {node: index for index, node in enumerate(self.ids)}
        self.knows = knows or circle(nodes)
        self.boxes: dict[NodeId, Box] = {}
        self.said: dict[tuple[NodeId, str], tuple[tuple[int, int], float]] = {}
        self.epochs = dict.fromkeys(self.ids, 0)
        self.skews = dict.fromkeys(self.ids, 0.0)
        self.lives = dict.fromkeys(self.ids, 0)
        self.stalled: dict[NodeId, float] = {}
        self.forgers: set[NodeId] = set()
        self.heard: list[DataFrame] = []
        self.delivered: Counter[tuple[NodeId, NodeId, int]] = Counter()
        self.routes_changed_at = 0.0
        self.dead_seen: dict[NodeId, dict[NodeId, float]] = {}
        self.on_facts: Callable[[NodeId, FactsChanged], None] = lambda *_: None
        self._heap: list[tuple[float, int, NodeId, int, Happening]] = []
        self._sequence = 0
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
        for entry in [entry for entry in self.delivered if entry[0] == node]:
            del self.delivered[entry]  # it has forgotten too; a copy may have waited on its way
        self.epochs[node] = self.epochs[node] + 1 if remembers else 1
        random = Random(f"{node} {self.lives[node]}")
        box = Box(node, self.epochs[node], random, node_sign(node), self.settings)
        box.core.wall_offset_s = self.wall_offset_s + self.skews[node]
        self.boxes[node] = box
        self.said = {key: said for key, said in self.said.items() if key[0] != node}
        for line in self.network.of(node):  # the system answers what belongs to no connection
            self._write(line, line.other(node), None)
        self.post(0.0, node, Started())
        for place in self.knows(self.place[node]):
            self.post(0.01, node, PeerSeen(self.ids[place], "m", ("virtual:1",)))

    def stop(self, node: NodeId, *, power: bool = False) -> None:
        """End a node's process: its peers see the connections close, unless the power is gone."""
        self.lives[node] += 1
        self.stalled.pop(node, None)
        del self.boxes[node]
        for line in self.network.of(node):
            if power:
                self._let_go(line, node)
            else:
                self._close_end(line, node)

    def post(self, delay_s: float, node: NodeId, event: Happening) -> None:
        """Let something happen to this life of a node later."""
        self._sequence += 1
        entry = (self.now + delay_s, self._sequence, node, self.lives[node], event)
        heapq.heappush(self._heap, entry)

    def heal(self) -> None:
        """Undo every cut; lines that are still open go on."""
        for line, to, frames in self.network.heal():
            for frame in frames:
                at = line.arrival(to, self.now + RESUME_S)
                self.post(at - self.now, to, Arrival(line.nonce, frame))

    def break_one(self, random: Random) -> None:
        """Reset one connection; the frames in flight on it are lost."""
        lines = [line for line in self.network.lines.values() if len(line.open) == 2]
        if lines:
            line = random.choice(lines)
            for end in line.ends:
                self._end(line, end)

    def break_between(self, one: NodeId, other: NodeId) -> None:
        """Reset the connections between two nodes."""
        for line in self.network.of(one):
            if other in line.ends:
                for end in line.ends:
                    self._end(line, end)

    def run(self, until: float) -> None:
        """Let time pass."""
        heap = self._heap
        while heap and heap[0][0] <= until:
            self.now, _, node, life, event = heapq.heappop(heap)
            box = self.boxes.get(node)
            if box is None or life != self.lives[node]:
                continue
            if node in self.stalled and self._is_stalled(node, event):
                continue
            if type(event) is TimerFired and not box.waits_for(event, self.now):
                continue
            self._digest.update(f"{self.now} {node} {brief(event)}".encode())
            self._happen(box, event)
        self.now = until

    def _is_stalled(self, node: NodeId, event: Happening) -> bool:
        """A node that stands still finds everything later: what came in first, then its timers."""
        until = self.stalled[node]
        if self.now >= until:
            if self.now > until + 1e-3:
                del self.stalled[node]
            return False
        self.post(until - self.now + 1e-4 * isinstance(event, TimerFired), node, event)
        return True

    def _happen(self, box: Box, event: Happening) -> None:
        if isinstance(event, Arrival):
            self._arrive(box, event)
        elif isinstance(event, TimerFired):
            self._carry_out(box, box.timer(event, self.now, self._is_acknowledged))
        elif isinstance(event, Measure):
            self._measure(box, event)
        elif isinstance(event, Syn):
            self._dial(box.node, event.peer, is_again=True)
        elif isinstance(event, Received):
            self._take(box, event)
        elif isinstance(event, Send):
            self._send(box, event.frame)
        elif isinstance(event, LinkUp | LinkDown):
            self._link(box, event)
        else:
            self._carry_out(box, box.core.handle(event, self.now))

    def _send(self, box: Box, frame: DataFrame) -> None:
        if box.needs_route(frame):
            self._carry_out(box, box.core.handle(RoutesWanted(), self.now))
        box.send(frame)
        self._flush(box)

    def _link(self, box: Box, event: LinkUp | LinkDown) -> None:
        if isinstance(event, LinkDown) or self._is_open(box.node, event.link):
            self._carry_out(box, box.link(event, self.now))
            self._flush(box)
        elif event.dialled:  # it ended before it was told of
            self._carry_out(box, box.core.handle(DialFailed(event.peer), self.now))

    def _is_acknowledged(self, nonce: str) -> bool:
        """Whether the systems at both ends of a line hear each other, whatever runs there."""
        line = self.network.lines.get(nonce)
        return line is not None and len(line.open) == 2 and self.network.both_pass(*line.ends)

    def _is_open(self, node: NodeId, nonce: str) -> bool:
        line = self.network.lines.get(nonce)
        return line is not None and node in line.open

    def _arrive(self, box: Box, event: Arrival) -> None:
        line = self.network.lines.get(event.line)
        node = box.node
        if line is None or node not in line.open:
            self.fired["lost in flight"] += 1
        elif not self.network.passes(line.other(node), node) or line.held.get(node):
            line.held.setdefault(node, []).append(event.content)
        elif event.content is None:
            self._end(line, node)
        elif isinstance(event.content, bytes):
            if self.again.random() < DUPLICATED and not line.held:
                self.fired["duplicated"] += 1  # as by another way while routes change
                self.post(self.again.random() / 5, node, event)
            box.received(line.nonce, event.content)
            self._flush(box)
        else:
            self._take(box, Received(line.other(node), event.content))

    def _take(self, box: Box, event: Received) -> None:
        if event.frame.kind == Kind.FACTS and box.node in self.forgers:
            self.heard.append(event.frame)
        self._carry_out(box, box.core.handle(event, self.now))

    def _flush(self, box: Box) -> None:
        for frame in box.plane.take_delivered():
            self.delivered[box.node, frame.source, frame.message_id] += 1
        for nonce, data in box.output():
            self._transmit(box.node, nonce, data)

    def _transmit(self, node: NodeId, nonce: str, content: DataFrame | bytes) -> None:
        line = self.network.lines.get(nonce)
        if line is None or node not in line.open:
            return
        if isinstance(content, bytes):
            self.sent["DATA"] += 1
        else:
            self._count(node, content)
        self._write(line, line.other(node), content)

    def _count(self, node: NodeId, frame: DataFrame) -> None:
        self.sent[Kind(frame.kind).name] += 1
        if not self.is_measuring and frame.kind in (Kind.FACTS, Kind.DIGEST):
            self.sent_by[node] += 1
            body = sum(len(part) for part in frame.body)
            self.sent["batches"] += len(frame.body) // 3
            self.sent["bytes"] += body + len(msgpack.packb(frame.headers))

    def _write(self, line: Line, to: NodeId, content: DataFrame | bytes | None) -> None:
        if self.network.waits(line, to):
            line.held.setdefault(to, []).append(content)
        else:
            self.post(line.arrival(to, self.now) - self.now, to, Arrival(line.nonce, content))

    def _carry_out(self, box: Box, effects: list[Effect]) -> None:
        for effect in effects:
            match effect:
                case Transmit(_, frame, nonce):
                    self._transmit(box.node, nonce, frame)
                case SetTimer(name, at):
                    box.timer_at[name] = at = max(at, self.now)
                    self._sequence += 1
                    life = self.lives[box.node]
                    entry = (at, self._sequence, box.node, life, TimerFired(name))
                    heapq.heappush(self._heap, entry)
                case Dial(peer, _):
                    self._dial(box.node, peer)
                case CloseLink(_, nonce, _):
                    line = self.network.lines.get(nonce)
                    if line is not None and box.node in line.open:
                        self._close_end(line, box.node)
                case RoutesChanged():
                    self.routes_changed_at = self.now
                    box.routes_changed(effect)
                case NodeDead(dead):
                    self.dead_seen.setdefault(dead, {})[box.node] = self.now
                case FactsChanged():
                    self._note(box.node, effect)
                case _:
                    pass

    def _note(self, node: NodeId, effect: FactsChanged) -> None:
        for fact in effect.facts:
            check(fact.name != FORGED, "a forged fact was taken")
            if fact.owner == node:
                self.said[node, fact.name] = (fact.stamp, self.now)
        self.on_facts(node, effect)

    def _close_end(self, line: Line, node: NodeId) -> None:
        """One end closes: the other learns it after what was written before."""
        self._write(line, line.other(node), None)
        self._end(line, node)

    def _end(self, line: Line, node: NodeId) -> None:
        if node in line.open and node in self.boxes:
            self.post(0.0, node, LinkDown(line.other(node), line.nonce))
        self._let_go(line, node)

    def _let_go(self, line: Line, node: NodeId) -> None:
        line.open.discard(node)
        if not line.open:
            self.network.lines.pop(line.nonce, None)

    def _dial(self, node: NodeId, peer: NodeId, *, is_again: bool = False) -> None:
        if not self.network.both_pass(node, peer):
            if is_again:
                self.post(DIAL_TIMEOUT_S - SYN_AGAIN_S, node, DialFailed(peer))
            else:
                self.post(SYN_AGAIN_S, node, Syn(peer))
            return
        nonce = f"{self.links.getrandbits(64):016x}"
        random = Random(f"{self.seed} {nonce}")
        delay_s = DELAY_MIN_S + DELAY_SPREAD_S * Random(f"{sorted((node, peer))}").random()
        if peer not in self.boxes:
            self.post(2 * delay_s, node, DialFailed(peer))
            return
        line = Line(nonce, (node, peer), delay_s, random, {node, peer})
        self.network.lines[nonce] = line
        cost = 1.0 if self.is_measuring else rounded(1 + 2000 * delay_s / MS_PER_COST)
        self.post(3 * delay_s, peer, LinkUp(node, nonce, dialled=False, cost=cost))
        self.post(4 * delay_s, node, LinkUp(peer, nonce, dialled=True, cost=cost))
        line.arrives = {node: self.now + 4 * delay_s, peer: self.now + 3 * delay_s}
        if self.is_measuring:
            for end in line.ends:
                self.post(MEASURE_S * (1 + random.random()), end, Measure(nonce))

    def _measure(self, box: Box, event: Measure) -> None:
        line = self.network.lines.get(event.line)
        if line is not None and box.node in line.open:
            self.post(MEASURE_S, box.node, event)
            rtt_s = 2 * line.base_s + line.random.random() * JITTER_RTT_S
            measured = LinkMeasured(line.other(box.node), line.nonce, rtt_s, 0.0, 0.0, 0)
            self._carry_out(box, box.core.handle(measured, self.now))


def node_sign(node: NodeId) -> Callable[[bytes], bytes]:
    """The stand-in for a private key."""
    return lambda data: hashlib.sha256(node.encode() + data).digest()


def check(holds: bool, what: str) -> None:
    """Raise if an invariant is broken."""
    if not holds:
        raise CantorError(what)

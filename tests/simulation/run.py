"""The mesh cores of many nodes on a virtual network: the same seed gives the same run.

Run: python tests/simulation/run.py --nodes 50 --seeds 20 --report build/simulation.json
"""

# ruff: noqa: S311, T201
from __future__ import annotations

import argparse
import hashlib
import heapq
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import BROADCAST, NodeId
from cantor.ledger.facts import Fact, pack_facts
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import CloseLink, Deliver, Dial, NodeDead, SetTimer, Transmit
from cantor.mesh.events import (
    DialFailed,
    Event,
    LinkDown,
    LinkUp,
    LocalFact,
    PeerSeen,
    Received,
    Send,
    Started,
    TimerFired,
)
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

DEATH_SEEN_WITHIN_S = 2.0
DELAY_MIN_S, DELAY_SPREAD_S, JITTER_S = 0.001, 0.015, 0.008
SAFETY_S = 10.0
LIVENESS_S = 20.0
FORGED = "forged"
TTL = 255
FAULTS = (
    "crash",
    "restart",
    "amnesia",
    "partition",
    "link cut",
    "flap",
    "heal",
    "forgery",
    "replay",
    "lost in flight",
)


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


class World:
    """``nodes`` nodes with links ``steps`` apart on a circle, and the network between them."""

    def __init__(
        self, nodes: int, seed: int, *, steps: tuple[int, ...] | None = None, is_line: bool = False
    ) -> None:
        self.steps, self.is_line = steps or (1, nodes // 3 + 1), is_line
        self.now = 0.0
        self.seed = seed
        self.links, self.faults = Random(f"{seed}-links"), Random(f"{seed}-faults")
        self.traffic = Random(f"{seed}-traffic")
        self.fired: Counter[str] = Counter()
        self.ids = [
            NodeId(hashlib.sha256(f"{seed} {i}".encode()).hexdigest()[:32]) for i in range(nodes)
        ]
        self.cores: dict[NodeId, MeshCore] = {}
        self.epochs = dict.fromkeys(self.ids, 0)
        self.lives = dict.fromkeys(self.ids, 0)
        self.cut: set[frozenset[NodeId]] = set()
        self.open: dict[tuple[frozenset[NodeId], str], Line] = {}
        self.forgers: set[NodeId] = set()
        self.heard: list[DataFrame] = []
        self.delivered: list[tuple[NodeId, NodeId, int]] = []
        self.dead_seen: dict[NodeId, dict[NodeId, float]] = {}
        self._heap: list[tuple[float, int, NodeId, int, Event | Arrival]] = []
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
        self.epochs[node] = self.epochs[node] + 1 if remembers else 1
        ledger = Ledger(
            node, epoch=self.epochs[node], sign=node_sign(node), certificate=b"", verify=verify
        )
        self.cores[node] = MeshCore(node, "m", ledger, Random(f"{node} {self.lives[node]}"))
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

    def post(self, delay_s: float, node: NodeId, event: Event | Arrival) -> None:
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
                self._digest.update(f"{self.now} {node} {event}".encode())
                self._arrive(node, event)
        self.now = until

    def _arrive(self, node: NodeId, event: Event | Arrival) -> None:
        if isinstance(event, Arrival):
            pair = frozenset((node, event.received.peer))
            if (pair, event.link) not in self.open or pair in self.cut:
                self.fired["lost in flight"] += 1
                return
            event = event.received
            if event.frame.kind == Kind.FACTS and node in self.forgers:
                self.heard.append(event.frame)
        self._step(node, event)

    def _step(self, node: NodeId, event: Event) -> None:
        for effect in self.cores[node].handle(event, self.now):
            match effect:
                case Transmit(peer, frame, link):
                    pair = frozenset((node, peer))
                    line = self.open.get((pair, link))
                    if line is not None and pair not in self.cut:
                        delay_s = line.arrival(peer, self.now) - self.now
                        self.post(delay_s, peer, Arrival(link, Received(node, frame)))
                case SetTimer(name, at):
                    self.post(at - self.now, node, TimerFired(name))
                case Dial(peer, _):
                    self._dial(node, peer)
                case CloseLink(peer, link, _):
                    self.close(frozenset((node, peer)), link)
                case Deliver(frame):
                    self.delivered.append((node, frame.source, frame.message_id))
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


def simulate(nodes: int, seed: int) -> tuple[str, Counter[str]]:
    """One run: faults, then healing; return its digest and how often each fault fired."""
    world = World(nodes, seed)
    world.run(3.0)
    forger = world.ids[0]
    world.forgers.add(forger)
    while world.now < 3.0 + SAFETY_S:
        _one_fault(world)
        _forge(world, forger)
        source, target = world.traffic.sample(world.ids, 2)
        if source in world.cores:
            _send(world, source, target, int(world.now * 100))
            world.post(0.0, source, LocalFact("node", {"at": world.now}))
        world.run(world.now + 0.7)
        _is_safe(world)
    world.cut.clear()
    world.forgers.clear()
    for node in world.ids:
        if node not in world.cores:
            world.start(node)
    world.run(world.now + LIVENESS_S)
    ledgers = [list(world.cores[node].ledger.all_facts()) for node in world.ids]
    check(all(ledger == ledgers[0] for ledger in ledgers), "the ledgers differ after healing")
    check(all(len(core.alive) == nodes - 1 for core in world.cores.values()), "a node is missing")
    deliver_all(world)
    _death_is_seen(world, world.faults)
    return world.digest, world.fired


def _send(world: World, source: NodeId, target: NodeId, number: int) -> int:
    message = world.lives[source] << 32 | number
    frame = DataFrame(Kind.DATA, source, target, message_id=message, ttl=TTL)
    world.post(0.0, source, Send(frame))
    return message


def _is_safe(world: World) -> None:
    check(len(world.delivered) == len(set(world.delivered)), "a frame was delivered twice")
    for core in world.cores.values():
        for fact in core.ledger.all_facts():
            check(fact.name != FORGED, "a forged fact was taken")


def deliver_all(world: World) -> None:
    """In a quiet network every frame arrives exactly once, a broadcast at every other node."""
    caller = world.traffic.choice(world.ids)
    message = _send(world, caller, BROADCAST, 2**31 + len(world.ids))
    expected = [(node, caller, message) for node in world.ids if node != caller]
    for number, source in enumerate(world.ids):
        target = world.traffic.choice([node for node in world.ids if node != source])
        expected.append((target, source, _send(world, source, target, 2**31 + number)))
    world.run(world.now + 2.0)
    counts = Counter(world.delivered)
    _is_safe(world)
    check(all(counts[entry] == 1 for entry in expected), "a frame in a quiet network was lost")


def _forge(world: World, forger: NodeId) -> None:
    """A node that holds a sound key floods facts in another's name and repeats old ones."""
    if forger not in world.cores:
        return
    victim = world.faults.choice(world.ids[1:])
    fact = Fact(victim, FORGED, 1, 1000, int(world.now * 1000) << 16)
    data = pack_facts([fact])
    body = (data, node_sign(forger)(data), b"")
    frame = DataFrame(Kind.FACTS, forger, victim, ttl=1, headers={"owners": [victim]}, body=body)
    replays = world.heard[:1] + world.heard[-2:]
    world.heard = world.heard[-100:]
    for pair, _ in sorted(world.open, key=lambda key: (sorted(key[0]), key[1])):
        if forger in pair:
            (peer,) = pair - {forger}
            for old in replays:
                world.fired["replay"] += 1
                world.post(0.02, peer, Received(forger, old))
            world.fired["forgery"] += 1
            world.post(0.03, peer, Received(forger, frame))


def _one_fault(world: World) -> None:
    faults = world.faults
    node, kind = faults.choice(world.ids), faults.randrange(6)
    dead = [other for other in world.ids if other not in world.cores]
    match kind:
        case 0 if node in world.cores:
            world.fired["crash"] += 1
            world.stop(node)
        case 1 if dead:
            node = faults.choice(dead)
            remembers = faults.random() < 0.5
            world.fired["restart" if remembers else "amnesia"] += 1
            world.start(node, remembers=remembers)
        case 2:
            world.fired["partition"] += 1
            side = set(faults.sample(world.ids, len(world.ids) // 2))
            world.cut = {frozenset((a, b)) for a in side for b in world.ids if b not in side}
        case 3 if world.open:
            world.fired["link cut"] += 1
            world.cut.add(faults.choice(sorted({key[0] for key in world.open}, key=sorted)))
        case 4:
            for _ in range(3):
                world.fired["flap"] += 1
                world.break_one(faults)
                world.run(world.now + 0.05)
        case _:
            world.fired["heal"] += 1
            world.cut.clear()


def _death_is_seen(world: World, faults: Random) -> None:
    victim = faults.choice(world.ids)
    world.dead_seen.clear()
    world.cut = {frozenset((victim, other)) for other in world.ids if other != victim}
    world.run(world.now + DEATH_SEEN_WITHIN_S)
    others = set(world.ids) - {victim}
    check(set(world.dead_seen.get(victim, {})) >= others, "a death was not seen by all in time")


def main() -> int:
    """Run many seeds; print the command that repeats the first that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--seed", type=int, help="run this one only")
    parser.add_argument("--report", type=Path, help="write the figures there as JSON")
    options = parser.parse_args()
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    fired: Counter[str] = Counter(dict.fromkeys(FAULTS, 0))
    digests: dict[str, str] = {}
    failure, began = "", time.monotonic()
    for seed in seeds:
        try:
            digests[str(seed)], happened = simulate(options.nodes, seed)
        except CantorError as error:
            again = f"python {Path(__file__)} --nodes {options.nodes} --seed {seed}"
            failure = f"{error}\nrepeat: {again}"
            print(failure)
            break
        fired += Counter(happened)
        print(f"seed {seed}: {digests[str(seed)]}")
    if options.report is not None:
        figures = {
            "nodes": options.nodes,
            "seconds": round(time.monotonic() - began, 3),
            "digests": digests,
            "faults": {name: fired[name] for name in FAULTS},
            "failure": failure,
        }
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if failure else 0


if __name__ == "__main__":
    sys.exit(main())

"""The mesh cores of many nodes on a virtual network: the same seed gives the same run.

Run: python tests/simulation/run.py --nodes 50 --seeds 20
"""

# ruff: noqa: S311, T201
from __future__ import annotations

import argparse
import hashlib
import heapq
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId
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
SAFETY_S = 10.0
LIVENESS_S = 20.0


class World:
    """``nodes`` nodes in a ring with chords, and the network between them."""

    def __init__(self, nodes: int, seed: int) -> None:
        self.now = 0.0
        self.network, self.faults = Random(f"{seed}-network"), Random(f"{seed}-faults")
        self.ids = [
            NodeId(hashlib.sha256(f"{seed} {i}".encode()).hexdigest()[:32]) for i in range(nodes)
        ]
        self.cores: dict[NodeId, MeshCore] = {}
        self.epochs = dict.fromkeys(self.ids, 0)
        self.lives = dict.fromkeys(self.ids, 0)
        self.cut: set[frozenset[NodeId]] = set()
        self.open: dict[tuple[frozenset[NodeId], str], set[NodeId]] = {}
        self.delivered: list[tuple[NodeId, NodeId, int]] = []
        self.dead_seen: dict[NodeId, dict[NodeId, float]] = {}
        self._heap: list[tuple[float, int, NodeId, int, Event]] = []
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
        for step in (1, count // 3 + 1):
            for peer in (self.ids[(index + step) % count], self.ids[(index - step) % count]):
                self.post(0.01, node, PeerSeen(peer, "m", ("virtual:1",)))

    def stop(self, node: NodeId) -> None:
        """Take a node's power away; its peers see the connections close."""
        self.lives[node] += 1
        del self.cores[node]
        for pair, nonce in [key for key in self.open if node in key[0]]:
            self.close(pair, nonce)

    def post(self, delay_s: float, node: NodeId, event: Event) -> None:
        """Let something happen to this life of a node later."""
        self._sequence += 1
        entry = (self.now + delay_s, self._sequence, node, self.lives[node], event)
        heapq.heappush(self._heap, entry)

    def close(self, pair: frozenset[NodeId], nonce: str) -> None:
        """End a connection on both sides."""
        for side in sorted(self.open.pop((pair, nonce), ())):
            if side in self.cores:
                (peer,) = pair - {side}
                self.post(0.02, side, LinkDown(peer, nonce))

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._heap and self._heap[0][0] <= until:
            self.now, _, node, life, event = heapq.heappop(self._heap)
            if node in self.cores and life == self.lives[node]:
                self._digest.update(f"{self.now} {node} {event}".encode())
                self._step(node, event)
        self.now = until

    def _step(self, node: NodeId, event: Event) -> None:
        for effect in self.cores[node].handle(event, self.now):
            match effect:
                case Transmit(peer, frame, link):
                    pair = frozenset((node, peer))
                    if pair not in self.cut and (pair, link) in self.open:
                        self.post(0.01, peer, Received(node, frame))
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
        nonce = f"{self.network.getrandbits(64):016x}"
        self.open[pair, nonce] = {node, peer}
        self.post(0.03, node, LinkUp(peer, nonce, dialled=True))
        self.post(0.02 + self.network.random() / 100, peer, LinkUp(node, nonce, dialled=False))


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


def simulate(nodes: int, seed: int) -> str:
    """One run: faults, then healing; return its digest."""
    world = World(nodes, seed)
    faults = world.faults
    world.run(3.0)
    while world.now < 3.0 + SAFETY_S:
        _one_fault(world, faults)
        source, target = faults.sample(world.ids, 2)
        if source in world.cores:
            frame = DataFrame(
                Kind.DATA,
                source,
                target,
                message_id=world.lives[source] << 32 | int(world.now * 100),
            )
            world.post(0.0, source, Send(frame))
            world.post(0.0, source, LocalFact("node", {"at": world.now}))
        world.run(world.now + 0.7)
        check(len(world.delivered) == len(set(world.delivered)), "a frame was delivered twice")
    world.cut.clear()
    for node in world.ids:
        if node not in world.cores:
            world.start(node)
    world.run(world.now + LIVENESS_S)
    ledgers = [list(world.cores[node].ledger.all_facts()) for node in world.ids]
    check(all(ledger == ledgers[0] for ledger in ledgers), "the ledgers differ after healing")
    check(all(len(core.alive) == nodes - 1 for core in world.cores.values()), "a node is missing")
    _death_is_seen(world, faults)
    return world.digest


def _one_fault(world: World, faults: Random) -> None:
    node = faults.choice(world.ids)
    match faults.randrange(4):
        case 0 if node in world.cores:
            world.stop(node)
        case 1 if node not in world.cores:
            world.start(node, remembers=faults.random() < 0.5)
        case 2:
            side = set(faults.sample(world.ids, len(world.ids) // 2))
            world.cut = {frozenset((a, b)) for a in side for b in world.ids if b not in side}
        case _:
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
    options = parser.parse_args()
    seeds = range(options.seeds) if options.seed is None else [options.seed]
    for seed in seeds:
        try:
            print(f"seed {seed}: {simulate(options.nodes, seed)}")
        except CantorError as error:
            print(f"{error}\nrepeat: python {Path(__file__)} --nodes {options.nodes} --seed {seed}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

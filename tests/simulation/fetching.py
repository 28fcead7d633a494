"""One blob on its way to many nodes of a virtual network, by seed.

One node has it, the others want it at once. Each has a line of its own speed, on which chunks
queue. Messages are lost, doubled and late; nodes end, with all they have, and come back; one gives
wrong bytes, one says nothing for a while. What every node keeps is right, whoever lives gets all of
it, and what the origin has sent is counted.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.base.ids import NodeId
from cantor.bundles.fetching.fetch import Done, Failed, Fetch, Keep, Say
from cantor.bundles.fetching.giving import COPIES, Give, Giving, Tell
from cantor.bundles.fetching.manifest import CHUNK_BYTES, Part
from cantor.bundles.fetching.messages import Ask, Chunk

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.bundles.fetching.fetch import Effect
    from cantor.bundles.fetching.messages import Answer

CHUNKS = 80
"""20 MiB; each is a few bytes here that stand for ``CHUNK_BYTES``."""
RATES = (2.5e6, 12.5e6, 125e6)
"""Bytes a second: 20 Mbit/s, 100 Mbit/s and 1 Gbit/s."""
FAULTS = ("lost", "doubled", "late", "ended", "wrong bytes", "silent", "unreachable")


@dataclass(slots=True)
class Node:
    """One box. What it has is gone when it ends."""

    id: NodeId
    rate: float
    giving: Giving
    fetch: Fetch | None = None
    have: dict[int, bytes] = field(default_factory=dict)
    free_at: float = 0.0
    sent: int = 0
    life: int = 0
    is_alive: bool = True
    is_liar: bool = False
    silent_until: float = 0.0
    done_at: float | None = None


class World:
    """The nodes of one seed. ``is_calm`` leaves the faults out."""

    def __init__(
        self, seed: int, count: int = 10, *, is_calm: bool = False, copies: int = COPIES
    ) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.is_calm = is_calm
        self.fired: Counter[str] = Counter()
        self.failures: list[str] = []
        self._copies = copies
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        self.truth = [f"{seed} {chunk}".encode() for chunk in range(CHUNKS)]
        self.part = Part.of("big-1-py3-none-any.whl", self.truth)
        ids = [NodeId(f"{number:02d}" * 16) for number in range(count + 1)]
        self.nodes = {one: self.box(one) for one in ids}
        self.origin, *self.others = self.nodes.values()
        self.origin.have = dict(enumerate(self.truth))
        self.origin.giving.offer(self.part)
        for node in self.others:
            self.at(self.random.random(), partial(self.begin, node))

    def box(self, one: NodeId) -> Node:
        """A node with nothing."""
        return Node(one, self.random.choice(RATES), self.new_giving(one))

    def new_giving(self, one: NodeId) -> Giving:
        """What a node that begins knows of whom it gave what."""
        return Giving(one, self._copies)

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then, or until all that live have all."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
            if all(node.done_at is not None for node in self.others if node.is_alive):
                return

    def begin(self, node: Node) -> None:
        """A node wants the blob, and knows who has it."""
        node.fetch = Fetch(node.id, self.part, self.now)
        node.giving.expect(self.part)
        holders = {self.origin.id: 1.0}
        self.follow(node, node.fetch.start(holders, self.now))
        self.wake(node, node.life)

    def wake(self, node: Node, life: int) -> None:
        """Time passes on a node."""
        if node.life == life and node.fetch is not None:
            self.follow(node, node.fetch.tick(self.now))
            self.at(1.0, partial(self.wake, node, life))

    def follow(self, node: Node, effects: list[Effect]) -> None:
        """Do what a fetch wants."""
        for effect in effects:
            match effect:
                case Say(to, ask):
                    self.send(node, self.nodes[to], 100, partial(self.asked, node.id, ask))
                case Keep(chunk, data):
                    node.have[chunk] = bytes(data)
                    for give in node.giving.arrived(self.part.id, chunk):
                        self.give(node, give)
                case Done():
                    node.done_at, node.fetch = self.now, None
                    node.giving.offer(self.part)
                    for other in self.others:  # as a fact in the ledger
                        self.at(1.0, partial(self.hear_of, other, node.id))
                case Failed(reason):
                    self.failures.append(reason)

    def hear_of(self, node: Node, holder: NodeId) -> None:
        """The ledger says that one more node has it."""
        if node.fetch is not None and node.id != holder:
            self.follow(node, node.fetch.start({holder: 2.0}, self.now))

    def asked(self, by: NodeId, ask: Ask, node: Node) -> None:
        """A question arrives."""
        match node.giving.asked(by, ask):
            case Give() as give:
                self.give(node, give)
            case Tell(to, message):
                self.send(node, self.nodes[to], 100, partial(self.answered, node.id, message))

    def give(self, node: Node, give: Give) -> None:
        """Send a chunk over the node's line, after what waits for it already."""
        data = node.have[give.chunk]
        if node.is_liar and self.chance(0.3, "wrong bytes"):
            data = b"wrong"
        node.sent += 1
        answer = Chunk(give.blob, give.chunk, data)
        self.send(node, self.nodes[give.to], CHUNK_BYTES, partial(self.answered, node.id, answer))

    def answered(self, by: NodeId, answer: Answer, node: Node) -> None:
        """An answer arrives."""
        if node.fetch is not None:
            self.follow(node, node.fetch.heard(by, answer, self.now))

    def send(self, source: Node, target: Node, size: int, do: Callable[[Node], None]) -> None:
        """Carry a message to a node that may be another one by then."""
        if source.silent_until > self.now:
            self.fired["silent"] += 1
            return
        source.free_at = max(source.free_at, self.now) + size / source.rate
        delay_s = source.free_at - self.now + 0.001 + 0.02 * self.random.random()
        if self.chance(0.01, "lost"):
            return
        if self.chance(0.01, "late"):
            delay_s += 20.0 * self.random.random()
        life = target.life

        def arrive() -> None:
            if target.life == life and target.is_alive:
                do(target)

        self.at(delay_s, arrive)
        if self.chance(0.01, "doubled"):
            self.at(delay_s + 5.0 * self.random.random(), arrive)

    def chance(self, of: float, name: str) -> bool:
        """Whether a fault happens."""
        happens = not self.is_calm and self.random.random() < of
        self.fired[name] += happens
        return happens

    def end(self, node: Node) -> None:
        """A node ends with all it has; the others may hear of it; most come back."""
        node.life += 1
        node.is_alive, node.fetch, node.done_at = False, None, None
        node.have, node.giving = {}, self.new_giving(node.id)
        self.fired["ended"] += 1
        if self.random.random() < 0.5:
            self.fired["unreachable"] += 1
            for other in self.nodes.values():
                self.at(self.random.random(), partial(self.lose, other, node.id))
        if self.random.random() < 0.7:
            self.at(5.0 * self.random.random(), partial(self.come_back, node))

    def lose(self, node: Node, gone: NodeId) -> None:
        """A node hears that another cannot be reached."""
        node.giving.gone(gone)
        if node.fetch is not None:
            self.follow(node, node.fetch.gone(gone, self.now))

    def come_back(self, node: Node) -> None:
        """A box that ended starts anew."""
        node.is_alive = True
        self.begin(node)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed: ``copies`` are those of the blob that the origin sent."""

    copies: float
    seconds: float
    fired: Counter[str]
    digest: str


def simulate(seed: int, count: int = 10, *, is_calm: bool = False, copies: int = COPIES) -> Outcome:
    """Let ``count`` fresh nodes fetch one blob at once.

    Raises:
        LocalProtocolError: a node kept wrong bytes, or one that lives did not get all.
    """
    world = World(seed, count, is_calm=is_calm, copies=copies)
    if not is_calm:
        trouble(world)
    world.run(1000.0)
    for node in world.others:
        wrong = [chunk for chunk, data in node.have.items() if data != world.truth[chunk]]
        if wrong:
            raise LocalProtocolError(f"{len(wrong)} chunks are wrong", where=f"seed {seed}")
        if node.is_alive and (node.done_at is None or len(node.have) < CHUNKS):
            raise LocalProtocolError(
                f"{CHUNKS - len(node.have)} chunks are missing {world.failures[:1]}",
                where=f"seed {seed}",
            )
    seconds = max((node.done_at or 0.0 for node in world.others), default=0.0)
    told = f"{seconds} {[node.sent for node in world.nodes.values()]} {world.fired}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    return Outcome(world.origin.sent / CHUNKS, seconds, world.fired, digest)


def trouble(world: World) -> None:
    """What will happen to a seed's nodes."""
    liar, silent, *mortal = world.random.sample(world.others, 5)
    liar.is_liar = True
    for node in mortal:
        world.at(10.0 * world.random.random(), partial(world.end, node))

    def fall_silent() -> None:
        silent.silent_until = world.now + 30.0

    world.at(3.0 * world.random.random(), fall_silent)

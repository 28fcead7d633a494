"""Grants on a virtual network: boxes that own units, holders, disks that fail, by seed.

Each box has a Grantor with a journal on a virtual disk, and claims of its own. Messages are lost,
doubled, late and out of order; parts are cut off; boxes end at any moment and come back with their
journal, with its end torn, or without it; disks refuse to write; steady clocks run apart.
After every step each unit has at most one holder that may use it.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
import math
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.scheduling.grants import claim as claims
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.claim import Claim
from cantor.scheduling.grants.events import Tell, Tick, Write, WriteFailed, Written
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.stock import Have
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.scheduling.grants.events import Event
    from cantor.scheduling.grants.records import Answer, Asked, Lease

TTL_S = 6.0
PAUSES_S = (3.0, 0.8)
"""Between two faults: with the second, boxes end while they still look for what they had lost."""
TTL_MAX_S = 10.0
DRIFT = 0.02
FAULTS = (
    "lost", "doubled", "late", "cut", "ended", "torn", "journal lost", "disk refuses",
    "holder ended", "unit unplugged", "damaged",
)  # fmt: skip
NEEDS = ("GPU = 1", "GPU = 2", "Memory = 3GiB and GPU = 1", "Camera = 1", "Memory = 5GiB")
UNITS = {"GPU": ("gpu-a", "gpu-b"), "Camera": ("camera-a",)}
MEMORY = 8 * 2**30


@dataclass(slots=True)
class Box:
    """One node: what is on its disk survives it, the rest does not."""

    id: NodeId
    rate: float
    disk: bytes = b""
    whole: bytes | None = None
    epoch: int = 0
    life: int = 0
    grantor: Grantor | None = None
    cache: bytes = b""
    numbers: list[int] = field(default_factory=list)
    claims: dict[tuple[str, int], Claim] = field(default_factory=dict)
    units: dict[str, tuple[str, ...]] = field(default_factory=lambda: dict(UNITS))


class World:
    """The boxes of one seed and what is going to happen to them."""

    disk_s = 0.05
    """How long the disk takes, at most, for a group of records."""

    def __init__(self, seed: int, boxes: int = 4) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.fired: Counter[str] = Counter()
        self.held = 0
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.is_quiet = False
        self.tasks = itertools.count()
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        ids = [NodeId(f"{number:02d}" * 16) for number in range(boxes)]
        self.boxes = {one: Box(one, 1 + DRIFT * (2 * self.random.random() - 1)) for one in ids}
        for box in self.boxes.values():
            self.start(box)

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then; look after each step."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
            self.check()
        self.now = until_s

    def clock(self, box: Box) -> float:
        """The steady clock of a box, which runs a little too fast or slow."""
        return 1000.0 + self.now * box.rate

    def start(self, box: Box) -> None:
        """Begin a life: the epoch is on the disk before anything else, as it is on a real node."""
        box.epoch += 1
        box.life += 1
        kept = journal.read(box.disk)
        is_sound = kept.length == len(box.disk) > 0
        box.whole = None if is_sound else journal.written(kept)
        box.cache, box.numbers, box.claims = b"", [], {}
        box.grantor = Grantor(
            box.id, max(box.epoch, kept.epoch + 1), self.clock(box), kept,
            box.epoch > 1 and not box.disk, ttl_max_s=TTL_MAX_S,
        )  # fmt: skip
        self.tell(box, Tick())
        self.tell(box, self.have(box))
        self.wake(box, box.life)

    def have(self, box: Box) -> Have:
        """What a box has now."""
        quantities = [Resource(name, "quantity", len(units)) for name, units in box.units.items()]
        memory = Resource("Memory", "quantity", MEMORY, "B")
        return Have((*quantities, memory), {}, box.units)

    def wake(self, box: Box, life: int) -> None:
        """Time passes on a box: a few times a second, as in its driver."""
        if box.life != life or box.grantor is None:
            return
        self.tell(box, Tick())
        for claim in list(box.claims.values()):
            self.follow(box, claim, claim.tick(self.clock(box)))
        self.at(0.2 + 0.1 * self.random.random(), lambda: self.wake(box, life))

    def tell(self, box: Box, event: Event) -> None:
        """Give an owner an event and do what it wants."""
        if box.grantor is None:
            return
        for effect in box.grantor.handle(event, self.clock(box)):
            match effect:
                case Write(number, record):
                    box.cache += journal.encode(record)
                    box.numbers.append(number)
                    if len(box.numbers) == 1:
                        delay_s = self.disk_s * self.random.random()
                        self.at(delay_s, partial(self.sync, box, box.life))
                case Tell(holder, answer):
                    told = partial(self.answered, self.boxes[holder], box.id, answer)
                    self.send(box.id, holder, told)

    def sync(self, box: Box, life: int) -> None:
        """The disk has taken what was written, or refuses it."""
        if box.life != life or not box.numbers:
            return
        number, box.numbers = box.numbers[-1], []
        cache, box.cache = box.cache, b""
        if not self.is_quiet and self.chance(0.02, "disk refuses"):
            self.tell(box, WriteFailed(number, "No space left on device"))
            return
        box.disk = (box.disk if box.whole is None else box.whole) + cache
        box.whole = None
        self.tell(box, Written(number))

    def send(self, source: NodeId, target: NodeId, do: Callable[[], None]) -> None:
        """Carry a message; to itself nothing can happen to it."""
        if source == target:
            self.at(0.0, do)
            return
        if (source, target) in self.cuts or (not self.is_quiet and self.chance(0.05, "lost")):
            return
        delay_s = 0.001 + 0.02 * self.random.random()
        if not self.is_quiet and self.chance(0.05, "late"):
            delay_s += 12.0 * self.random.random()
        self.at(delay_s, do)
        if not self.is_quiet and self.chance(0.05, "doubled"):
            self.at(delay_s + 15.0 * self.random.random(), do)

    def asked(self, box: Box, asked: Asked) -> None:
        """A question arrives."""
        self.tell(box, asked)

    def answered(self, box: Box, node: NodeId, answer: Answer) -> None:
        """An answer arrives."""
        claim = box.claims.get((answer.key.task, answer.key.attempt))
        if claim is not None:
            self.follow(box, claim, claim.answered(node, answer, self.clock(box)))

    def follow(self, box: Box, claim: Claim, effects: list[claims.Effect]) -> None:
        """Do what a claim wants."""
        for effect in effects:
            match effect:
                case claims.Ask(node, asked):
                    self.send(box.id, node, partial(self.asked, self.boxes[node], asked))
                case claims.Holds():
                    self.held += 1
                    self.at(10.0 * self.random.random(), lambda: self.drop(box, claim, box.life))

    def drop(self, box: Box, claim: Claim, life: int) -> None:
        """The work is done."""
        if box.life == life:
            self.follow(box, claim, claim.drop(self.clock(box)))

    def submit(self, needs: Sequence[str] = NEEDS) -> None:
        """A box wants units of one node or of two."""
        box = self.random.choice(list(self.boxes.values()))
        count = 2 if self.random.random() < 0.3 else 1
        nodes = self.random.sample(list(self.boxes), count)
        wants = {node: parse(self.random.choice(needs)) for node in nodes}
        if box.grantor is None:
            return
        task = f"task {next(self.tasks)}"
        claim = Claim(box.id, task, 1, wants, TTL_S, self.random.randrange(3))
        box.claims[(task, 1)] = claim
        self.follow(box, claim, claim.tick(self.clock(box)))

    def settle(self, now: float) -> None:
        """No more trouble from now on."""
        self.now, self.is_quiet = now, True
        self.cuts.clear()

    def chance(self, of: float, name: str) -> bool:
        """Whether a fault happens."""
        happens = self.random.random() < of
        self.fired[name] += happens
        return happens

    def users(self) -> dict[NodeId, list[Lease]]:
        """The leases of each node that somebody may use now, as that one's own clock says."""
        used: dict[NodeId, list[Lease]] = {}
        for box in self.boxes.values():
            for claim in box.claims.values():
                if claim.state != "over" and self.is_used(box, claim):
                    for owner, lease in claim.leases.items():
                        used.setdefault(owner, []).append(lease)
        return used

    def is_used(self, box: Box, claim: Claim) -> bool:
        """Whether a holder takes its leases for good."""
        return box.grantor is not None and claim.is_valid(self.clock(box))

    def check(self) -> None:
        """No unit has two users, and nobody uses more than there is."""
        for owner, users in self.users().items():
            units = Counter(u for lease in users for named in lease.units.values() for u in named)
            twice = [unit for unit, count in units.items() if count > 1]
            memory = sum(lease.taken.get("Memory", 0) for lease in users)
            if twice or memory > MEMORY:
                held = ", ".join(lease.key.task for lease in users)
                raise LocalProtocolError(f"granted twice: {twice or memory}", where=held)
            tokens = Counter(lease.token for lease in users)
            if max(tokens.values(), default=0) > 1:
                raise LocalProtocolError("two grants have one token", where=owner[:4])


def trouble(world: World) -> None:
    """One fault, by chance."""
    box = world.random.choice(list(world.boxes.values()))
    kind = world.random.random()
    if kind < 0.4 and box.grantor is not None:
        end(world, box)
    elif kind < 0.7:
        other = world.random.choice(list(world.boxes))
        world.cuts |= {(box.id, other), (other, box.id)}
        world.fired["cut"] += 1
        world.at(20.0 * world.random.random(), world.cuts.clear)
    elif kind < 0.85:
        unplug(world, box)
    elif box.claims:
        task = world.random.choice(list(box.claims))
        claim = box.claims[task]
        if box.id not in claim.wants:  # a process that ends without a word; its agent would speak
            del box.claims[task]
            world.fired["holder ended"] += 1


def end(world: World, box: Box) -> None:
    """A box ends at once, what it was writing is half on the disk, and it comes back."""
    box.grantor = None
    world.fired["ended"] += 1
    if box.cache and box.whole is None and world.chance(0.5, "torn"):
        box.disk += box.cache[: world.random.randrange(len(box.cache))]
    if world.chance(0.15, "journal lost"):
        box.disk = b""
    elif box.disk and world.chance(0.1, "damaged"):
        at = world.random.randrange(len(box.disk))
        box.disk = box.disk[:at] + bytes([box.disk[at] ^ 1]) + box.disk[at + 1 :]
    box.life += 1
    world.at(3.0 * world.random.random(), lambda: world.start(box))


def unplug(world: World, box: Box) -> None:
    """A unit is pulled out for a while."""
    if box.grantor is None or box.units != UNITS:
        return
    world.fired["unit unplugged"] += 1
    box.units = {**UNITS, "GPU": ("gpu-a",)}
    world.tell(box, world.have(box))

    def back() -> None:
        box.units = dict(UNITS)
        world.tell(box, world.have(box))

    world.at(5.0 * world.random.random(), back)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    fired: Counter[str]
    held: int
    digest: str


def simulate(seed: int, *, seconds: float = 60.0, pause_s: float = 3.0) -> Outcome:
    """Trouble for a while, each ``pause_s``, then quiet: all that still wants must get it.

    Raises:
        LocalProtocolError: a unit had two users, or somebody waits for ever.
    """
    world = World(seed)
    for _ in range(int(seconds * 2)):
        world.at(seconds * world.random.random(), world.submit)
    for _ in range(int(seconds / pause_s)):
        world.at(seconds * world.random.random(), lambda: trouble(world))
    world.run(seconds)
    world.settle(seconds)
    world.run(seconds + 300.0)
    for box in world.boxes.values():
        stuck = [
            c.key for c in box.claims.values() if c.state != "over" and math.isfinite(c.wake_s)
        ]
        if stuck:
            raise LocalProtocolError(f"{stuck[0]} is not over", where=f"seed {seed}")
        if box.grantor is None or box.grantor.leases or box.grantor.waiting:
            raise LocalProtocolError("units are held by nobody", where=f"seed {seed}")
    return Outcome(world.fired, world.held, digest_of(world))


def digest_of(world: World) -> str:
    """The same for the same run: of all journals."""
    journals = b"".join(box.disk for box in world.boxes.values())
    return hashlib.sha256(journals).hexdigest()[:16]

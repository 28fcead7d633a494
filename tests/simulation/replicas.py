"""Replica groups on a virtual network: messages, disks and clocks that misbehave, by seed.

Boxes end at any moment and lose what was not synced; they come back with their disk or without it,
or never, and are declared dead and replaced. Parts are cut off, also one way. Disks are slow, and
refuse. Clients try to write and read at whoever answers, and what they saw must be linearizable.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from tests.simulation import replica_faults
from tests.simulation.linearizability import check
from tests.simulation.replica_clients import Client
from tests.simulation.replica_parts import MODELS, Box

from cantor.base.errors import LocalProtocolError
from cantor.base.ids import NodeId
from cantor.replication.core import Replica
from cantor.replication.events import (
    Answer,
    Apply,
    DeclaredDead,
    Found,
    Reachable,
    Received,
    Refuse,
    Restore,
    Send,
    SendSnapshot,
    SnapshotTaken,
    Standing,
    TakeSnapshot,
    Tick,
    Unreachable,
    Wanted,
    Write,
    WriteFailed,
    Written,
)
from cantor.replication.messages import Install, Letter
from cantor.replication.records import Kept, Members
from cantor.replication.settings import Settings
from cantor.replication.wording import decode_letter, encode_letter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.simulation.linearizability import Operation

    from cantor.replication.events import Effect, Event
    from cantor.replication.records import Entry, Epoch

SPARES = 2
MEMBERS = (2, 3, 5)
SETTINGS = Settings(
    heartbeat_s=0.3, election_s=1.0, hasty_s=0.05, resend_s=0.2, again_s=0.3, snapshot_again_s=1.0,
    idle_s=0.3, compact_entries=40, tail_entries=8, batch_entries=8,
)  # fmt: skip
FAULTS = (
    "lost", "doubled", "late", "cut", "cut one way", "ended", "unsynced lost", "disk lost",
    "disk refuses", "written though refused", "slow disk", "gone for ever", "declared dead",
    "replaced", "clock jumps", "wrongly unreachable", "fenced alive", "request lost",
)  # fmt: skip


class World:
    """The boxes of one seed and what is going to happen to them."""

    def __init__(self, seed: int, members: int, clients: int = 4) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.seed = seed
        self.now = 0.0
        self.fired: Counter[str] = Counter()
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.is_quiet = True
        self.settings = replace(SETTINGS, batch_entries=1) if seed % 2 else SETTINGS
        self.order: dict[int, Entry] = {}
        self.acknowledged = 0
        self.owners: dict[Epoch, NodeId] = {}
        self.history: list[Operation] = []
        self.deaths: list[NodeId] = []
        self.snapshots = 0
        self._members = (0, Members())
        self._births = itertools.count(1)
        self.tickets = itertools.count(1)
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        ids = [NodeId(f"{number:02d}" * 16) for number in range(members + SPARES)]
        self.wanted = tuple(ids[:members])
        self.spares = ids[members:]
        rate = self.random.random
        self.boxes = {one: Box(one, self.blank(), 0.9 + 0.2 * rate()) for one in ids}
        for box in self.boxes.values():
            self.start(box)
        self.tell(self.boxes[ids[0]], Found(self.wanted))
        self.clients = [Client(self, f"c{number}") for number in range(clients)]

    def blank(self) -> Kept:
        """A disk with nothing on it."""
        return Kept(next(self._births))

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
        self.now = until_s

    def chance(self, of: float, name: str) -> bool:
        """Whether a fault happens; none does when all is quiet."""
        happens = not self.is_quiet and self.random.random() < of
        self.fired[name] += happens
        return happens

    def clock(self, box: Box) -> float:
        """The steady clock of a box, which runs a little too fast or slow, and jumps ahead."""
        return 1000.0 + self.now * box.rate + box.offset

    def start(self, box: Box) -> None:
        """Begin a life with what is on the disk."""
        box.begin()
        box.core = Replica(box.id, box.kept, self.random.random, self.settings)
        self.do(box, box.core.start(self.clock(box)))
        for node in self.deaths:
            self.tell(box, DeclaredDead(node))
        self.remind(box, box.life)

    def end(self, box: Box) -> None:
        """It ends at once; what the disk was about to write is there or not."""
        if box.writing is not None:
            if self.random.random() < 0.3:
                box.store(box.writing)
            else:
                self.fired["unsynced lost"] += 1
        box.core = box.writing = None
        box.life += 1

    def remind(self, box: Box, life: int) -> None:
        """A driver tells who is wanted, as the ledger says it."""
        if box.life == life and box.core is not None:
            if box.standing is not None and box.standing.is_owner:
                self.tell(box, Wanted(self.wanted))
            self.at(1.0 + self.random.random(), partial(self.remind, box, life))

    def wake(self, box: Box, life: int) -> None:
        """The time has come that a box has asked for."""
        if box.life == life and box.core is not None and self.now >= box.wake_at:
            self.tell(box, Tick())

    def tell(self, box: Box, event: Event) -> None:
        """Give a box an event and do what it wants."""
        if box.core is not None:
            self.do(box, box.core.handle(event, self.clock(box)))

    def do(self, box: Box, effects: list[Effect]) -> None:
        """Do what a box wants."""
        life = box.life
        for effect in effects:
            if box.life == life:
                self.do_one(box, effect)
        if box.life == life and box.core is not None:
            due = (box.core.due - self.clock(box)) / box.rate
            box.wake_at = self.now + max(0.0001, due)
            if due < 1e6:
                self.at(max(0.0001, due), partial(self.wake, box, life))

    def do_one(self, box: Box, effect: Effect) -> None:
        """Do one thing."""
        match effect:
            case Send(node, letter):
                self.send(box.id, node, letter)
            case SendSnapshot():
                self.send_snapshot(box, effect)
            case Write():
                self.write(box, effect)
            case Apply(entry, ticket):
                self.apply(box, entry, ticket)
            case Answer() | Refuse():
                self.answer(box, effect)
            case TakeSnapshot(index):
                told = SnapshotTaken(index, box.sessions.snapshot())
                self.at(0.0, partial(self.later, box, box.life, told))
            case Restore(snapshot):
                box.sessions.restore(snapshot.data)
            case Standing():
                self.stand(box, effect)

    def send_snapshot(self, box: Box, wish: SendSnapshot) -> None:
        """What is on the disk goes to another box."""
        if box.kept.snapshot is not None:
            body = Install(wish.epoch, wish.round, box.kept.snapshot)
            self.snapshots += 1
            self.send(box.id, wish.node, Letter(wish.birth, wish.to, body))

    def answer(self, box: Box, effect: Answer | Refuse) -> None:
        """A box answers a read, or does not do something."""
        one = box.tickets.pop(effect.ticket)
        if isinstance(effect, Answer):
            one.answered(box.things)
        else:
            one.refused(effect.why, effect.owner)

    def later(self, box: Box, life: int, event: Event) -> None:
        """An event for that life of a box."""
        if box.life == life:
            self.tell(box, event)

    def stand(self, box: Box, standing: Standing) -> None:
        """What a box may do has changed: one owns the group in an epoch."""
        box.standing = standing
        if standing.is_owner and self.owners.setdefault(standing.epoch, box.id) != box.id:
            raise LocalProtocolError(f"two own epoch {standing.epoch}", where=f"seed {self.seed}")

    def apply(self, box: Box, entry: Entry, ticket: int | None) -> None:
        """An entry counts: it is the same everywhere."""
        known = self.order.setdefault(entry.index, entry)
        if known != entry:
            raise LocalProtocolError(
                f"entry {entry.index} is two: {known.epoch} and {entry.epoch}",
                where=f"seed {self.seed}",
            )
        outcome = box.sessions.apply(entry)
        if ticket is not None:
            self.acknowledged = max(self.acknowledged, entry.index)
            box.tickets.pop(ticket).done(outcome)

    def write(self, box: Box, write: Write) -> None:
        """The disk takes its time."""
        box.writing = write
        delay_s = 0.01 * self.random.random()
        if box.is_slow or self.chance(0.01, "slow disk"):
            delay_s += 2.0 * self.random.random()
        self.at(delay_s, partial(self.synced, box, box.life, write))

    def synced(self, box: Box, life: int, write: Write) -> None:
        """The disk has done it, or refuses."""
        if box.life != life:
            return
        box.writing = None
        if box.is_full or self.chance(0.01, "disk refuses"):
            if self.chance(0.3, "written though refused"):
                box.store(write)
            self.tell(box, WriteFailed(write.serial))
            return
        box.store(write)
        self.tell(box, Written(write.serial))

    def send(self, source: NodeId, target: NodeId, letter: Letter) -> None:
        """Carry a message."""
        if (source, target) in self.cuts or self.chance(0.03, "lost"):
            return
        delay_s = 0.001 + 0.01 * self.random.random()
        if self.chance(0.03, "late"):
            delay_s += 8.0 * self.random.random()
        arrive = partial(self.arrive, source, target, letter)
        self.at(delay_s, arrive)
        if self.chance(0.03, "doubled"):
            self.at(delay_s + 8.0 * self.random.random(), arrive)

    def arrive(self, source: NodeId, target: NodeId, letter: Letter) -> None:
        """A message is there."""
        if self.seed % 8 == 0:  # as bytes, sometimes: it takes its time
            letter = decode_letter(encode_letter(letter))
        self.tell(self.boxes[target], Received(source, letter))

    def mesh_says(self, node: NodeId, *, is_reachable: bool) -> None:
        """Sooner or later the mesh tells the others; sometimes it does not."""
        event = Reachable(node) if is_reachable else Unreachable(node)
        for box in self.boxes.values():
            if box.id != node and self.random.random() < 0.8:
                delay_s = 0.5 * self.random.random()
                self.at(delay_s, partial(self.later, box, box.life, event))

    def declare_dead(self, node: NodeId) -> None:
        """An issuer has signed that a node is dead; all hear of it, in their time."""
        self.deaths.append(node)
        for box in self.boxes.values():
            delay_s = 1.0 * self.random.random()
            self.at(delay_s, partial(self.later, box, box.life, DeclaredDead(node)))

    def members(self) -> tuple[int, Members]:
        """The newest members that are committed, and by which entry, as nobody in it can know."""
        found = [self._members]
        for box in self.boxes.values():
            if box.core is not None:
                ground = box.core._ground
                found.append(ground.log.members_then(max(ground.committed, ground.log.snapshot)))
        self._members = max(found, key=lambda one: one[0])
        return self._members

    def settle(self) -> None:
        """No more trouble from now on: who can comes back."""
        self.is_quiet = True
        self.cuts.clear()
        for box in self.boxes.values():
            box.is_full = box.is_slow = False
            if box.core is None and not box.is_gone:
                self.start(box)
        for box in self.boxes.values():
            if box.is_gone and box.id not in self.deaths:
                replica_faults.bury(self, box)

    def where(self) -> str:
        """What to say of a failure."""
        return f"replicas, seed {self.seed}, {len(self.wanted)} members"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    fired: Counter[str]
    operations: int
    epochs: int
    snapshots: int
    digest: str


def simulate(
    seed: int,
    *,
    members: int = 0,
    seconds: float = 20.0,
    pause_s: float = 0.6,
    kinds: Mapping[str, int] = replica_faults.KINDS,
) -> Outcome:
    """Trouble for a while, each ``pause_s``, then quiet: all that clients want must be done.

    Raises:
        LocalProtocolError: something that was acknowledged is lost, two entries have one place, two
            nodes own an epoch, what clients saw is not linearizable, or somebody waits for ever.
    """
    world = World(seed, members or MEMBERS[seed % 3])
    world.run(5.0)
    if len(world.members()[1].seats) != len(world.wanted):
        raise LocalProtocolError("the group is not complete", where=world.where())
    world.is_quiet = False
    for client in world.clients:
        client.begin()
    for _ in range(int(seconds / pause_s)):
        world.at(seconds * world.random.random(), partial(replica_faults.trouble, world, kinds))
    world.run(5.0 + seconds)
    world.settle()
    for client in world.clients:
        client.is_ending = True
    for _ in range(18):
        world.run(world.now + 5.0)
        if is_over(world):
            break
    operations = check(world.history, MODELS)
    check_end(world)
    return Outcome(world.fired, operations, len(world.owners), world.snapshots, digest_of(world))


def is_over(world: World) -> bool:
    """Whether all is done and all know all."""
    _, members = world.members()
    boxes = [world.boxes[seat.node] for seat in members.seats]
    last = max(world.order)
    return (
        all(client.operation is None for client in world.clients)
        and set(members.nodes) == set(world.wanted)
        and all(box.core is not None and box.core._applied >= last for box in boxes)
    )


def check_end(world: World) -> None:
    """All who are wanted have all that was acknowledged, and nobody waits."""
    waiting = [client.name for client in world.clients if client.operation is not None]
    if waiting:
        raise LocalProtocolError(f"{', '.join(waiting)} wait for ever", where=world.where())
    members = world.members()[1]
    if set(members.nodes) != set(world.wanted):
        raise LocalProtocolError("not all who are wanted are members", where=world.where())
    states = set()
    for seat in members.seats:
        box = world.boxes[seat.node]
        if box.core is None or box.core._applied < world.acknowledged:
            raise LocalProtocolError("what was acknowledged is lost", where=world.where())
        states.add(box.sessions.snapshot())
    if len(states) != 1:
        raise LocalProtocolError("members differ", where=world.where())


def digest_of(world: World) -> str:
    """The same for the same run."""
    told = [*map(str, world.history), *map(str, sorted(world.order.items()))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]

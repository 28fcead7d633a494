"""Tasks on a virtual network: who submits, who runs attempts, and all that goes wrong, by seed.

Each node submits and runs. Messages are never lost while both ends live, as streams see to that,
but they are late, doubled and out of order; what is under way to a node that ends is lost, or taken
in its next life. Nodes end at any moment and come back in a new life; parts are cut off, and who is
cut off is taken for dead by each side at its own time; workers die; units are taken. Each task has
one end, no attempt begins twice, what may run once begins once, and in the end nothing is left.
"""

from __future__ import annotations

import hashlib
import heapq
import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.base.ids import NodeId
from cantor.scheduling.needs import parse
from cantor.scheduling.tasks.dispatch import Dispatch
from cantor.scheduling.tasks.hosting import Begin, Hosting, Key
from cantor.scheduling.tasks.records import (
    Abort,
    Cancelled,
    Commit,
    Died,
    Dropped,
    Ended,
    GiveUp,
    Host,
    Hosts,
    Job,
    Refused,
    Run,
    Submitted,
    Tick,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.scheduling.tasks.hosting import Effect as HostEffect
    from cantor.scheduling.tasks.records import Effect, Event

FAULTS = (
    "doubled",
    "late",
    "ended",
    "cut",
    "worker died",
    "busy",
    "cancelled",
    "expired",
    "taken again",
)
NODES = 5
WORKERS = 2
ENDS = 0.6
"""Of the time, nodes end in so much: an end mends what somebody would wait for in vain."""


@dataclass(slots=True)
class Box:
    """One node; nothing of it survives its end."""

    id: NodeId
    life: int = 0
    is_up: bool = False
    dispatch: Dispatch = field(default_factory=Dispatch)
    hosting: Hosting = field(default_factory=lambda: Hosting(0))
    seen: dict[NodeId, int] = field(default_factory=dict)
    """The nodes that it can reach, as far as it knows, with their lives."""
    numbers: int = 0
    once: set[int] = field(default_factory=set)
    endless: set[int] = field(default_factory=set)
    """Tasks whose function never returns."""


class World:
    """The nodes of one seed and what is going to happen to them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.is_quiet = False
        self.fired: Counter[str] = Counter()
        self.ends: Counter[str] = Counter()
        self.told = hashlib.sha256()
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self.open: set[tuple[NodeId, int, int]] = set()
        """Tasks whose submitter lives and waits: node, life, task."""
        self.begun: Counter[Key] = Counter()
        self.begun_tasks: Counter[tuple[NodeId, int, int]] = Counter()
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        self.boxes = {one: Box(one) for one in (NodeId(f"{n:02d}" * 16) for n in range(NODES))}
        for box in self.boxes.values():
            self.start(box)

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
        self.now = until_s

    def start(self, box: Box) -> None:
        """Begin a life."""
        box.life += 1
        box.is_up, box.numbers = True, 0
        box.dispatch, box.hosting = Dispatch(), Hosting(box.life)
        box.seen, box.once, box.endless = {box.id: box.life}, set(), set()
        self.look(box)
        for other in self.boxes.values():
            self.at(0.2 * self.random.random(), partial(self.meet, other, box))
            self.at(0.2 * self.random.random(), partial(self.meet, box, other))
        self.tick(box, box.life)

    def end(self, box: Box) -> None:
        """A node ends at once, and comes back after a while."""
        if not box.is_up:
            return
        self.fired["ended"] += 1
        box.is_up = False
        self.open = {task for task in self.open if task[0] != box.id}
        for other in self.boxes.values():
            self.at(0.5 * self.random.random(), partial(self.lose, other, box.id, box.life))
        self.at(2.0 * self.random.random(), partial(self.start, box))

    def meet(self, box: Box, other: Box) -> None:
        """A node comes to reach another, and hears its facts."""
        if box.is_up and other.is_up and (box.id, other.id) not in self.cuts:
            box.seen[other.id] = other.life
            self.look(box)

    def lose(self, box: Box, node: NodeId, life: int) -> None:
        """A node takes another for dead, unless that has come back meanwhile."""
        if box.is_up and box.seen.get(node) == life and node != box.id:
            del box.seen[node]
            self.look(box)
            self.carry_out(box, box.hosting.gone(node), say=True)

    def look(self, box: Box) -> None:
        """A node looks at whom it can reach."""
        hosts = [
            Host(node, node[:2], life, WORKERS, "3.11", distance=0.0 if node == box.id else 0.25)
            for node, life in sorted(box.seen.items())
        ]
        self.tell(box, Hosts(tuple(hosts)))

    def cut(self) -> None:
        """Two nodes cannot reach each other for a while; each notes that when it does, or never."""
        one, other = self.random.sample(list(self.boxes.values()), 2)
        pair = {(one.id, other.id), (other.id, one.id)}
        self.cuts |= pair
        self.fired["cut"] += 1
        for box, node in ((one, other), (other, one)):
            if self.random.random() < 0.8:
                self.at(self.random.random(), partial(self.lose, box, node.id, node.life))

        def heal() -> None:
            self.cuts -= pair
            self.meet(one, other)
            self.meet(other, one)

        self.at(4.0 * self.random.random(), heal)

    def tick(self, box: Box, life: int) -> None:
        """Time passes on a node."""
        if box.is_up and box.life == life:
            self.tell(box, Tick())
            self.at(0.1, partial(self.tick, box, life))

    def submit(self) -> None:
        """A script submits a task at some node."""
        box = self.random.choice(list(self.boxes.values()))
        if not box.is_up:
            return
        box.numbers += 1
        job = Job(box.numbers, parse(""), retries=self.random.randrange(6))
        if self.random.random() < 0.2:
            job = replace(job, at_most_once=True)
            box.once.add(job.id)
        if self.random.random() < 0.1:
            job = replace(job, deadline=self.now + 2.0 * self.random.random())
            if self.random.random() < 0.5:
                box.endless.add(job.id)
        self.open.add((box.id, box.life, job.id))
        self.tell(box, Submitted(job))
        if self.random.random() < 0.1:
            self.at(self.random.random(), partial(self.cancel, box, box.life, job.id))

    def cancel(self, box: Box, life: int, task: int) -> None:
        """Nobody wants it any more."""
        if (box.id, life, task) in self.open:
            self.fired["cancelled"] += 1
            self.tell(box, Cancelled(task))

    def tell(self, box: Box, event: Event) -> None:
        """Give a submitter an event and do what it wants."""
        if not box.is_up:
            return
        for effect in box.dispatch.handle(event, self.now):
            self.follow(box, effect)

    def follow(self, box: Box, effect: Effect) -> None:
        """Do what a submitter wants."""
        match effect:
            case Run(node, life, task, attempt):
                key = Key(box.id, box.life, task, attempt)
                self.send(box, node, partial(self.asked, key, life))
            case Abort(node, task, attempt):
                key = Key(box.id, box.life, task, attempt)
                self.send(box, node, partial(self.called_off, key))
            case Commit(task, _):
                self.close(box, task, "committed")
            case GiveUp(task, why):
                self.fired["expired"] += why == "expired"
                self.close(box, task, why)

    def close(self, box: Box, task: int, how: str) -> None:
        """The one end of a task."""
        name = (box.id, box.life, task)
        if name not in self.open:
            raise LocalProtocolError("a task has ended twice", where=f"{box.id[:4]}/{task}")
        self.open.remove(name)
        self.ends[how] += 1
        self.told.update(f"{self.now:.6f} {name} {how}".encode())

    def asked(self, key: Key, life: int, box: Box) -> None:
        """A node is asked to run an attempt."""
        self.carry_out(box, box.hosting.asked(key, life))

    def called_off(self, key: Key, box: Box) -> None:
        """A node is asked to end one."""
        self.carry_out(box, box.hosting.called_off(key))

    def carry_out(self, box: Box, effects: Iterable[HostEffect], *, say: bool = False) -> None:
        """Do what a node that runs attempts wants."""
        for effect in effects:
            if isinstance(effect, Begin):
                self.begin(box, effect.key)
                continue
            if say:
                key = effect.key
                self.answer(box, key, Dropped(box.id, key.task, key.attempt))

    def begin(self, box: Box, key: Key) -> None:
        """An attempt begins, unless its units are taken."""
        if not self.is_quiet and self.chance(0.1, "busy"):
            box.hosting.ended(key)
            self.answer(box, key, Refused(box.id, key.task, key.attempt, "busy"))
            return
        self.begun[key] += 1
        task = (key.node, key.life, key.task)
        self.begun_tasks[task] += 1
        submitter = self.boxes[key.node]
        is_once = submitter.life == key.life and key.task in submitter.once
        if self.begun[key] > 1 or (is_once and self.begun_tasks[task] > 1):
            raise LocalProtocolError("begun twice", where=str(key))
        if submitter.life != key.life or key.task not in submitter.endless:
            self.at(0.5 * self.random.random(), partial(self.finish, box, box.life, key))

    def finish(self, box: Box, life: int, key: Key) -> None:
        """An attempt is done, or its worker dies."""
        if not box.is_up or box.life != life or not box.hosting.is_running(key):
            return
        box.hosting.ended(key)
        has_died = not self.is_quiet and self.chance(0.1, "worker died")
        self.answer(box, key, (Died if has_died else Ended)(box.id, key.task, key.attempt))

    def answer(self, box: Box, key: Key, event: Event) -> None:
        """Tell a submitter, in the life in which it asked."""

        def hear(submitter: Box) -> None:
            if submitter.life == key.life:
                self.tell(submitter, event)

        self.send(box, key.node, hear)

    def send(self, source: Box, to: NodeId, do: Callable[[Box], None]) -> None:
        """Carry a message as a stream does: it is sent again until its target has it or ends."""
        target, life, lives = self.boxes[to], source.life, self.boxes[to].life

        def arrive() -> None:
            if not target.is_up:
                return
            if target.life != lives and (self.is_quiet or not self.chance(0.3, "taken again")):
                return  # else: it had taken it, and ended before it said so
            if (source.id, to) in self.cuts:
                if source.is_up and source.life == life:
                    self.at(0.3, arrive)
                return
            do(target)

        delay_s = 0.0 if source.id == to else 0.001 + 0.01 * self.random.random()
        if not self.is_quiet and self.chance(0.05, "late"):
            delay_s += 3.0 * self.random.random()
        self.at(delay_s, arrive)
        if not self.is_quiet and self.chance(0.05, "doubled"):
            self.at(delay_s + 3.0 * self.random.random(), arrive)

    def chance(self, of: float, name: str) -> bool:
        """Whether a fault happens."""
        happens = self.random.random() < of
        self.fired[name] += happens
        return happens


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    fired: Counter[str]
    ends: Counter[str]
    digest: str


def simulate(seed: int, *, seconds: float = 30.0) -> Outcome:
    """Trouble for a while, then quiet: all that still wait must end.

    Raises:
        LocalProtocolError: an attempt began twice, a task ended twice, or waits for ever.
    """
    world = World(seed)
    for _ in range(int(seconds * 8)):
        world.at(seconds * world.random.random(), world.submit)
    for _ in range(int(seconds / 2)):
        box = world.random.choice(list(world.boxes.values()))
        world.at(ENDS * seconds * world.random.random(), partial(world.end, box))
        world.at(seconds * world.random.random(), world.cut)
    world.run(seconds)
    world.is_quiet = True
    world.run(seconds + 60.0)
    if world.open:
        raise LocalProtocolError(f"{len(world.open)} tasks wait for ever", where=f"seed {seed}")
    left = sum(box.hosting.running for box in world.boxes.values())
    if left:
        raise LocalProtocolError(f"{left} attempts run that nobody wants", where=f"seed {seed}")
    return Outcome(world.fired, world.ends, world.told.hexdigest())

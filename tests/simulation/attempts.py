"""Tasks on a virtual network: who submits, who runs attempts, and all that goes wrong, by seed.

Each node submits and runs. Messages and nodes fail as ``nodes`` says; workers die; units are taken.
Each task has one end, no attempt begins twice, what may run once begins once, and in the end
nothing is left.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.nodes import Nodes

from cantor.base.errors import LocalProtocolError
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
    Hosts,
    Job,
    Refused,
    Run,
    Submitted,
    Tick,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
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


class World(Nodes[Box]):
    """The nodes of one seed and what is going to happen to them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, NODES, Box)
        self.ends: Counter[str] = Counter()
        self.told = hashlib.sha256()
        self.open: set[tuple[NodeId, int, int]] = set()
        """Tasks whose submitter lives and waits: node, life, task."""
        self.begun: Counter[Key] = Counter()
        self.begun_tasks: Counter[tuple[NodeId, int, int]] = Counter()
        for box in self.boxes.values():
            self.start(box)

    def begin(self, box: Box) -> None:
        box.numbers = 0
        box.dispatch, box.hosting = Dispatch(), Hosting(box.life)
        box.once, box.endless = set(), set()
        self.tick(box, box.life)

    def looked(self, box: Box) -> None:
        self.tell(box, Hosts(self.hosts(box)))

    def lost(self, box: Box, node: NodeId) -> None:
        self.carry_out(box, box.hosting.gone(node), say=True)

    def ended(self, box: Box) -> None:
        self.open = {task for task in self.open if task[0] != box.id}

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
                self.begin_attempt(box, effect.key)
                continue
            if say:
                key = effect.key
                self.answer(box, key, Dropped(box.id, key.task, key.attempt))

    def begin_attempt(self, box: Box, key: Key) -> None:
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

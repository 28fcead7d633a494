"""Global variables of a virtual mesh, by seed: writes on all sides, losses, parts, restarts.

The real rules of every node on messages that are late, doubled, out of order or lost, unless they
are large. Nodes of another tenant lie between. The tree changes, and nodes learn of it at their own
time. Nodes are killed and come back with what their disks hold; some never do. When all is quiet
every node has the same, and of every variable what was set last, if its setter was told that it is
kept.
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

from cantor.base.errors import CantorError
from cantor.base.ids import NodeId
from cantor.ledger.variables.branches import neighbours
from cantor.ledger.variables.replica import Limits, Replica
from cantor.ledger.variables.spreading import NEVER, Message, Spreading
from cantor.mesh.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.ledger.variables.entry import Entry

WALL_S = 1_750_000_000.0
FLUSH_S = 0.2
LEARN_S = 0.3
LOST = 0.02
TROUBLE_S = 60.0
QUIET_S = 15.0
FORGETFUL = Limits(tombstones_s=45.0)
"""Longer than a node is away at most."""
DOUBLED = 0.02
FAULTS = ("parted", "killed", "lost", "doubled", "late", "lost for ever", "written on both sides")


@dataclass(slots=True)
class Box:
    """A node. ``disk`` outlives a kill; ``skew_s`` is how far its clock is ahead."""

    id: NodeId
    is_stranger: bool
    spreading: Spreading
    disk: dict[str, Entry] = field(default_factory=dict)
    horizon: int = 0
    unsaved: set[str] = field(default_factory=set)
    life: int = 0
    is_alive: bool = True
    is_gone: bool = False
    skew_s: float = 0.0
    wakes_at: float = NEVER


class World:
    """The nodes of one seed, and what is going to happen to them."""

    def __init__(
        self, seed: int, count: int = 12, *, strangers: int = 2, limits: Limits | None = None
    ) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.limits = limits or Limits()
        self.now = 0.0
        self.is_quiet = False
        self.fired: Counter[str] = Counter()
        self.acknowledged: dict[str, Entry] = {}
        self.seen_s: list[float] = []
        """How long after it was set each node saw a change."""
        self.parts: dict[NodeId, int] = {}
        self.digest = hashlib.sha256()
        self._set_at: dict[bytes, float] = {}
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        ids = [
            NodeId(hashlib.sha256(f"{seed} {n}".encode()).hexdigest()[:32]) for n in range(count)
        ]
        self.boxes = {
            one: Box(one, n < strangers, Spreading(Replica(one, limits=self.limits)))
            for n, one in enumerate(ids)
        }
        self._across: list[tuple[NodeId, NodeId]] = []
        for one in ids:
            self._across.append((one, self.random.choice([two for two in ids if two != one])))
        self.learn()

    @property
    def own(self) -> list[Box]:
        """The nodes of the tenant that are not gone for ever."""
        return [box for box in self.boxes.values() if not box.is_stranger and not box.is_gone]

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
        self.now = until_s

    def wall(self, box: Box) -> float:
        """What a node's clock says."""
        return WALL_S + self.now + box.skew_s

    def set(self, box: Box, name: str, value: bytes | None) -> Entry | None:
        """Somebody sets a variable on a node; it is acknowledged when the disk has it.

        Raises:
            UnavailableError: the node refuses.
        """
        entry = box.spreading.set(name, value, self.now, self.wall(box))
        self.digest.update(f"{self.now} {box.id} {entry!r}".encode())
        if entry is not None:
            self._set_at[entry.mark] = self.now
            self.at(self.random.uniform(0.002, 0.01), partial(self._synced, box, box.life, entry))
            self.follow(box)
        return entry

    def kill(self, box: Box, away_s: float) -> None:
        """A node ends at once, and comes back with what its disk has."""
        self.fired["killed"] += 1
        box.is_alive, box.life = False, box.life + 1
        self.learn()
        self.at(away_s, partial(self.revive, box))

    def revive(self, box: Box) -> None:
        """It is back."""
        if box.is_gone or box.is_alive:
            return
        replica = Replica(box.id, box.disk.values(), horizon=box.horizon, limits=self.limits)
        box.spreading, box.is_alive, box.wakes_at = Spreading(replica), True, NEVER
        box.unsaved.clear()
        self.learn()

    def part(self, side: Callable[[NodeId], int]) -> None:
        """The mesh comes apart."""
        self.fired["parted"] += 1
        self.parts = {one: side(one) for one in self.boxes}
        self.learn()

    def heal(self) -> None:
        """The parts meet."""
        self.parts = {}
        self.learn()

    def learn(self) -> None:
        """Every node learns of the tree as it is, at its own time."""
        branches = self._tree()
        for box in self.boxes.values():
            if box.is_alive and not box.is_stranger:
                delay_s = LEARN_S * self.random.random()
                self.at(delay_s, partial(self._learnt, box, box.life, branches))

    def follow(self, box: Box) -> None:
        """Carry out what a node wants, and wake it when something is due."""
        changed, gone = box.spreading.take_changed()
        for entry in changed:
            if entry.mark in self._set_at:
                self.seen_s.append(self.now - self._set_at[entry.mark])
        for name in gone:
            box.disk.pop(name, None)
        box.horizon = box.spreading.replica.horizon
        if changed and not box.unsaved:
            self.at(FLUSH_S, partial(self._flush, box, box.life))
        box.unsaved.update(entry.name for entry in changed)
        for message in box.spreading.take_messages():
            self._send(box, message)
        due = box.spreading.next_due()
        if due < box.wakes_at:
            box.wakes_at = due
            self.at(max(0.0, due - self.now), partial(self._wake, box, box.life))

    def check(self) -> None:
        """Every node has the same, and nothing that was acknowledged is lost."""
        alive = [box for box in self.own if box.is_alive]
        roots = {box.spreading.replica.root for box in alive}
        check(len(roots) == 1, f"{len(roots)} different copies")
        held = alive[0].spreading.replica.entries
        for name, entry in self.acknowledged.items():
            check(held.get(name, entry) >= entry, f"{name} is older than what was acknowledged")
            if name not in held:
                check(entry.value is None, f"{name} is lost")

    def _synced(self, box: Box, life: int, entry: Entry) -> None:
        if box.life != life or not box.is_alive:
            return
        self._write(box, entry)
        known = self.acknowledged.get(entry.name)
        if known is None or entry > known:
            self.acknowledged[entry.name] = entry

    def _flush(self, box: Box, life: int) -> None:
        if box.life == life:
            for name in box.unsaved:
                if name in box.spreading.replica.entries:
                    self._write(box, box.spreading.replica.entries[name])
            box.unsaved.clear()

    def _write(self, box: Box, entry: Entry) -> None:
        if entry.name not in box.disk or box.disk[entry.name] < entry:
            box.disk[entry.name] = entry

    def _wake(self, box: Box, life: int) -> None:
        if box.life != life or self.now < box.wakes_at:
            return
        box.wakes_at = NEVER
        reached = sum(b.is_alive and self._side(b.id) == self._side(box.id) for b in self.own)
        box.spreading.do_due(self.now, self.wall(box), may_forget=2 * reached > len(self.own))
        self.follow(box)

    def _learnt(self, box: Box, life: int, branches: dict[NodeId, list[NodeId]]) -> None:
        if box.life != life:
            return
        members = {one.id for one in self.own if one.is_alive}
        if box.id in members:
            near = neighbours(box.id, branches, members)
            box.spreading.around(near, sorted(members), self.now, self.wall(box))
            self.follow(box)

    def _send(self, box: Box, message: Message) -> None:
        target = self.boxes[message.to]
        delay_s = self.random.uniform(0.001, 0.01) + len(b"".join(message.body)) / 10e6
        if message.is_large:
            delay_s *= 2
        elif not self.is_quiet and self._chance(LOST, "lost"):
            return
        if not self.is_quiet and self._chance(0.02, "late"):
            delay_s += 3 * self.random.random()
        arrive = partial(self._arrive, box, target, target.life, message)
        self.at(delay_s, arrive)
        if not self.is_quiet and self._chance(DOUBLED, "doubled"):
            self.at(delay_s + self.random.random(), arrive)

    def _arrive(self, source: Box, target: Box, life: int, message: Message) -> None:
        if target.life != life or not target.is_alive or target.is_gone:
            return
        if self._side(source.id) != self._side(target.id):
            return
        self.digest.update(f"{self.now} {target.id} {message.headers['s']!r}".encode())
        self.digest.update(b"".join(message.body))
        target.spreading.heard(
            source.id, message.headers, message.body, self.now, self.wall(target)
        )
        self.follow(target)

    def _side(self, node: NodeId) -> int:
        return self.parts.get(node, 0)

    def _chance(self, of: float, name: str) -> bool:
        happens = self.random.random() < of
        self.fired[name] += happens
        return happens

    def _links(self) -> list[tuple[NodeId, NodeId]]:
        """Some at random, and a ring of all nodes that are not gone: they would dial each other."""
        ring = [box.id for box in self.boxes.values() if not box.is_gone]
        return [*self._across, *zip(ring, ring[1:] + ring[:1], strict=True)]

    def _tree(self) -> dict[NodeId, list[NodeId]]:
        """The spanning tree of the links that exist now."""
        graph = Graph()
        rows: dict[NodeId, list[list[object]]] = {one: [] for one in self.boxes}
        for number, (one, other) in enumerate(self._links()):
            ends = self.boxes[one], self.boxes[other]
            if all(b.is_alive and not b.is_gone for b in ends) and self._side(one) == self._side(
                other
            ):
                rows[one].append([other, 1.0 + number])
                rows[other].append([one, 1.0 + number])
        for one, links in rows.items():
            graph.announced(one, links)  # type: ignore[arg-type]
        return {one: sorted(near) for one, near in graph.tree.branches.items()}


class Trouble:
    """What happens to a world by chance: writes everywhere, and faults."""

    def __init__(self, world: World, until_s: float = TROUBLE_S, names: int = 20) -> None:
        self._world = world
        self._until_s = until_s
        self._names = [f"v{number}" for number in range(names)]
        world.at(0.5, self._write)
        world.at(1.0, self._fault)

    def _write(self) -> None:
        world = self._world
        if world.now >= self._until_s:
            return
        alive = [box for box in world.own if box.is_alive]
        box, random = world.random.choice(alive), world.random
        name = random.choice(self._names)
        world.set(box, name, None if random.random() < 0.2 else random.randbytes(8))
        if world.parts:
            others = [one for one in alive if world.parts[one.id] != world.parts[box.id]]
            if others:
                world.fired["written on both sides"] += 1
                world.set(random.choice(others), name, random.randbytes(8))
        world.at(random.expovariate(4.0), self._write)

    def _fault(self) -> None:
        world, random = self._world, self._world.random
        if world.now >= self._until_s:
            return
        alive = [box for box in world.own if box.is_alive]
        match random.randrange(6):
            case 0 | 1 if not world.parts:
                world.part(lambda _: random.randrange(2))
                world.at(random.uniform(1, 20), world.heal)
            case 2 | 3 | 4 if len(alive) > 3:
                world.kill(random.choice(alive), random.uniform(0.1, 15))
            case 5 if len(alive) > 6 and not world.parts and len(world.own) > 8:
                self._lose(random.choice(alive))
        world.at(random.expovariate(0.3), self._fault)

    def _lose(self, box: Box) -> None:
        """A node is lost for ever: what no other has yet is lost with it."""
        world = self._world
        world.fired["lost for ever"] += 1
        box.is_gone, box.is_alive, box.life = True, False, box.life + 1
        best: dict[str, Entry] = {}
        for other in world.own:
            for name, entry in {**other.disk, **other.spreading.replica.entries}.items():
                if name not in best or entry > best[name]:
                    best[name] = entry
        for name, entry in list(world.acknowledged.items()):
            if name not in best:
                del world.acknowledged[name]
            elif best[name] < entry:
                world.acknowledged[name] = best[name]
        world.learn()


def run_seed(seed: int, nodes: int = 12, *, is_forgetful: bool = False) -> World:
    """One seed to its end. ``is_forgetful``: what was deleted is remembered for a moment only.

    Raises:
        CantorError: a promise was broken.
    """
    world = World(seed, nodes, limits=FORGETFUL if is_forgetful else None)
    Trouble(world)
    world.run(TROUBLE_S)
    world.is_quiet = True
    world.heal()
    for box in world.own:
        world.revive(box)
    world.run(TROUBLE_S + QUIET_S + (2 * FORGETFUL.tombstones_s if is_forgetful else 0.0))
    world.check()
    return world


def check(holds: bool, what: str) -> None:
    """Raise if a promise is broken."""
    if not holds:
        raise CantorError(what)

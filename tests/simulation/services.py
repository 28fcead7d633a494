"""Services of a virtual mesh, by seed: pushes, canaries, crashes, parts, restarts.

The real rules of every node (``wishes``, ``upkeep``) on facts that arrive late, or not at all while
the mesh is in parts. Two people push at the same moment; revisions crash on every node or on some;
processes end, nodes are killed and come back with what they kept. When all is quiet every node that
meets the needs runs the revision that holds, or the one before if that is bad.
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
from cantor.services.orders import Key, Order, first_order
from cantor.services.reports import Report
from cantor.services.upkeep import Keep, Plan, Start, Stop, Upkeep
from cantor.services.wishes import is_return_of, own_return, wish

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.services.upkeep import Effect

KEY = Key("default", "counter")
FAULTS = (
    "parted",
    "killed",
    "crashed",
    "pushed at once",
    "bad revision",
    "canary",
    "returned",
    "ill",
)
QUIET_S = 400.0
TROUBLE_S = 300.0


@dataclass(slots=True)
class Box:
    """A node: what it knows, and what it runs. ``kept`` outlives a kill."""

    id: NodeId
    is_fit: bool
    upkeep: Upkeep
    order: Order | None = None
    reports: dict[NodeId, Report] = field(default_factory=dict)
    processes: dict[int, Plan] = field(default_factory=dict)
    kept: Keep | None = None
    life: int = 0
    is_alive: bool = True
    said: Report | None = None
    ran: set[str] = field(default_factory=set)


class World:
    """The nodes of one seed. Some codes are bad: on all nodes, or on one."""

    def __init__(self, seed: int, count: int = 6) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.fired: Counter[str] = Counter()
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        self._codes = itertools.count(1)
        self.bad: set[str] = set()
        self.orders: list[Order] = []
        self.parts: dict[NodeId, int] = {}
        ids = [NodeId(f"{number:02d}" * 16) for number in range(count)]
        self.boxes = {one: Box(one, number != 0, Upkeep()) for number, one in enumerate(ids)}
        self.is_quiet = False
        self.history: list[str] = []

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
        self.now = until_s

    def trouble(self) -> None:
        """One fault, and the next one later."""
        if self.now >= TROUBLE_S:
            return
        box = self.random.choice(list(self.boxes.values()))
        match self.random.randrange(6):
            case 0:
                self.push(box)
            case 1:
                self.fired["pushed at once"] += 1
                for one in self.random.sample(list(self.boxes.values()), 2):
                    self.push(one)
            case 2:
                self.fired["parted"] += 1
                self.parts = {one: self.random.randrange(2) for one in self.boxes}
                self.at(self.random.uniform(1, 60), self.heal)
            case 3:
                self.kill(box)
            case 4 if box.processes:
                self.fired["crashed"] += 1
                self.end(box, self.random.choice(sorted(box.processes)), box.life)
            case 5 if box.processes:
                self.fired["ill"] += 1
                run = self.random.choice(sorted(box.processes))
                self.follow(box, box.upkeep.ill(run, "HTTP 500"))
        self.at(self.random.expovariate(1 / 8), self.trouble)

    def push(self, box: Box) -> None:
        """A person pushes new code from a node; a third of it is bad."""
        if not box.is_alive:
            return
        code = f"{next(self._codes):064x}"
        if self.random.random() < 0.35:
            self.fired["bad revision"] += 1
            self.bad.add(code)
        known = box.order
        if known is None:
            order = first_order(KEY, box.id, code, "", self.now)
        else:
            order = known.pushed(box.id, code, "", self.now)
        if self.random.random() < 0.5:
            self.fired["canary"] += 1
            fit = [one.id for one in self.boxes.values() if one.is_fit and one.is_alive]
            order = replace(order, canaries=tuple(self.random.sample(fit, min(1, len(fit)))))
        self.give(box, order)

    def give(self, box: Box, order: Order) -> None:
        """An order is given on a node."""
        code = order.revision.bundle[-4:]
        self.history.append(f"{self.now:.3f} {order.number} {order.by[:2]} {code}")
        self.orders.append(order)
        self.hear(box, order)

    def heal(self) -> None:
        """The parts meet."""
        self.parts = {}
        for one, other in itertools.permutations(self.boxes.values(), 2):
            self.exchange(one, other)

    def kill(self, box: Box) -> None:
        """A node ends at once, with its processes, and comes back."""
        if not box.is_alive:
            return
        self.fired["killed"] += 1
        box.is_alive, box.life = False, box.life + 1
        box.processes.clear()
        self.at(self.random.uniform(1, 40), partial(self.revive, box))

    def revive(self, box: Box) -> None:
        """It comes back with what it kept, and hears of the rest."""
        good, failed = (box.kept.good, box.kept.failed) if box.kept else (None, ())
        box.upkeep, box.is_alive, box.said, box.reports = Upkeep(good, failed), True, None, {}
        self.look(box)
        for other in self.boxes.values():
            self.exchange(other, box)
            self.exchange(box, other)

    def exchange(self, one: Box, other: Box) -> None:
        """What a node knows reaches another one, a moment later."""
        if one.is_alive and other.is_alive and one is not other and self.is_linked(one, other):
            if one.order is not None:
                self.at(self.random.uniform(0.01, 0.5), partial(self.arrive, one, other, one.order))
            if one.said is not None:
                self.at(self.random.uniform(0.01, 0.5), partial(self.told, one, other, one.said))

    def is_linked(self, one: Box, other: Box) -> bool:
        """Whether they are in the same part."""
        return self.parts.get(one.id, 0) == self.parts.get(other.id, 0)

    def arrive(self, source: Box, box: Box, order: Order) -> None:
        """An order reaches a node, if the two are still linked."""
        if box.is_alive and self.is_linked(source, box):
            self.hear(box, order)

    def told(self, source: Box, box: Box, report: Report) -> None:
        """A report reaches a node; a late one never takes the place of a newer one."""
        if box.is_alive and self.is_linked(source, box):
            known = box.reports.get(source.id)
            if known is None or known.since <= report.since:
                box.reports[source.id] = report
                self.look(box)

    def hear(self, box: Box, order: Order) -> None:
        """A node hears of an order, and hands it on if it is news."""
        if box.order is not None and order.rank <= box.order.rank:
            return
        self.check(order)
        box.order = order
        self.look(box)
        for other in self.boxes.values():
            self.exchange(box, other)

    def check(self, order: Order) -> None:
        """A return by itself is one that its proof allows."""
        if order.proof:
            number = int(order.proof)
            if not is_return_of(order, self.orders[number]):
                raise LocalProtocolError(f"a return that nobody was asked for: {order.number}")

    def look(self, box: Box) -> None:
        """A node does what the orders ask of it, as the driver does."""
        order = box.order
        if order is None or not box.is_alive:
            return
        names = {one: one[:4] for one in self.boxes}
        labels: dict[str, str] = {}
        found = wish(order, box.id, (), labels, box.reports, names)
        revision = found.revision if box.is_fit else None
        plan = None
        if revision is not None:
            plan = Plan(revision.stamp, revision.bundle, hold_s=5.0, ports=frozenset({80}))
        if plan != box.upkeep.wanted:
            self.follow(box, box.upkeep.want(plan, self.now))
        self.say(box, order, revision is not None and revision != order.revision)

    def say(self, box: Box, order: Order, is_waiting: bool) -> None:
        """Tell the others how it is, if that is news; order the return if that is its part."""
        base = box.upkeep.report(self.now)
        if base is not None and is_waiting:
            base = Report(order.revision.stamp, "waiting", base.running, since=self.now)
        if base is None or (box.said and replace(base, since=box.said.since) == box.said):
            return
        box.said = box.reports[box.id] = base
        for other in self.boxes.values():
            self.exchange(box, other)
        number = self.orders.index(order)
        back = own_return(order, str(number).encode(), base, box.id, self.now, box.id[:4])
        if back is not None:
            self.fired["returned"] += 1
            self.give(box, back)

    def follow(self, box: Box, effects: list[Effect]) -> None:
        """Do what upkeep wants."""
        for effect in effects:
            match effect:
                case Start(run, plan):
                    self.begin(box, run, plan)
                case Stop(run):
                    self.at(self.random.uniform(0, 0.3), partial(self.end, box, run, box.life))
                case Keep():
                    box.kept = effect
        at = box.upkeep.next_at()
        if at is not None:
            self.at(max(0.0, at - self.now), partial(self.tick, box, box.life))

    def begin(self, box: Box, run: int, plan: Plan) -> None:
        """A process starts. Two that want the same port never run at once."""
        if any(one.bars(plan) for one in box.processes.values()):
            raise LocalProtocolError(f"{box.id[:4]} runs two that exclude each other")
        box.processes[run] = plan
        box.ran.add(plan.bundle)
        box.upkeep.begun(run, self.now)
        if plan.bundle in self.bad:
            self.at(self.random.uniform(0.05, 3.0), partial(self.end, box, run, box.life))
        self.at(self.random.uniform(0.1, 1.0), partial(self.well, box, run, box.life))

    def well(self, box: Box, run: int, life: int) -> None:
        """A process shows that it is well."""
        if box.life == life and box.is_alive:
            self.follow(box, box.upkeep.well(run, self.now))
            self.look(box)

    def end(self, box: Box, run: int, life: int) -> None:
        """A process is gone."""
        if box.life == life and box.processes.pop(run, None) is not None:
            how = box.upkeep.ended(run, "exit code 1", is_success=False, now=self.now)
            self.follow(box, how)
            self.look(box)

    def tick(self, box: Box, life: int) -> None:
        """Time passes on a node."""
        if box.life == life and box.is_alive:
            at = box.upkeep.next_at()
            if at is not None and at <= self.now:
                self.follow(box, box.upkeep.tick(self.now))
                self.look(box)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed."""

    fired: Counter[str]
    digest: str
    orders: int


def simulate(seed: int, count: int = 6) -> Outcome:
    """Trouble, then quiet.

    Raises:
        LocalProtocolError: the mesh is not as it must be when all is quiet.
    """
    world = World(seed, count)
    world.push(next(iter(world.boxes.values())))
    world.bad.clear()  # the first one is sound: there is something to return to
    world.at(5.0, world.trouble)
    world.run(TROUBLE_S + 100.0)
    world.heal()
    world.run(TROUBLE_S + 100.0 + QUIET_S)
    _check(world, seed)
    told = "\n".join([*world.history, *(f"{b.id[:2]} {b.said}" for b in world.boxes.values())])
    return Outcome(world.fired, hashlib.sha256(told.encode()).hexdigest()[:16], len(world.orders))


def _check(world: World, seed: int) -> None:
    best = max(world.orders, key=lambda order: order.rank)
    for box in world.boxes.values():
        where = f"seed {seed}: node {box.id[:4]}"
        if box.order is not best:
            raise LocalProtocolError(f"{where} follows order {box.order and box.order.number}")
        running = [plan.bundle for plan in box.processes.values()]
        if not box.is_fit:
            if running or box.ran:
                raise LocalProtocolError(f"{where} runs what it does not fit")
            continue
        code = best.revision.bundle
        if code not in world.bad:
            is_held = bool(best.canaries) and box.id not in best.canaries
            if running != [code] and not (is_held and _is_lost(best, world)):
                raise LocalProtocolError(f"{where} runs {running}, not {code[-4:]}")
        elif any(one in world.bad for one in running) and box.upkeep.good is not None:
            raise LocalProtocolError(f"{where} stays with what is bad")
        elif code in box.ran and best.canaries and box.id not in best.canaries:
            raise LocalProtocolError(f"{where} ran what failed on its canaries")


def _is_lost(best: Order, world: World) -> bool:
    """Whether a canary cannot tell that it is good, because it does not live."""
    return any(not world.boxes[one].is_alive for one in best.canaries)

"""Projects that share the GPUs of ten boxes on a virtual network, by seed.

Each box has a grantor whose order gives projects their shares, and hears of the others by facts
that are late. Projects have work for some boxes or for all, of random length, in spells; parts of
the network are cut off, and boxes end and come back. It is *calm* if nothing of that has happened
for a while. Then projects have their shares in every five seconds once both have had work for ten,
and nearly so when they have had it for three; what was lent comes back, and no more than that.
Always what is free is used, and no limit is passed on a box.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation.grants import Box, World, digest_of

from cantor.base.errors import LocalProtocolError
from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.scheduling.grants import claim as claims
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.claim import Claim
from cantor.scheduling.grants.events import Tick
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.stock import Have
from cantor.scheduling.needs import parse
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.order import FairOrder
from cantor.scheduling.shares.reclaim import GRACE_S
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.uses import told_from_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.wire.frame import Value

BOXES = 10
TELL_S = 0.25
GONE_S = 1.0
LOOK_S = 0.05
SETTLE_S = 10
"""So long both have work before their shares must be right."""
WINDOW_S = 5
CALM_S = 5
"""So long after the last trouble, what it left is over, such as leases of boxes that ended."""
UNEVEN_MAX = 0.05
"""How far a project may be from its share in every window, as a part of what is used."""
SOON_S = 3
UNEVEN_SOON_MAX = 0.2
"""And so far in the window that begins so soon after both have work: what runs must end first."""
IDLE_MAX = 0.05
LIMIT = 2
DRAIN_S = 0.4
BACK_S = GRACE_S + 4.0
BACK = 0.8
TOO_MUCH = 0.15
"""When work comes again, so much of its share comes back within ``BACK_S``."""
FAULTS = ("cut", "ended", "lent", "reclaimed", "limited", "journal lost")
TERMS = {"vision": Terms(3), "lab": Terms(1), "small": Terms(1, limits={"GPU": LIMIT})}


@dataclass(slots=True)
class Project:
    """What a project wants: which boxes, units of what length, how many wait for each box."""

    name: str
    boxes: list[NodeId]
    mean_s: float
    may_reclaim: bool
    backlog: int = 3
    is_on: bool = False
    since_s: float = 0.0
    has: float = 0.0
    """The greatest part of what is used that it had since its work came."""


@dataclass(slots=True)
class Second:
    """What happened in one simulated second, in samples."""

    used: Counter[str] = field(default_factory=Counter)
    both: int = 0
    looks: int = 0
    calm: bool = True


class Pool(World):
    """Ten boxes and the projects of one seed."""

    disk_s = 0.01

    def __init__(self, seed: int, *, is_long: bool, is_skewed: bool, is_calm: bool = False) -> None:
        self.accounts: dict[NodeId, Accounts] = {}
        self.reach: dict[NodeId, set[NodeId]] = {}
        self.projects: dict[str, Project] = {}
        self.gpus: dict[NodeId, int] = {}
        self.trouble_s = 0.0
        self.seconds: list[Second] = []
        self.wanted = self.granted = 0
        self.steps = 0
        super().__init__(seed, 0)
        self.is_quiet = True
        ids = [_node(number) for number in range(BOXES)]
        self.gpus = {one: self.random.choice((2, 4)) for one in ids}
        self.boxes = {one: Box(one, 1.0) for one in ids}
        for box in self.boxes.values():
            self.start(box)
        lab = ids[: BOXES // 2] if is_skewed else ids
        mean_s = 60.0 if is_long else 0.4 + 1.6 * self.random.random()
        for project in (
            Project("vision", ids, mean_s, is_long),
            Project("lab", lab, 0.4 + 1.6 * self.random.random(), may_reclaim=True),
            Project("small", ids[:4], 1.0, may_reclaim=False),
        ):
            self.projects[project.name] = project
            self.at(0.0, partial(self.spell, project))
            self.at(0.0, partial(self.feed, project))
        self.at(0.0, self.look)
        if not is_calm:
            self.at(30.0 * self.random.random(), self.fault)

    def start(self, box: Box) -> None:
        """Begin a life, with accounts that know nothing of the others yet."""
        box.epoch += 1
        box.life += 1
        kept = journal.read(box.disk)
        is_sound = kept.length == len(box.disk) > 0
        box.whole = None if is_sound else journal.written(kept)
        box.cache, box.numbers, box.claims = b"", [], {}
        now = self.clock(box)
        accounts = Accounts(TERMS.__getitem__, now)
        accounts.totals = {"GPU": sum(self.gpus.values())}
        order = FairOrder(box.id, accounts, lambda _, project: project)
        lost = box.epoch > 1 and not box.disk
        epoch = max(box.epoch, kept.epoch + 1)
        box.grantor = Grantor(box.id, epoch, now, kept, lost, order, ttl_max_s=10.0)
        self.accounts[box.id] = accounts
        self.reach[box.id] = set()
        self.tell(box, Tick())
        self.tell(box, self.have(box))
        self.wake(box, box.life)
        self.say(box, box.life)

    def have(self, box: Box) -> Have:
        """Some GPUs."""
        units = tuple(f"gpu-{number}" for number in range(self.gpus[box.id]))
        return Have((Resource("GPU", "quantity", len(units)),), {}, {"GPU": units})

    def say(self, box: Box, life: int) -> None:
        """Tell all others what is used here, and look who can be reached."""
        if box.life != life or box.grantor is None:
            return
        now = self.clock(box)
        told: Value = self.accounts[box.id].own_told(box.epoch, now).as_value()
        for other in self.boxes:
            if other != box.id:
                self.send(box.id, other, partial(self.hear, other, box.id, told))
        self.at(TELL_S * (0.8 + 0.4 * self.random.random()), partial(self.say, box, life))

    def hear(self, box: NodeId, source: NodeId, value: Value) -> None:
        """A fact of another box arrives."""
        if self.boxes[box].grantor is not None:
            now = self.clock(self.boxes[box])
            self.accounts[box].told(source, told_from_value(value), now)

    def lose(self, one: NodeId, other: NodeId) -> None:
        """A box has noticed that another cannot be reached."""
        is_out = (one, other) in self.cuts or self.boxes[other].grantor is None
        if is_out and self.boxes[one].grantor is not None:
            self.accounts[one].told(other, None, self.clock(self.boxes[one]))

    def spell(self, project: Project) -> None:
        """Work comes, or none for a while; the small one always has some."""
        project.is_on = not project.is_on or project.name == "small"
        project.since_s, project.has = self.now, 0.0
        length_s = 40.0 + 40.0 * self.random.random()
        if not project.is_on:
            length_s = 4.0 + 8.0 * self.random.random()
            self.fired["lent"] += 1
        elif project.name != "small" and self.now > 0:
            self.at(BACK_S, partial(self.must_be_back, project))
        self.at(length_s, partial(self.spell, project))

    def must_be_back(self, project: Project) -> None:
        """What was lent is back, if both have work and nothing happened meanwhile."""
        both = [self.projects[name] for name in ("vision", "lab")]
        since_s = max(one.since_s for one in both)
        is_sure = all(one.is_on for one in both) and self.is_calm(since_s)
        share = TERMS[project.name].share / 4
        if is_sure and self.now - since_s >= BACK_S and project.has < BACK * share:
            raise LocalProtocolError(
                f"{project.name} has got back {project.has:.3f}, not {share}", where=f"{self.now} s"
            )

    def feed(self, project: Project) -> None:
        """Let some units of the project wait for each of its boxes."""
        for node in project.boxes if project.is_on else ():
            owner = self.boxes[node]
            if owner.grantor is not None:
                waits = sum(one.queue == project.name for one in owner.grantor.line)
                for _ in range(project.backlog - waits):
                    self.unit(project, owner)
        self.at(0.1 + 0.1 * self.random.random(), partial(self.feed, project))

    def unit(self, project: Project, owner: Box) -> None:
        """One unit, asked for by its own box or by another that can be reached."""
        holder = owner
        if self.random.random() < 0.3:
            other = self.boxes[self.random.choice(list(self.boxes))]
            if other.grantor is not None and (other.id, owner.id) not in self.cuts:
                holder = other
        task = f"{project.name} {next(self.tasks)}"
        needs = parse(f"GPU = {2 if self.random.random() < 0.02 else 1}")
        claim = Claim(
            holder.id, task, 1, {owner.id: needs}, 6.0, self.random.randrange(3), project.name,
            may_reclaim=project.may_reclaim,
        )  # fmt: skip
        holder.claims[(task, 1)] = claim
        self.follow(holder, claim, claim.tick(self.clock(holder)))

    def follow(self, box: Box, claim: Claim, effects: list[claims.Effect]) -> None:
        """Do what a claim wants; work that is asked back ends soon."""
        for effect in effects:
            if isinstance(effect, claims.Holds):
                self.held += 1
                mean_s = self.projects[claim.project].mean_s
                length_s = mean_s * (0.2 + 1.6 * self.random.random())
                self.at(length_s, partial(self.drop, box, claim, box.life))
            elif isinstance(effect, claims.Reclaimed):
                self.fired["reclaimed"] += 1
                self.at(DRAIN_S * self.random.random(), partial(self.drop, box, claim, box.life))
            else:
                super().follow(box, claim, [effect])
        if claim.state == "over":
            box.claims.pop((claim.task, claim.attempt), None)

    def fault(self) -> None:
        """Some boxes are cut off for a while, or one ends and comes back."""
        self.trouble_s = self.now
        ids = list(self.boxes)
        if self.random.random() < 0.5:
            part = set(self.random.sample(ids, self.random.randrange(1, BOXES // 2)))
            self.cuts = {(a, b) for a in ids for b in ids if (a in part) != (b in part)}
            self.fired["cut"] += 1
            for a, b in sorted(self.cuts):
                self.at(GONE_S, partial(self.lose, a, b))
            self.at(15.0 * self.random.random(), self.heal)
        else:
            box = self.boxes[self.random.choice(ids)]
            box.grantor = None
            box.life += 1
            self.fired["ended"] += 1
            if self.chance(0.3, "journal lost"):
                box.disk = b""
            for one in ids:
                self.at(GONE_S, partial(self.lose, one, box.id))
            self.at(1.0 + 2.0 * self.random.random(), partial(self.start, box))
        self.at(40.0 + 20.0 * self.random.random(), self.fault)

    def heal(self) -> None:
        """All can reach each other again."""
        self.trouble_s = self.now
        self.cuts = set()

    def check(self) -> None:
        """That no unit has two users is looked at now and then: see the simulation of grants."""
        self.steps += 1
        if self.steps % 100 == 0:
            super().check()

    def look(self) -> None:
        """Count what is used and who waits, twenty times a second."""
        second = int(self.now)
        while len(self.seconds) <= second:
            self.seconds.append(Second())
        here = self.seconds[second]
        here.looks += 1
        here.calm &= self.is_calm(self.now)
        used: Counter[str] = Counter()
        serving = list(self.serving())
        if len(serving) < BOXES and self.now > CALM_S:
            self.trouble_s = self.now
        for box in serving:
            used += self.look_at(box)
        here.used += used
        for name in ("vision", "lab"):
            self.look_at_project(name, used)
        here.both += all(self.projects[name].is_on for name in ("vision", "lab"))
        self.at(LOOK_S, self.look)

    def look_at_project(self, name: str, used: Counter[str]) -> None:
        """What it has at most since its work came; and whether too much is taken back from it."""
        project, both = self.projects[name], used["vision"] + used["lab"] or 1
        project.has = max(project.has, used[name] / both)
        back = 0.0
        for box in self.serving():
            use = self.accounts[box.id].own.get(name)
            back -= min(0.0, use.moved.get("GPU", 0.0)) if use else 0.0
        stays = (used[name] - back) / both
        if back and self.is_calm(self.now) and stays < TERMS[name].share / 4 - TOO_MUCH:
            raise LocalProtocolError(f"{name} has {stays:.3f} of what is used left", where=name)

    def is_calm(self, since_s: float) -> bool:
        """Whether nothing has happened for a while before that time, nor since."""
        return not self.cuts and (since_s - self.trouble_s > CALM_S or not self.trouble_s)

    def look_at(self, box: Box) -> Counter[str]:
        """One box: its limits, and whether what is wanted there is used."""
        grantor = box.grantor
        assert grantor is not None
        used: Counter[str] = Counter()
        for lease in grantor.leases:
            used[lease.project] += int(lease.taken["GPU"])
        if used["small"] > LIMIT:
            raise LocalProtocolError("a limit was passed", where=f"box {box.id[:2]}")
        waiting = {one.queue for one in grantor.line}
        if "small" in waiting:
            self.fired["limited"] += 1
        if waiting - {"small"}:
            self.wanted += self.gpus[box.id]
            self.granted += used.total()
        return used

    def serving(self) -> Iterator[Box]:
        """The boxes that grant."""
        for box in self.boxes.values():
            if box.grantor is not None and box.grantor.is_serving:
                yield box

    def windows(self) -> Iterator[tuple[int, float, bool]]:
        """When a window ends, the lab's part in it, and whether both had work for long before."""
        good = 0
        for number, second in enumerate(self.seconds):
            is_good = second.calm and second.looks > 0 and second.both == second.looks
            good = good + 1 if is_good else 0
            is_settled = good >= SETTLE_S + WINDOW_S
            if is_settled or good == SOON_S + WINDOW_S:
                of = self.seconds[number + 1 - WINDOW_S : number + 1]
                used = sum((one.used for one in of), Counter())
                yield number, used["lab"] / (used["lab"] + used["vision"]), is_settled


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a seed: how far from its share a project was at most, and what was used."""

    fired: Counter[str]
    held: int
    windows: int
    uneven: float
    uneven_soon: float
    used: float
    digest: str


def simulate(seed: int, *, seconds: float = 120.0) -> Outcome:
    """One seed; every fourth has units of a minute, where one unit more or less is as it should be.

    Raises:
        LocalProtocolError: projects had not their shares, or what was free was not used.
    """
    world = Pool(seed, is_long=seed % 4 == 3, is_skewed=seed % 2 == 1)
    world.run(seconds)
    where = f"seed {seed}"
    one_unit = 1 / sum(world.gpus.values()) if seed % 4 == 3 else 0.0
    uneven = {True: 0.0, False: 0.0}
    windows = 0
    for at_s, part, is_settled in world.windows():
        windows += is_settled
        uneven[is_settled] = max(uneven[is_settled], abs(part - 0.25))
        if abs(part - 0.25) > (UNEVEN_MAX if is_settled else UNEVEN_SOON_MAX) + one_unit:
            raise LocalProtocolError(
                f"the lab has {part:.3f} of what is used, not 0.25", where=f"{where}, {at_s} s"
            )
    used = world.granted / max(1, world.wanted)
    if used < 1 - IDLE_MAX:
        raise LocalProtocolError(f"only {used:.3f} of what is wanted is used", where=where)
    return Outcome(
        world.fired, world.held, windows, uneven[True], uneven[False], used, digest_of(world)
    )


def _node(number: int) -> NodeId:
    return NodeId(f"{number:02d}" * 16)

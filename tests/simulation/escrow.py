"""Shared quantities on a virtual network: the world of grants, and rights that travel in it.

Two boxes own licences together; all boxes take rights to them and grant them as their own. Beside
what happens to grants, the journals of rights are lost, torn and damaged, and a box is declared
dead. After every step no more licences are used in the whole world than there are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from tests.simulation import grants
from tests.simulation.grants import Box, Outcome, World, digest_of, trouble

from cantor.base.errors import LocalProtocolError
from cantor.base.resources import Resource
from cantor.scheduling.grants import journal
from cantor.scheduling.grants.book import Book, Recall
from cantor.scheduling.grants.claim import Ask
from cantor.scheduling.grants.events import Tell, Write, WriteFailed, Written
from cantor.scheduling.grants.purse import Pool, Purse, Want
from cantor.scheduling.grants.stock import Have

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants import events
    from cantor.scheduling.grants.book import Effect as BookEffect
    from cantor.scheduling.grants.purse import Effect as PurseEffect
    from cantor.scheduling.grants.records import Answer, Asked, Lease

SHARES = (3, 2)
"""How many licences the first boxes own."""
NAME = "Licence"
FAULTS = (*grants.FAULTS, "rights lost", "rights damaged", "declared dead")
NEEDS = (*grants.NEEDS, "Licence = 1", "Licence = 2", "Licence = 2 and GPU = 1", "Licence = 1")


@dataclass(slots=True)
class Disk:
    """A journal that reaches the disk a little later, or does not."""

    data: bytes = b""
    whole: bytes | None = None
    cache: bytes = b""
    numbers: list[int] = field(default_factory=list)

    def begin(self) -> journal.Kept:
        """What it says after a start."""
        kept = journal.read(self.data)
        self.whole = None if kept.length == len(self.data) > 0 else journal.written(kept)
        self.cache, self.numbers = b"", []
        return kept


@dataclass(slots=True)
class Side:
    """What a box has of rights."""

    purse: Purse | None = None
    book: Book | None = None
    purse_disk: Disk = field(default_factory=Disk)
    book_disk: Disk = field(default_factory=Disk)


class SharedWorld(World):
    """The boxes of one seed, two of which own licences."""

    def __init__(self, seed: int, refuses: float = 0.02) -> None:
        self.refuses = refuses
        self.sides: dict[NodeId, Side] = {}
        self.gone: set[NodeId] = set()
        self.dead: set[NodeId] = set()
        super().__init__(seed, 5)

    @property
    def owners(self) -> list[NodeId]:
        """Who owns licences."""
        return list(self.boxes)[: len(SHARES)]

    def start(self, box: Box) -> None:
        """Begin a life with the rights that the journals name."""
        side = self.sides.setdefault(box.id, Side())
        life = f"{box.id[:2]}.{box.life + 1}"
        side.purse = Purse(box.id, life, partial(self.spare, box), side.purse_disk.begin())
        side.book = None
        super().start(box)
        number = list(self.boxes).index(box.id)
        if number < len(SHARES):
            is_lost = box.epoch > 1 and not side.book_disk.data
            kept = side.book_disk.begin()
            epoch = max(box.epoch, kept.epoch + 1)
            side.book = Book(box.id, life, epoch, self.clock(box), kept, is_lost)
            licence = Resource(NAME, "quantity", SHARES[number])
            self.note(box, side.book.handle(Have((licence,), {}, {}), self.clock(box)))
        for owner in self.owners:
            self.tell_owner(box, owner, "")

    def have(self, box: Box) -> Have:
        """What a box has: all licences there are, less those that it has no right to."""
        have = super().have(box)
        away = sum(SHARES) - self.rights(box)
        licence = Resource(NAME, "quantity", sum(SHARES))
        return Have((*have.resources, licence), {}, have.units, {NAME: away})

    def rights(self, box: Box) -> int:
        """How many licences a box has a right to."""
        purse = self.sides[box.id].purse
        return purse.held(NAME, self.sides) if purse is not None else 0

    def spare(self, box: Box, name: str) -> int | None:
        """How many of its rights nothing uses."""
        if box.grantor is None or not box.grantor.is_serving:
            return None
        return self.rights(box) - int(box.grantor.stock().taken(name))

    def wake(self, box: Box, life: int) -> None:
        """Time passes: rights are asked for, recalled and counted."""
        if box.life == life and box.grantor is not None:
            self.look(box)
        super().wake(box, life)

    def look(self, box: Box) -> None:
        """What the driver does a few times a second."""
        side, now = self.sides[box.id], self.clock(box)
        if side.purse is None or box.grantor is None:
            return
        wanted = [box.grantor.stock().wanted(one.needs, [NAME]) for one in box.grantor.waiting]
        want = Want(sum(one.get(NAME, 0) for one in wanted))
        pools = [
            Pool(owner, NAME, total, self.free(owner))
            for owner, total in zip(self.owners, SHARES, strict=True)
        ]
        self.do(box, side.purse.look(pools, {NAME: want}, now))
        if side.book is not None:
            self.note(box, side.book.look(set(self.boxes), self.dead, now))
            if (
                side.book.is_frozen
                and not side.book.is_writing
                and side.book.told | self.dead >= set(self.boxes)
            ):
                self.fired["counted anew"] += 1
                self.note(box, side.book.count(now))

    def free(self, owner: NodeId) -> int:
        """How many units of an owner nobody has a right to: a hint."""
        book = self.sides.setdefault(owner, Side()).book
        return book.free.get(NAME, 0) if book is not None else 0

    def do(self, box: Box, effects: Iterable[PurseEffect]) -> None:
        """Do what a purse wants; first of all it grants no more than it has rights to."""
        if box.grantor is not None:
            self.tell(box, self.have(box))
        for effect in effects:
            if isinstance(effect, Write):
                self.write(box, self.sides[box.id].purse_disk, effect, self.purse_written)
            elif isinstance(effect, Ask):
                target = self.boxes[effect.node]
                self.send(box.id, target.id, partial(self.book_asked, target, effect.asked))

    def note(self, box: Box, effects: Iterable[BookEffect]) -> None:
        """Do what a book wants."""
        life = self.book_of(box).life
        for effect in effects:
            match effect:
                case Write():
                    self.write(box, self.sides[box.id].book_disk, effect, self.book_written)
                case Tell(holder, answer):
                    told = partial(self.purse_answered, self.boxes[holder], box.id, answer)
                    self.send(box.id, holder, told)
                case Recall(holder, name, units):
                    asked = partial(self.recalled, self.boxes[holder], box.id, name, units, life)
                    self.send(box.id, holder, asked)

    def write(
        self, box: Box, disk: Disk, effect: Write, done: Callable[[Box, events.Event], None]
    ) -> None:
        """Write a record, soon."""
        disk.cache += journal.encode(effect.record)
        disk.numbers.append(effect.number)
        if len(disk.numbers) == 1:
            self.at(0.05 * self.random.random(), partial(self.synced, box, box.life, disk, done))

    def synced(
        self, box: Box, life: int, disk: Disk, done: Callable[[Box, events.Event], None]
    ) -> None:
        """The disk has taken what was written, or refuses it."""
        if box.grantor is None or box.life != life or not disk.numbers:
            return
        number, disk.numbers = disk.numbers[-1], []
        cache, disk.cache = disk.cache, b""
        if not self.is_quiet and self.chance(self.refuses, "disk refuses"):
            done(box, WriteFailed(number, "No space left on device"))
            return
        disk.data = (disk.data if disk.whole is None else disk.whole) + cache
        disk.whole = None
        done(box, Written(number))

    def purse_written(self, box: Box, event: events.Event) -> None:
        """The journal of a purse has come so far."""
        purse = self.sides[box.id].purse
        if purse is not None and isinstance(event, Written | WriteFailed):
            self.do(box, purse.written(event.number, is_done=isinstance(event, Written)))

    def book_written(self, box: Box, event: events.Event) -> None:
        """The journal of a book has come so far."""
        self.note(box, self.book_of(box).handle(event, self.clock(box)))

    def book_asked(self, box: Box, asked: Asked) -> None:
        """A question about rights arrives."""
        book = self.sides[box.id].book
        if box.grantor is not None and book is not None and asked.holder not in self.dead:
            self.note(box, book.handle(asked, self.clock(box)))

    def purse_answered(self, box: Box, owner: NodeId, answer: Answer) -> None:
        """An answer about rights arrives."""
        purse = self.sides[box.id].purse
        if box.grantor is not None and purse is not None:
            self.do(box, purse.answered(owner, answer))

    def recalled(self, box: Box, owner: NodeId, name: str, units: int, life: str) -> None:
        """An owner asks for rights."""
        purse = self.sides[box.id].purse
        if box.grantor is not None and purse is not None:
            self.do(box, purse.recalled(owner, name, units))
            self.tell_owner(box, owner, life)

    def tell_owner(self, box: Box, owner: NodeId, life: str) -> None:
        """A box tells an owner what it has."""
        purse = self.sides[box.id].purse
        if purse is not None:
            told = purse.told(owner)
            self.send(box.id, owner, lambda: self.heard(self.boxes[owner], box.id, told, life))

    def heard(self, box: Box, holder: NodeId, told: Sequence[Lease], life: str) -> None:
        """An owner hears what a box has."""
        book = self.sides[box.id].book
        if box.grantor is not None and book is not None and holder not in self.dead:
            self.note(box, book.heard(holder, told, life, self.clock(box)))

    def book_of(self, box: Box) -> Book:
        """The book of an owner that runs."""
        book = self.sides[box.id].book
        if book is None:
            raise LocalProtocolError("it owns nothing", where=box.id[:4])
        return book

    def check(self) -> None:
        """No more licences are used than there are."""
        super().check()
        used = [lease for leases in self.users().values() for lease in leases]
        count = sum(lease.taken.get(NAME, 0) for lease in used)
        if count > sum(SHARES):
            held = ", ".join(lease.key.task for lease in used if NAME in lease.taken)
            raise LocalProtocolError(f"{count} of {sum(SHARES)} are used", where=held)
        for owner in self.owners:
            self.check_rights(owner)

    def check_rights(self, owner: NodeId) -> None:
        """No box counts a right that its owner does not know: it would be given once more.

        Nobody may use it for long, so what is used need not ever show it. An owner that lost its
        book knows nothing, but gives nothing either; who was declared dead has lost its rights.
        """
        book = self.sides.setdefault(owner, Side()).book
        if self.boxes[owner].grantor is None or book is None or book.is_frozen:
            return
        for box in self.boxes.values():
            purse = self.sides[box.id].purse
            if box.grantor is None or purse is None or box.id in self.dead:
                continue
            for lease in purse.told(owner):
                if not book.knows(lease.key):
                    raise LocalProtocolError("a right is not known", where=lease.key.task)


def lose(world: SharedWorld) -> None:
    """A box ends, and the disk with its rights is not what it was."""
    box = world.random.choice(list(world.boxes.values()))
    if box.grantor is None or box.id in world.dead:
        return
    side = world.sides[box.id]
    for disk in (side.purse_disk, side.book_disk):
        kind = world.random.random()
        if disk.cache and disk.whole is None:
            disk.data += disk.cache[: world.random.randrange(len(disk.cache))]
        if kind < 0.3:
            disk.data = b""
            world.fired["rights lost"] += 1
        elif kind < 0.5 and disk.data:
            at = world.random.randrange(len(disk.data))
            disk.data = disk.data[:at] + bytes([disk.data[at] ^ 1]) + disk.data[at + 1 :]
            world.fired["rights damaged"] += 1
    grants.end(world, box)


def declare(world: SharedWorld) -> None:
    """A box ends for good, and after a while a person says so."""
    box = world.boxes[list(world.boxes)[-1]]
    if box.grantor is not None:
        box.grantor, box.life, box.claims = None, box.life + 1, {}
        world.gone.add(box.id)
        world.fired["declared dead"] += 1
        world.at(10.0 * world.random.random(), lambda: world.dead.add(box.id))


def disturbed(
    seed: int, seconds: float, pause_s: float, needs: Sequence[str], refuses: float = 0.02
) -> SharedWorld:
    """A world after trouble; with fewer kinds of needs there is more trouble about each.

    ``refuses`` is how often a disk with rights refuses to write.

    Raises:
        LocalProtocolError: a unit had two users.
    """
    world = SharedWorld(seed, refuses)
    for _ in range(int(seconds * 2)):
        world.at(seconds * world.random.random(), lambda: world.submit(needs))
    for number in range(int(seconds / pause_s)):
        do = (partial(lose, world), partial(trouble, world))[number % 2]
        world.at(seconds * world.random.random(), do)
    if world.random.random() < 0.5:
        world.at(seconds * world.random.random(), lambda: declare(world))
    world.run(seconds)
    return world


def simulate(seed: int, *, seconds: float = 60.0, pause_s: float = 3.0) -> Outcome:
    """Trouble for a while, then quiet: all that still wants must get it.

    Raises:
        LocalProtocolError: a unit had two users, or somebody waits for ever.
    """
    world = disturbed(seed, seconds, pause_s, NEEDS)
    world.settle(seconds)
    for box in world.boxes.values():
        for claim in box.claims.values():
            if world.gone & set(claim.wants):
                world.drop(box, claim, box.life)
    world.run(seconds + 400.0)
    is_over(world, seed)
    return Outcome(world.fired, world.held, digest_of(world))


def is_over(world: SharedWorld, seed: int) -> None:
    """Nobody waits, and all rights are back."""
    for box in world.boxes.values():
        if box.id in world.dead:
            continue
        stuck = [c.key for c in box.claims.values() if math.isfinite(c.wake_s)]
        if stuck:
            raise LocalProtocolError(f"{stuck[0]} is not over", where=f"seed {seed}")
        side = world.sides[box.id]
        if side.book is not None and (side.book.is_frozen or side.book.leases):
            raise LocalProtocolError("rights did not come back", where=f"seed {seed}")
        if side.purse is not None and side.purse.owners:
            raise LocalProtocolError("rights were not given back", where=f"seed {seed}")

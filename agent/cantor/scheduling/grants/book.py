"""The owner of shared quantities: who has rights to their units, and whom to ask for them back.

It is a :class:`Grantor` whose leases have no end but that their holder gives them back, or is
declared dead. If its journal is lost it can wait for no clock: it gives no right until everyone
who may have one has told, in answer to a question of this life, and a person says that nobody is
left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from cantor.scheduling.grants import events
from cantor.scheduling.grants.events import Counted, Recalled, Tell
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.journal import Kept
from cantor.scheduling.grants.records import FOR_EVER_S, Granted, Lease, Refused, Release
from cantor.scheduling.grants.standing import names_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.scheduling.grants.records import Key

UNITS_MAX = 1024
RECALL_S = 1.0
COMPARE_S = 60.0
"""How often a holder is asked what it has, if nothing else is asked of it."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Ask a node to give back so many units, and to tell what it has.

    Without a ``name`` this owner has lost what it knew: see :meth:`Purse.recalled`.
    """

    holder: NodeId
    name: str
    units: int


Effect: TypeAlias = events.Effect | Recall


@dataclass(slots=True)
class Book:
    """The rights that node ``me`` gives to units of its quantities, in one of its lives.

    ``life`` is like no other; ``epoch`` only ever grows; ``kept`` is what the journal said,
    ``is_lost`` if there should be one and is none.
    """

    me: NodeId
    life: str
    epoch: int
    now: float
    kept: Kept = field(default_factory=Kept)
    is_lost: bool = False
    told: set[NodeId] = field(default_factory=set)
    _grantor: Grantor = field(init=False)
    _due_s: float = 0.0
    _compare_s: float = 0.0

    def __post_init__(self) -> None:
        self._grantor = Grantor(
            self.me, self.epoch, self.now, self.kept, self.is_lost, ttl_max_s=FOR_EVER_S
        )

    @property
    def is_frozen(self) -> bool:
        """Whether it does not know all rights that it has given."""
        return self._grantor.is_lost

    @property
    def is_begun(self) -> bool:
        """Whether its journal is there, so that it can be said what is shared."""
        return self._grantor.is_serving or self.is_frozen

    @property
    def is_writing(self) -> bool:
        """Whether what nodes have told may not be on the disk yet: it cannot be counted."""
        return self._grantor.is_writing

    @property
    def leases(self) -> list[Lease]:
        """The rights that nodes have."""
        return self._grantor.leases

    def knows(self, key: Key) -> bool:
        """Whether a right stands here, or its beginning or end is being written."""
        return self._grantor.holds(key)

    @property
    def free(self) -> dict[str, int]:
        """How many units nobody has a right to, by quantity; none while it is frozen."""
        free = self._grantor.stock().free()
        return {one.name: 0 if self.is_frozen else int(one.value) for one in free}

    def handle(self, event: events.Event, now: float) -> list[Effect]:
        """What it shares, a question, the disk, or time: see :class:`Grantor`."""
        self.now = now
        if isinstance(event, events.WriteFailed) and self.is_frozen:
            self.told.clear()  # what they told is not on the disk: they must tell again
        return [*self._grantor.handle(event, now)]

    def look(
        self, members: Collection[NodeId], dead: Collection[NodeId], now: float
    ) -> list[Effect]:
        """Take back the rights of the dead, and recall what others wait for.

        ``members`` are the nodes that can be reached and may have rights.
        """
        effects: list[Effect] = []
        for lease in self.leases:
            if lease.holder in dead:
                effects += self.handle(Release(lease.key, lease.holder), now)
        effects += self.handle(events.Tick(), now)
        if now >= self._due_s:
            self._due_s = now + RECALL_S
            lost = (
                [one for one in sorted(members) if one not in self.told] if self.is_frozen else []
            )
            effects += [Recall(one, "", 0) for one in lost] or self._recalls(members)
        return effects

    def heard(self, holder: NodeId, leases: Iterable[Lease], life: str, now: float) -> list[Effect]:
        """A node tells what it has of this owner, asked in this ``life``.

        What it has not of what stands here is told to it again: it takes it or gives it back.
        What it has and is not here, was given back in its name: it was declared dead.
        """
        has = {lease.key: lease for lease in leases if lease.holder == holder}
        here = {lease.key: lease for lease in self.leases if lease.holder == holder}
        if self.is_frozen:
            if life != self.life:
                return []
            self.told.add(holder)
            return [e for one in has.values() for e in self.handle(Recalled(one), now)]
        again = [Tell(holder, Granted(here[key], 0.0)) for key in sorted(here.keys() - has.keys())]
        gone = [one.key for one in has.values() if not self.knows(one.key)]
        text = "the owner knows of no such right"
        return [*again, *(Tell(holder, Refused(key, "lost", text)) for key in gone)]

    def count(self, now: float) -> list[Effect]:
        """A person says that everyone who may have rights has told, or is declared dead."""
        return self.handle(Counted(), now) if self.is_frozen and not self.is_writing else []

    def _recalls(self, members: Collection[NodeId]) -> list[Effect]:
        """The first who waits for a quantity keeps what it has of it; all others are asked."""
        holders = _holders(self.leases)
        if self.now >= self._compare_s:
            self._compare_s = self.now + COMPARE_S
            return [Recall(h, name, 0) for name in holders for h in holders[name] if h in members]
        waiting: dict[str, Counter[NodeId]] = {}
        for one in self._grantor.waiting:
            for name in names_of(one):
                waiting.setdefault(name, Counter())[one.holder] += 1
        return [
            Recall(holder, name, sum(counts.values()))
            for name, counts in waiting.items()
            for holder in holders.get(name, {})
            if holder != next(iter(counts)) and holder in members
        ]


def _holders(leases: Iterable[Lease]) -> Mapping[str, Counter[NodeId]]:
    """How many units each node has a right to, by quantity."""
    held: dict[str, Counter[NodeId]] = {}
    for lease in leases:
        for name, amount in lease.taken.items():
            held.setdefault(name, Counter())[lease.holder] += int(amount)
    return held

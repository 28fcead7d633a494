"""The rights of one node to units of shared quantities, and how they come and go.

A *shared quantity* (a licence) belongs to a site or a mesh. One node owns it and gives rights to
its units to others; a node grants the units that it has rights to as its own, whoever can be
reached. A right has no clock: it ends only when its node gives it back, or is declared dead. One
right is one lease of the owner's, under a name that is never used again, so that late copies of
old words concern nothing.

A right counts no more before its end is written down; when that is on the disk the owner is told.
So after a restart a node has all rights that its journal names, and gives back every other that
its owner remembers, once what it grants is covered without it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from cantor.base.ids import NodeId
from cantor.scheduling.grants.claim import ASK_AGAIN_S, Ask
from cantor.scheduling.grants.events import Changed, Write
from cantor.scheduling.grants.journal import Kept, Over
from cantor.scheduling.grants.records import (
    FOR_EVER_S,
    Ended,
    Granted,
    Key,
    Lease,
    Refused,
    Release,
    Reserve,
)
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.scheduling.grants.records import Answer

Effect: TypeAlias = Ask | Write | Changed
ASKED_MAX = 16
IDLE_S = 60.0
"""A right that nothing here has used for so long goes back, so that a box can be switched off."""


class Pool(NamedTuple):
    """A shared quantity: its owner, its name, how many units, and how many nobody has a right to.

    ``free`` is a hint.
    """

    owner: NodeId
    name: str
    total: int
    free: int = 0


class Want(NamedTuple):
    """How many units of a quantity work waits for here; priority and project of the first."""

    units: int
    priority: int = 0
    project: str = ""


@dataclass(slots=True)
class _Right:
    """``asked`` of its owner, ``held``, its end being written (``ending``), or told (``over``).

    One that does not count, but of which the journal may say so, is ``void``.
    """

    state: Literal["asked", "held", "ending", "over", "void"]
    lease: Lease
    due_s: float = 0.0
    number: int = 0


@dataclass(slots=True)
class Purse:
    """The rights of node ``me`` in a life that nothing else is called like.

    ``kept`` is what its journal said; from one that is damaged nothing is taken, for a right might
    have gone back. ``spare(name)`` tells how many of the rights that it counts here nothing uses;
    None while that is not known.
    """

    me: NodeId
    life: str
    spare: Callable[[str], int | None]
    kept: Kept = field(default_factory=Kept)
    _rights: dict[Key, _Right] = field(default_factory=dict)
    _idle_s: dict[str, float] = field(default_factory=dict)
    _number: int = 0
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _effects: list[Effect] = field(default_factory=list)

    def __post_init__(self) -> None:
        for key, lease in self.kept.leases.items():
            self._rights[key] = _Right("held" if self.kept.is_whole else "void", lease)

    def held(self, name: str, owners: Iterable[NodeId]) -> int:
        """How many units of a quantity it has rights to, by these owners."""
        of = set(owners)
        mine = (key for key, right in self._rights.items() if right.state == "held")
        return sum(name_of(key) == name and owner_of(key) in of for key in mine)

    @property
    def owners(self) -> set[NodeId]:
        """Whose rights it has, or asks for."""
        return {owner_of(key) for key in self._rights}

    @property
    def names(self) -> set[str]:
        """What it has rights to."""
        return {name_of(key) for key in self._rights}

    def told(self, owner: NodeId) -> list[Lease]:
        """The rights of an owner that it has, for :class:`Book`."""
        return [
            right.lease
            for key, right in self._rights.items()
            if owner_of(key) == owner and right.state in ("held", "ending")
        ]

    def look(self, pools: Iterable[Pool], wants: Mapping[str, Want], now: float) -> list[Effect]:
        """Ask for what is wanted, of owners that can be reached; give back what idles."""
        self._effects = []
        reached = list(pools)
        for name in sorted({pool.name for pool in reached} | self.names):
            spare = self.spare(name)
            if spare is not None:
                want = wants.get(name, Want(0))
                of = [pool for pool in reached if pool.name == name]
                self._want(name, want, max(0, want.units - spare), of, now)
                self._idle(name, is_idle=spare > 0 and not want.units, now=now)
        for key, right in self._rights.items():
            if right.due_s <= now and right.state == "over":
                right.due_s = now + ASK_AGAIN_S
                self._effects.append(Ask(owner_of(key), Release(key, self.me)))
            elif right.due_s <= now and right.state == "void":
                right.due_s, right.number = now + ASK_AGAIN_S, self._write(Over(key))
        return self._effects

    def answered(self, owner: NodeId, answer: Answer) -> list[Effect]:
        """An owner has answered, or said again what it thinks that this node holds."""
        self._effects = []
        right = self._rights.get(answer.key)
        if owner_of(answer.key) != owner:
            return self._effects
        if isinstance(answer, Granted):
            self._granted(answer.lease, right, owner)
        elif isinstance(answer, Ended | Refused) and right is not None and _is_over(right, answer):
            if right.state in ("held", "ending"):  # this node was declared dead meanwhile
                right.state, right.due_s = "void", 0.0
                self._effects.append(Changed())
            elif right.state != "void":
                del self._rights[answer.key]
        return self._effects

    def recalled(self, owner: NodeId, name: str, units: int) -> list[Effect]:
        """Others wait for so many units: give back what nothing uses here.

        Without a name the owner does not know what it had given: no answer that is under way to a
        question of before may count after this node has told what it has.
        """
        self._effects = []
        for key, right in self._rights.items():
            if not name and right.state == "asked" and owner_of(key) == owner:
                right.state, right.due_s = "over", 0.0
        self._give(name, units, owner)
        return self._effects

    def written(self, number: int, *, is_done: bool) -> list[Effect]:
        """Records up to a number are on the disk, or are not."""
        self._effects = []
        for key, right in list(self._rights.items()):
            if right.state == "ending" and right.number <= number:
                right.state = "over" if is_done else "held"
                right.due_s = 0.0
                self._effects.append(Changed())
            elif right.state == "void" and 0 < right.number <= number and is_done:
                del self._rights[key]
        return self._effects

    def _granted(self, lease: Lease, right: _Right | None, owner: NodeId) -> None:
        if right is None or right.state == "void":
            if (spare := self.spare(name_of(lease.key))) is not None and spare >= 0:
                self._effects.append(Ask(owner, Release(lease.key, self.me)))
        elif right.state == "asked":
            right.state, right.lease = "held", lease
            self._write(lease)
            self._effects.append(Changed())

    def _want(self, name: str, want: Want, short: int, pools: list[Pool], now: float) -> None:
        free = {pool.owner: pool.free for pool in pools}
        for right in self._asked(name)[short:]:
            right.state, right.due_s = "over", 0.0
        for right in self._asked(name) if any(free.values()) else ():
            if not free.get(owner_of(right.lease.key)):  # another owner has what this one has not
                right.state, right.due_s = "over", 0.0
        for pool in sorted(pools, key=lambda pool: (-pool.free, pool.owner)):
            mine = sum((name_of(k), owner_of(k)) == (name, pool.owner) for k in self._rights)
            most = min(pool.total - mine, min(short, ASKED_MAX) - len(self._asked(name)))
            for _ in range(min(most, pool.free) if any(free.values()) else most):
                key = Key(f"{name}@{pool.owner}@{self.life}-{next(self._count)}", 0)
                self._rights[key] = _Right("asked", Lease(key, self.me, 0, {name: 1}))
        needs = parse(f"{name} = 1")
        for right in self._asked(name):
            if right.due_s <= now:
                right.due_s = now + ASK_AGAIN_S
                key = right.lease.key
                reserve = Reserve(key, self.me, needs, now, FOR_EVER_S, want.priority, want.project)
                self._effects.append(Ask(owner_of(key), reserve))

    def _asked(self, name: str) -> list[_Right]:
        return [
            right
            for key, right in self._rights.items()
            if right.state == "asked" and name_of(key) == name
        ]

    def _idle(self, name: str, *, is_idle: bool, now: float) -> None:
        if not is_idle:
            self._idle_s.pop(name, None)
        elif now >= self._idle_s.setdefault(name, now) + IDLE_S:
            self._give(name, self.spare(name) or 0)

    def _give(self, name: str, units: int, owner: NodeId | None = None) -> None:
        mine = [
            (key, right)
            for key, right in self._rights.items()
            if right.state == "held" and name_of(key) == name and owner in (None, owner_of(key))
        ]
        for key, right in mine[: max(0, min(units, self.spare(name) or 0))]:
            right.state, right.number = "ending", self._write(Over(key))
            self._effects.append(Changed())

    def _write(self, record: Lease | Over) -> int:
        self._number += 1
        self._effects.append(Write(self._number, record))
        return self._number


def _is_over(right: _Right, answer: Ended | Refused) -> bool:
    """Whether it is gone for good; a late copy of another refusal takes nothing away."""
    why = answer.why if isinstance(answer, Refused) else "ended"
    return why in ("ended", "lost", "wrong") or right.state == "asked"


def name_of(key: Key) -> str:
    """The quantity that a right is to; empty if this is the name of no right."""
    return key.task.partition("@")[0]


def owner_of(key: Key) -> NodeId:
    """Who gave it."""
    return NodeId(key.task.split("@")[1] if key.task.count("@") == 2 else "")

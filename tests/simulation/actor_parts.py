"""What the nodes of the simulation of actors consist of."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.actors.calling import Calling, Hearing
from cantor.scheduling.actors.keeping import Keeping
from cantor.scheduling.actors.ordering import Ordered
from cantor.scheduling.tasks.hosting import Hosting, Key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId
    from cantor.scheduling.actors.life import Life
    from cantor.scheduling.actors.records import Event

State = tuple["Made", ...]


@dataclass(frozen=True, slots=True, order=True)
class Made:
    """One call, as its caller's node made it."""

    node: NodeId
    life: int
    number: int


@dataclass(slots=True)
class Kept:
    """An actor at its keeper."""

    number: int
    address: str
    state: State = ()
    told: Ordered[tuple[Event, State | None]] = field(default_factory=Ordered)
    """What its latest life tells, in the order in which it did."""
    answered: list[Made] = field(default_factory=list)
    retries: int = 0


@dataclass(slots=True)
class Call:
    """A call at the keeper of its actor."""

    kept: Kept
    made: Made
    state: State = ()


@dataclass(slots=True, eq=False)
class Living:
    """An actor where it lives."""

    core: Life[Made]
    state: State
    queue: list[tuple[int, Made]] = field(default_factory=list)
    is_busy: bool = False
    told: Iterator[int] = field(default_factory=count)


@dataclass(slots=True)
class Box:
    """One node; nothing of it survives its end."""

    id: NodeId
    life: int = 0
    is_up: bool = False
    seen: dict[NodeId, int] = field(default_factory=dict)
    keeping: Keeping = field(default_factory=Keeping)
    calling: Calling = field(default_factory=Calling)
    hearing: Hearing[Made] = field(default_factory=Hearing)
    hosting: Hosting = field(default_factory=lambda: Hosting(0))
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    kept: dict[int, Kept] = field(default_factory=dict)
    calls: dict[int, Call] = field(default_factory=dict)
    lives: dict[Key, Living] = field(default_factory=dict)


def check(kept: Kept) -> None:
    """What an actor has answered is what it knows.

    Raises:
        LocalProtocolError: it is not.
    """
    known, answered = kept.state, kept.answered
    where = kept.address[:4]
    if len(set(known)) != len(known):
        raise LocalProtocolError("a call is in the state twice", where=where)
    if not set(answered) <= set(known):
        raise LocalProtocolError("the state lacks what was answered", where=where)
    by_caller: dict[tuple[NodeId, int], list[int]] = {}
    for made in known:
        by_caller.setdefault((made.node, made.life), []).append(made.number)
    if any(numbers != sorted(numbers) for numbers in by_caller.values()):
        raise LocalProtocolError("calls of one caller ran out of order", where=where)

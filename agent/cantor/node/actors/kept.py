"""Actors and their calls, as the node that keeps them has them; and what callers hear of an end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.bundles.values import pack
from cantor.node.tasks.wording import DONE
from cantor.scheduling.actors.ordering import Ordered

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.tasks.submits import Caller
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.actors.names import Named
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.tasks.story import Story
    from cantor.workers.units import Passed, Terms

NOTHING = (pack(None, []),)
"""The parts of an answer without a value."""


@dataclass(slots=True)
class Told:
    """What a life tells of itself, or of a call; an answer may come with the state after it."""

    what: Message
    call: int | None = None
    parts: Parts = ()
    state: Parts = ()


@dataclass(slots=True, eq=False)
class Kept:
    """One actor."""

    number: int
    address: str
    caller: Caller
    unit: int
    code: Passed
    terms: Terms
    needs: Needs
    parts: Parts
    story: Story
    state: Parts = ()
    told: Ordered[Told] = field(default_factory=Ordered)
    """What its latest life tells, of itself and of calls, in the order in which it did."""
    end: Message = field(default_factory=list)
    """What its calls hear once it has ended."""
    closing: list[KeptCall] = field(default_factory=list)
    """Those who wait for its end."""
    named: Named | None = None
    is_claiming: bool = False
    """It waits for its name, and these calls for it."""
    before: list[KeptCall] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class KeptCall:
    """One call of it that has no answer yet."""

    number: int
    kept: Kept
    node: NodeId
    life: int
    name: int
    """Its number there."""
    terms: Terms
    parts: Parts
    count: int = 0
    """Messages about it that its caller was sent."""
    last: tuple[Message, Parts] = ([], ())


def handle_of(named: Named) -> tuple[Message, Parts]:
    """An answer that says what a handle needs."""
    about = [named.address, named.kind, named.methods, named.mode, named.retries]
    return [DONE], (pack(about, []),)

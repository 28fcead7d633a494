"""Whether any node could ever meet needs, and what is missing if none can.

Conditions and labels count as they are. A quantity may have any number of free units from none to
all: what is taken now is given back one day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import NeedsError
from cantor.base.resources import Resource
from cantor.scheduling.evaluation import Situation, holds, ways, why_not
from cantor.scheduling.expression import (
    Among,
    And,
    Compare,
    Expression,
    Flag,
    Literal,
    Name,
    Not,
    Number,
    Or,
    Take,
    conditions,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cantor.scheduling.needs import Needs

NODES_NAMED_MAX = 3
_NEVER = Compare(Name("nothing"), "==", Flag(value=True))
_ALWAYS = Not(_NEVER)


@dataclass(frozen=True, slots=True)
class Place:
    """A node as far as needs look at it: all of its units count, whether taken or free."""

    name: str
    resources: tuple[Resource, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)


def can_ever(
    needs: Needs, resources: Iterable[Resource], labels: Mapping[str, str] | None = None
) -> bool:
    """Whether a node with these resources, all of them free again, might meet ``needs``."""
    if needs.expression is None:
        return True
    here = Situation(resources, labels)
    return _can_take(needs.expression, here)


def missing(needs: Needs, places: Sequence[Place]) -> str:
    """Why no node can ever meet ``needs``, for a person; empty if one may."""
    if needs.expression is None or any(can_ever(needs, p.resources, p.labels) for p in places):
        return ""
    if not places:
        return "no node is known"
    heres = {place.name: Situation(place.resources, place.labels) for place in places}
    lacking = [
        leaf
        for leaf in conditions(needs.expression)
        if not any(_may(leaf, here, wanted=True) for here in heres.values())
    ]
    if lacking and not _may_without(needs.expression, set(map(str, lacking))):
        return "; ".join(_nobody(leaf, heres) for leaf in dict.fromkeys(lacking))
    named = [
        f"{name}: {why}" for name, here in heres.items() if (why := _why(needs.expression, here))
    ]
    more = len(named) - NODES_NAMED_MAX
    return (
        "no node has all of it at once: "
        + "; ".join(named[:NODES_NAMED_MAX])
        + (f"; and {more} more" if more > 0 else "")
    )


def _why(expression: Expression, here: Situation) -> str:
    why = why_not(expression, here)
    return why or f"{expression} cannot be taken all together"


def _may_without(expression: Expression, lacking: set[str]) -> bool:
    """Whether it might hold although nobody has what is lacking, which explains nothing then."""
    match expression:
        case And(parts):
            return all(_may_without(part, lacking) for part in parts)
        case Or(parts):
            return any(_may_without(part, lacking) for part in parts)
        case Not(_):
            return True
    return str(expression) not in lacking


def _nobody(leaf: Compare | Among | Take, heres: Mapping[str, Situation]) -> str:
    name = leaf.name
    found = {place: here.found(name) for place, here in heres.items() if here.found(name)}
    if not found:
        return f"no node has {name} ({leaf})"
    if isinstance(leaf, Take):
        like: Literal = leaf.amount
        most = max(heres, key=lambda place: heres[place].free.get(name.text, 0))
        if name.text in heres[most].free:
            return f"no node has {leaf} (the most is {heres[most].described(name, like)} on {most})"
        return f"{name} is a condition and cannot be taken ({leaf}); compare it with =="
    like = leaf.literals[0] if isinstance(leaf, Among) else leaf.literal
    place = next(iter(found))
    return f"no node meets {leaf} ({name} is {heres[place].described(name, like)} on {place})"


def _can_take(expression: Expression, here: Situation) -> bool:
    """Whether all that is taken together is there; what may hold one day counts as held."""
    return next(ways(_bound(expression, here), here, {}), None) is not None


def _bound(expression: Expression, here: Situation) -> Expression:
    match expression:
        case And(parts):
            return And(tuple(_bound(part, here) for part in parts))
        case Or(parts):
            return Or(tuple(_bound(part, here) for part in parts))
        case Take():
            return expression
    return _ALWAYS if _may(expression, here, wanted=True) else _NEVER


def _may(expression: Expression, here: Situation, *, wanted: bool) -> bool:
    """Whether an expression may be true, or false, with some number of free units."""
    match expression:
        case Not(part):
            return _may(part, here, wanted=not wanted)
        case And(parts):
            return (all if wanted else any)(_may(part, here, wanted=wanted) for part in parts)
        case Or(parts):
            return (any if wanted else all)(_may(part, here, wanted=wanted) for part in parts)
        case Take():
            return holds(expression, here) is wanted
    name = expression.name
    total = None if name.is_label else here.free.get(name.text)
    if total is None:
        return holds(expression, here) is wanted
    literals = expression.literals if isinstance(expression, Among) else (expression.literal,)
    numbers = [one.value for one in literals if isinstance(one, Number)]
    near = {min(max(number + step, 0), total) for number in numbers for step in (-1, 0, 1)}
    return any(
        holds(expression, Situation([Resource(name.text, "quantity", free)], None)) is wanted
        for free in {0, total} | near
    )


def never_met(text: str, where: str) -> NeedsError:
    """The error of needs that no node can meet: ``text`` says why, ``where`` whose they are."""
    return NeedsError(
        f"can never be met: {text}", where=where, remedy="cantor resources shows what nodes have"
    )

"""Does a node meet an expression: what its resources and labels are, and what would be taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from cantor.base.text import printable
from cantor.base.units import format_size
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
    Text,
    Version,
    takes_units,
)
from cantor.scheduling.versions import VersionKey, version_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cantor.base.resources import Resource, ResourceValue

FOUND_CHARACTERS_MAX = 80
BRANCHES_NAMED_MAX = 4
Taken = dict[str, int | float]

_Ordered = TypeVar("_Ordered", int | float, str, VersionKey)


class Situation:
    """The free resources and the labels of one node, indexed by name."""

    def __init__(self, resources: Iterable[Resource], labels: Mapping[str, str] | None) -> None:
        self.labels = dict(labels or {})
        self.free: Taken = {}
        self._conditions: dict[str, list[ResourceValue]] = {}
        for resource in resources:
            value = resource.value
            if resource.kind == "quantity" and isinstance(value, int | float):
                self.free[resource.name] = self.free.get(resource.name, 0) + value
            else:
                self._conditions.setdefault(resource.name, []).append(value)

    def found(self, name: Name) -> list[ResourceValue]:
        """Every value that ``name`` has here: a quantity has one, the sum of its free units."""
        if name.is_label:
            return [self.labels[name.text]] if name.text in self.labels else []
        quantity = [self.free[name.text]] if name.text in self.free else []
        return [*quantity, *self._conditions.get(name.text, [])]

    def described(self, name: Name, like: Literal) -> str:
        """What was found, for a person; ``like`` says how to write numbers."""
        values = self.found(name)
        if not values:
            return "none"
        sizes = isinstance(like, Number) and like.unit
        shown = [
            format_size(v) if sizes and isinstance(v, int | float) else _shown(v) for v in values
        ]
        text = printable(", ".join(shown))  # other nodes choose these strings
        return text if len(text) <= FOUND_CHARACTERS_MAX else text[:FOUND_CHARACTERS_MAX] + "…"


def holds(test: Expression, here: Situation) -> bool:
    """Whether an expression is met, each :class:`Take` looked at alone."""
    match test:
        case Compare(name, "!=", literal):
            return not _compared(here.found(name), "==", literal)
        case Compare(name, sign, literal):
            return _compared(here.found(name), sign, literal)
        case Among(name, literals):
            return any(_compared(here.found(name), "==", literal) for literal in literals)
        case Take(name, amount):
            return here.free.get(name.text, 0) >= amount.value
        case Not(part):
            return not holds(part, here)
        case And(parts):
            return all(holds(part, here) for part in parts)
        case Or(parts):
            return any(holds(part, here) for part in parts)


def ways(expression: Expression, here: Situation, taken: Taken) -> Iterator[Taken]:
    """What would be taken in all, leftmost branches first; nothing where it cannot be met."""
    if isinstance(expression, Take):
        name = expression.name.text
        total = taken.get(name, 0) + expression.amount.value
        if total <= here.free.get(name, 0):
            yield {**taken, name: total}
    elif not takes_units(expression):
        if holds(expression, here):
            yield taken
    elif isinstance(expression, Or):
        for part in expression.parts:
            yield from ways(part, here, taken)
    elif isinstance(expression, And):
        yield from _ways_of_all(expression.parts, here, taken)


def why_not(expression: Expression, here: Situation) -> str:
    """The first condition that fails and what was found instead; empty if all hold one by one."""
    if holds(expression, here):
        return ""
    match expression:
        case And(parts):
            return next(filter(None, (why_not(part, here) for part in parts)), "")
        case Or(parts):
            named = [why_not(part, here) for part in parts[:BRANCHES_NAMED_MAX]]
            more = len(parts) - len(named)
            return "no branch holds: " + "; ".join(named) + (f"; and {more} more" if more else "")
        case Not(part):
            return f"{expression} fails: {part} holds"
        case Take(name, amount):
            return f"{expression} fails: {_lack(name, amount, here)}"
        case Compare(name, _, literal):
            return f"{expression} fails: {name} is {here.described(name, literal)}"
        case Among(name, literals):
            return f"{expression} fails: {name} is {here.described(name, literals[0])}"


def _ways_of_all(parts: tuple[Expression, ...], here: Situation, taken: Taken) -> Iterator[Taken]:
    tests = [part for part in parts if not takes_units(part)]
    if all(holds(test, here) for test in tests):
        yield from _in_turn([part for part in parts if takes_units(part)], here, taken)


def _in_turn(parts: list[Expression], here: Situation, taken: Taken) -> Iterator[Taken]:
    if not parts:
        yield taken
        return
    for so_far in ways(parts[0], here, taken):
        yield from _in_turn(parts[1:], here, so_far)


def _lack(name: Name, amount: Number, here: Situation) -> str:
    if name.text not in here.free and here.found(name):
        return f"{name} is a condition and cannot be taken; compare it with =="
    return f"{here.described(name, amount)} free"


def _compared(values: list[ResourceValue], sign: str, literal: Literal) -> bool:
    """Whether any of the values compares so; what is missing counts as 0 or false."""
    if not values and isinstance(literal, Number | Flag):
        values = [0]
    return any(_compare(value, sign, literal) for value in values)


def _compare(value: ResourceValue, sign: str, literal: Literal) -> bool:
    match literal:
        case Text(text):
            return isinstance(value, str) and _stands(value, sign, text)
        case Flag(flag):
            return _as_flag(value) is flag
        case Version(text):
            return _by_version(value, sign, text)
        case Number(text, unit, number):
            if not isinstance(value, str):
                return _stands(value, sign, number)
            return not unit and _by_version(value, sign, text)


def _stands(ours: _Ordered, sign: str, theirs: _Ordered) -> bool:
    if sign in ("==", "<=", ">=") and ours == theirs:
        return True
    return ours < theirs if sign in ("<", "<=") else sign in (">", ">=") and ours > theirs


def _by_version(value: ResourceValue, sign: str, text: str) -> bool:
    if not isinstance(value, str):
        return False
    ours, theirs = version_key(value), version_key(text)
    return ours is not None and theirs is not None and _stands(ours, sign, theirs)


def _as_flag(value: ResourceValue) -> bool | None:
    if isinstance(value, str):
        return {"true": True, "false": False}.get(value)
    return bool(value)


def _shown(value: ResourceValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        f"{value:g}"
        if isinstance(value, float)
        else str(Text(value) if isinstance(value, str) else value)
    )

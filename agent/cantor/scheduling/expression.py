"""The tree of a needs expression, and how it is written back.

``str(tree)`` is the canonical text: parsing it gives an equal tree. Columns are kept for messages
and take no part in equality.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[A-Za-z_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
KEYWORDS = frozenset({"and", "or", "not", "in", "true", "false", "label"})
COMPARISONS = ("==", "!=", "<=", ">=", "<", ">")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written (``text`` lacks the unit) and its value in base units (bytes)."""

    text: str
    unit: str
    value: int | float

    def __str__(self) -> str:
        return self.text + self.unit


@dataclass(frozen=True, slots=True)
class Version:
    """A version with three parts or more: ``1.2.0``, ``1.2.0-rc1``."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted string."""

    value: str

    def __str__(self) -> str:
        return quote(self.value)


@dataclass(frozen=True, slots=True)
class Flag:
    """``true`` or ``false``."""

    value: bool

    def __str__(self) -> str:
        return "true" if self.value else "false"


Literal = Number | Version | Text | Flag


@dataclass(frozen=True, slots=True)
class Name:
    """The name of a resource, or of a label of the node."""

    text: str
    is_label: bool = False

    def __str__(self) -> str:
        if not self.is_label:
            return self.text
        return f"label.{self.text if NAME.fullmatch(self.text) else quote(self.text)}"


@dataclass(frozen=True, slots=True)
class Compare:
    """A test: ``USBCamera == 1``. ``operator`` is one of ``== != < <= > >=``."""

    name: Name
    operator: str
    literal: Literal
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.literal}"


@dataclass(frozen=True, slots=True)
class Among:
    """A test against several values: ``label.site in ["north", "south"]``."""

    name: Name
    literals: tuple[Literal, ...]
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name} in [{', '.join(map(str, self.literals))}]"


@dataclass(frozen=True, slots=True)
class Take:
    """Units taken from a quantity while the work runs: ``GPU = 1``."""

    name: Name
    amount: Number
    column: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.name} = {self.amount}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a test; holds no :class:`Take`."""

    part: Expression

    def __str__(self) -> str:
        return f"not {_inside(self.part, And, Or)}"


@dataclass(frozen=True, slots=True)
class And:
    """Two parts or more that must all be met; no part is itself an :class:`And`."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " and ".join(_inside(part, Or) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Two branches or more: the leftmost that can be met counts; none is itself an :class:`Or`."""

    parts: tuple[Expression, ...]

    def __str__(self) -> str:
        return " or ".join(str(part) for part in self.parts)


Condition = Compare | Among | Take
Expression = Condition | Not | And | Or


def quote(value: str) -> str:
    """A string literal that reads back as ``value``."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def conditions(expression: Expression) -> list[Condition]:
    """The conditions in the order in which they are written."""
    if isinstance(expression, Not):
        return conditions(expression.part)
    if isinstance(expression, And | Or):
        return [leaf for part in expression.parts for leaf in conditions(part)]
    return [expression]


def takes_units(expression: Expression) -> bool:
    """Whether any part takes units of a quantity."""
    return any(isinstance(leaf, Take) for leaf in conditions(expression))


def alternatives(expression: Expression) -> int:
    """In how many different ways units can be taken: tests alone count as one way."""
    if not takes_units(expression):
        return 1
    if isinstance(expression, Or):
        return sum(alternatives(part) for part in expression.parts)
    if isinstance(expression, And):
        product = 1
        for part in expression.parts:
            product *= alternatives(part)
        return product
    return 1


def _inside(part: Expression, *weaker: type[And | Or]) -> str:
    return f"({part})" if isinstance(part, weaker) else str(part)

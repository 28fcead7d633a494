"""What projects use of one node, as its owner counts it and tells the others."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.grants.records import QUANTITIES_MAX
from cantor.scheduling.shares.terms import PROJECTS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value

Amounts = dict[str, int | float]
_KINDS = ("held", "spent", "waiting", "yields", "moved")
NAME_CHARACTERS_MAX = 64
_AMOUNT_MAX = 2.0**62


@dataclass(slots=True)
class Use:
    """A project on one node, in base units by quantity.

    ``spent`` is ``held`` added up over the seconds of the node's life. ``yields`` may be taken back
    for others. ``moved`` is what the node takes back from it now (less than none), or for it.
    """

    held: Amounts = field(default_factory=dict)
    spent: Amounts = field(default_factory=dict)
    waiting: Amounts = field(default_factory=dict)
    yields: Amounts = field(default_factory=dict)
    moved: Amounts = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """As msgpack types, without what is nothing."""
        return {kind: dict(told) for kind in _KINDS if (told := getattr(self, kind))}


@dataclass(frozen=True, slots=True)
class Told:
    """What a node says of all projects, counted since it began the life ``epoch``."""

    epoch: int
    uses: Mapping[str, Use] = field(default_factory=dict)

    def as_value(self) -> dict[str, Value]:
        """The value of the fact; ``told_from_value`` reads it back."""
        uses: Value = {name: use.as_value() for name, use in self.uses.items()}
        return {"epoch": self.epoch, "projects": uses}


def told_from_value(value: Value) -> Told:
    """What another node says; what does not have the right shape is left out."""
    epoch = value.get("epoch") if isinstance(value, dict) else None
    rows = value.get("projects") if isinstance(value, dict) else None
    if type(epoch) is not int or not isinstance(rows, dict) or len(rows) > PROJECTS_MAX + 1:
        return Told(0)
    return Told(epoch, {name: _use(row) for name, row in rows.items() if isinstance(row, dict)})


def add(amounts: Amounts, more: Mapping[str, int | float], sign: int = 1) -> None:
    """Count ``more`` in, or out with ``sign`` -1; what is nothing then is left out."""
    for name, amount in more.items():
        left = amounts.get(name, 0) + sign * amount
        if abs(left) > 1e-9:
            amounts[name] = left
        else:
            amounts.pop(name, None)


def _use(row: Mapping[str, Value]) -> Use:
    return Use(*(_amounts(row.get(kind), is_signed=kind == "moved") for kind in _KINDS))


def _amounts(value: Value, *, is_signed: bool) -> Amounts:
    if not isinstance(value, dict) or len(value) > QUANTITIES_MAX:
        return {}
    least = -_AMOUNT_MAX if is_signed else 0.0
    return {
        name: amount
        for name, amount in value.items()
        if type(name) is str
        and len(name) <= NAME_CHARACTERS_MAX
        and isinstance(amount, int | float)
        and not isinstance(amount, bool)
        and math.isfinite(amount)
        and least <= amount <= _AMOUNT_MAX
    }

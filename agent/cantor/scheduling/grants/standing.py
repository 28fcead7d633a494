"""Where a lease stands with its owner, and who waits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cantor.scheduling.expression import Take, conditions

if TYPE_CHECKING:
    from cantor.scheduling.grants.records import Lease, Reserve
    from cantor.scheduling.needs import Needs


@dataclass(slots=True)
class Held:
    """A lease and where it stands: being written, held, or its end being written."""

    lease: Lease
    state: Literal["writing", "held", "ending"]
    asked_s: float
    ends_s: float = math.inf
    is_unwanted: bool = False
    retry_s: float = math.inf


@dataclass(slots=True)
class Waits:
    """Who waits, since when by order, and when it was heard last."""

    reserve: Reserve
    order: int
    heard_s: float
    names: frozenset[str]


def names_in(needs: Needs) -> frozenset[str]:
    """The quantities that ``needs`` may take."""
    leaves = conditions(needs.expression) if needs.expression is not None else []
    return frozenset(leaf.name.text for leaf in leaves if isinstance(leaf, Take))


def names_of(asked: Reserve) -> frozenset[str]:
    """The quantities that it may take."""
    return names_in(asked.needs)

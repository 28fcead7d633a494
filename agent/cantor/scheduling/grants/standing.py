"""Where a lease stands with its owner, and who waits."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cantor.scheduling.expression import Take, conditions
from cantor.scheduling.grants.records import TTL_MAX_S

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    queue: str = ""
    since_s: float = 0.0
    wanted_by: str = ""
    """The queue for which it was asked back before its work has ended; empty if it was not."""


@dataclass(slots=True)
class Waits:
    """Who waits: the how manyth to come, and when; when it was heard last; the quantities that it
    may take, and how much of each if all there is were free; its queue."""

    reserve: Reserve
    order: int
    since_s: float
    heard_s: float
    names: frozenset[str]
    amounts: Mapping[str, int | float]
    queue: str = ""
    stood_s: float = math.inf
    """Since when it has been the first, and what is free does not do for it."""


def names_in(needs: Needs) -> frozenset[str]:
    """The quantities that ``needs`` may take."""
    leaves = conditions(needs.expression) if needs.expression is not None else []
    return frozenset(leaf.name.text for leaf in leaves if isinstance(leaf, Take))


def names_of(asked: Reserve) -> frozenset[str]:
    """The quantities that it may take."""
    return names_in(asked.needs)


def lost_text(left_s: float) -> str:
    """What an owner says for so long that does not know what it had granted."""
    is_short = left_s <= TTL_MAX_S
    until = f"for {math.ceil(left_s)} s" if is_short else "until its rights are counted"
    return f"what it had granted is not known any more: it grants nothing {until}"

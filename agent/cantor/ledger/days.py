"""When facts lapse: an issuer says which day it is, and what is too old by then is given up.

A fact that its owner does not mark as lasting holds for ``LIFE_DAYS`` days. Owners say theirs anew
after ``REFRESH_DAYS``, so what lapses is of owners that were away for 60 days, or was withdrawn so
long ago. Whether a fact has lapsed follows from its signed stamp and mark and from the day that was
said, never from the clock of who asks: so all nodes give up the same, and take none of it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.clock import seconds_ahead

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact

DAY_S = 86_400
LIFE_DAYS = 70
REFRESH_DAYS = 10
STEP_DAYS = 40
"""How far a day lies after what any living node says, at most: so nothing of it lapses."""


def day_of(stamp: int) -> int:
    """The day since 1970 in which a stamp was given."""
    return int(seconds_ahead(stamp, 0.0) // DAY_S)


def has_lapsed(fact: Fact, day: int) -> bool:
    """Whether a fact holds no longer on that day. One without a mark is of an older version."""
    return fact.lasting is False and day_of(fact.hlc) < day - LIFE_DAYS


def is_due(fact: Fact, day: int) -> bool:
    """Whether the owner of a fact must say it anew on that day."""
    is_said = fact.value is not None and fact.lasting is False
    return is_said and day_of(fact.hlc) < day - REFRESH_DAYS


def day_to_say(
    facts: Iterable[Fact], me: NodeId, alive: Collection[NodeId], wall_s: float
) -> int | None:
    """The day since 1970 that the issuer ``me`` may say; None if there is none.

    Its own clock is not enough: most of the others that are ``alive`` must have said something
    within the last day by it. With a node of a version that does not mark its facts there is none,
    because that would keep and send what others give up. ``wall_s`` is in seconds since 1970.
    """
    oldest = today = int(wall_s // DAY_S)
    newest = {node: 0 for node in alive if node != me}
    for fact in facts:
        if fact.owner not in newest or fact.value is None:
            continue
        if fact.lasting is None:
            return None
        day = day_of(fact.hlc)
        newest[fact.owner] = max(newest[fact.owner], day)
        if not fact.lasting:
            oldest = min(oldest, day)
    agreeing = sum(abs(today - day) <= 1 for day in newest.values())
    return min(today, oldest + STEP_DAYS) if 2 * agreeing > len(newest) else None

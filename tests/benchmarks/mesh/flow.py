"""What a flow of numbered messages tells: how long nothing arrived, what was lost or came twice."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.bed.fleet import Box

PER_S = 50.0


class Outage(NamedTuple):
    """One fault under traffic: seconds without a message, and messages lost and duplicated."""

    gap_s: float
    lost: int
    duplicated: int


def outage(sent: int, taken: Sequence[tuple[int, float, float]]) -> Outage:
    """What happened to ``sent`` messages, from the (number, sent at, arrived at) of those taken."""
    numbers = {number for number, _, _ in taken}
    arrivals = sorted(at for _, _, at in taken)
    gaps = [after - before for before, after in pairwise(arrivals)]
    return Outage(max(gaps), sent - len(numbers), len(taken) - len(numbers))


async def begin(source: Box, target: Box) -> None:
    """Let a flow of reliable messages begin."""
    await source.ask("bench.begin_flow", to=target.id, per_s=PER_S)


async def end(source: Box, target: Box) -> Outage:
    """End it once all is taken; what happened to it."""
    sent: Any = await source.ask("bench.end_flow")
    taken: Any = await target.ask("bench.taken")
    return outage(sent, taken)


def worst(found: Sequence[Outage]) -> Outage:
    """The longest gap of several faults, and all that was lost and duplicated."""
    return Outage(
        max(one.gap_s for one in found),
        sum(one.lost for one in found),
        sum(one.duplicated for one in found),
    )

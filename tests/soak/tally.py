"""Numbered messages between nodes under churn, and what became of them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from cantor.wire.frame import Value

Report = dict[str, Any]
"""What one node says: its ``life``, ``written`` and ``taken`` (numbers of messages by destination),
and ``heard`` (by source and life of that: see ``Heard``)."""


@dataclass(slots=True)
class Heard:
    """What one life of a node has heard of one life of another.

    Numbers from ``first`` to ``last``, of which some were ``missed``, and some came ``again`` or
    out of order.
    """

    first: int
    last: int
    missed: int = 0
    again: int = 0

    def hear(self, number: int) -> None:
        """Take the next number: it should follow the last."""
        if number <= self.last:
            self.again += 1
        else:
            self.missed += number - self.last - 1
            self.last = number

    def as_value(self) -> dict[str, Value]:
        """For a report."""
        return asdict(self)


@dataclass(slots=True)
class Verdict:
    """Messages ``written`` to nodes that live, those ``lost``, and those that came ``again``."""

    written: int = 0
    lost: int = 0
    again: int = 0


def judge_messages(reports: Mapping[str, Report], steady: Collection[str]) -> Verdict:
    """What became of all messages; ``reports`` are of all nodes, which write no more.

    ``steady`` are the nodes whose process was never another: they have heard all from the first. A
    later life of a node hears what is sent to it from some number on, without a gap.
    """
    verdict = Verdict()
    for destination, told in reports.items():
        for heard in told["heard"].values():
            verdict.lost += heard["missed"] + (heard["first"] - 1) * (destination in steady)
            verdict.again += heard["again"]
    for source, said in reports.items():
        for destination, written in said["written"].items():
            if destination in reports:
                verdict.written += written
                verdict.lost += written - said["taken"].get(destination, 0)
                heard = reports[destination]["heard"].get(f"{source} {said['life']}")
                if heard is not None:
                    verdict.lost += said["taken"].get(destination, 0) - heard["last"]
                elif destination in steady:
                    verdict.lost += said["taken"].get(destination, 0)
    return verdict

"""The network between simulated nodes: lines that behave like TCP connections.

A line keeps the order of its frames and loses none while it lasts. What is sent into a cut waits,
and arrives when the cut is healed, unless one end has given the line up before.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from random import Random

    from cantor.base.ids import NodeId

DELAY_MIN_S, DELAY_SPREAD_S, JITTER_S = 0.001, 0.015, 0.004
RESUME_S = 0.2
"""How long a line needs after a cut until what waited is sent again."""

Way = tuple["NodeId", "NodeId"]


@dataclass(slots=True)
class Line:
    """One connection: its delay, the ends that hold it open, and what waits in either direction."""

    nonce: str
    ends: tuple[NodeId, NodeId]
    base_s: float
    random: Random
    open: set[NodeId] = field(default_factory=set)
    arrives: dict[NodeId, float] = field(default_factory=dict)
    held: dict[NodeId, list[Any]] = field(default_factory=dict)

    def other(self, end: NodeId) -> NodeId:
        """The other end."""
        return self.ends[1] if end == self.ends[0] else self.ends[0]

    def arrival(self, to: NodeId, now: float) -> float:
        """When a frame written now arrives."""
        at = now + self.base_s + self.random.random() * JITTER_S
        at = max(at, self.arrives.get(to, 0.0) + 1e-6)
        self.arrives[to] = at
        return at


class Network:
    """Every line by nonce, and the cuts: ways, in one direction, on which nothing passes."""

    def __init__(self) -> None:
        self.lines: dict[str, Line] = {}
        self.cuts: set[Way] = set()

    def cut(self, ways: Iterable[Way], *, both: bool = True) -> None:
        """Let nothing pass on these ways any more."""
        for one, other in ways:
            self.cuts.add((one, other))
            if both:
                self.cuts.add((other, one))

    def passes(self, one: NodeId, other: NodeId) -> bool:
        """Whether frames pass from one node to another."""
        return (one, other) not in self.cuts

    def both_pass(self, one: NodeId, other: NodeId) -> bool:
        """Whether a connection could be opened."""
        return self.passes(one, other) and self.passes(other, one)

    def of(self, node: NodeId) -> list[Line]:
        """The lines of a node, oldest first."""
        return [line for line in self.lines.values() if node in line.ends]

    def waits(self, line: Line, to: NodeId) -> bool:
        """Whether a frame must wait: there is a cut, or others wait already."""
        return (line.other(to), to) in self.cuts or bool(line.held.get(to))

    def heal(self) -> list[tuple[Line, NodeId, list[Any]]]:
        """Undo every cut; return what had waited: the line, where to, and the frames."""
        self.cuts.clear()
        released = []
        for line in self.lines.values():
            for to, frames in line.held.items():
                if frames:
                    released.append((line, to, frames))
            line.held = {}
        return released

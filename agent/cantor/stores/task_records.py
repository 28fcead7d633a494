"""Durable tasks as they are kept: what was submitted, what became of it, and for how long.

Time is counted while the store is open: a clock that was set, or a box that was off, takes nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

FILE_NAME = "tasks.sqlite3"
TASK_BYTES_MAX = 64 * 1024 * 1024
"""Of the arguments of one task, and of its result."""
_ID = re.compile(r"[0-9a-f]{32}")


def is_task_id(text: str) -> bool:
    """Whether it is an id of a durable task: 32 hex digits."""
    return _ID.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept, and how long."""

    result_s: float = 7 * 86400.0
    """A result that nobody has taken."""
    taken_s: float = 3600.0
    """A result after its submitter has it; it is the first to make room."""
    tasks_max: int = 100_000
    """Tasks and results together; no more are taken then."""
    bytes_max: int = 1024 * 1024 * 1024
    """Of arguments and results together."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A task that was submitted and has no result."""

    id: str
    name: str
    code: str
    terms: bytes
    python: str
    arguments: bytes
    at: float = 0.0
    """When it was submitted, on the store's time."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.arguments)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a task: the only one, ever."""

    id: str
    name: str
    state: str
    """``done``, ``failed``, ``cancelled``, ``expired``, ``died``, ``preempted`` or ``lost``."""
    attempt: str
    """Which attempt it is of: ``life.attempt``."""
    told: bytes
    at: float = 0.0
    taken: float | None = None
    """When its submitter took it."""

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.told)

    def left_s(self, now: float, limits: Limits) -> float:
        """How much longer it is kept at least, unless room is needed."""
        left = self.at + limits.result_s - now
        return left if self.taken is None else min(left, self.taken + limits.taken_s - now)


@dataclass(slots=True, eq=False)
class Part:
    """Something to write: one of the kinds below, and who hears what came of it."""

    kind: int
    content: Any
    tell: Callable[[Any], None] | None = None
    stays: bool = False

    @property
    def size(self) -> int:
        """Bytes that it takes, of those that stay."""
        return self.content.size if isinstance(self.content, Outcome) else 0

    def told(self, outcome: Any) -> None:  # noqa: ANN401 (its own, or a StoreError)
        """What came of it."""
        if self.tell is not None:
            self.tell(outcome)


ASK, END, TAKE, FORGET, READ, ROWS = range(6)
"""Kinds of parts, in the order in which a group writes them:

ASK     an Asked and its code             None
END     an Outcome                        None
TAKE    the id of a task                  None
FORGET  the id of a task                  whether there was such a result
READ    the id of a task                  its Outcome, or None
ROWS    how many at most                  Outcomes without what they told, the newest first
"""

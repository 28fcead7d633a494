"""One task as people ask for it: what it is, what was tried where, and what became of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, get_args

from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

State: TypeAlias = Literal[
    "waits", "runs", "done", "failed", "cancelled", "expired", "died", "preempted", "lost"
]
STATES: tuple[State, ...] = get_args(State)
"""``failed``: its function raised, or it can never run. ``died``: its worker did. ``preempted``:
another project was owed what it used. ``lost``: the node that ran it was."""
Kind: TypeAlias = Literal["task", "actor"]
"""A function that runs, or an actor that lives."""
ATTEMPTS_MAX = 16
"""The last so many attempts of a task are remembered."""
OUTPUT_CHARACTERS_MAX = 64 * 1024
"""Of what a task prints the end is kept while it is open,"""
ENDED_OUTPUT_CHARACTERS_MAX = 16 * 1024
"""and less of it once it has ended."""
TRACEBACK_CHARACTERS_MAX = 16 * 1024
WHY_CHARACTERS_MAX = 500
"""Of what a line says to a person."""
_DIGITS_MAX = 18
_PIECE_CHARACTERS = 4 * 1024
"""What is written bit by bit is put together up to about this size."""


class About(Protocol):
    """The terms that a task was submitted under, as far as tasks are found by them."""

    @property
    def name(self) -> str:
        """Of the function."""

    @property
    def needs(self) -> str:
        """The expression."""

    @property
    def parent(self) -> str:
        """The task that submitted it; blank if none has."""


def task_id(node: NodeId, life: int, number: int) -> str:
    """By which a task goes in the whole mesh: its number in that life of the node it came from."""
    return f"{node}-{life}-{number}"


def read_task_id(text: str) -> tuple[str, int, int] | None:
    """The node of a task, as it is written there, its life and its number; None if it is no id."""
    node, *counts = text.rsplit("-", 2)
    if not node or len(counts) != 2 or not all(map(_is_count, counts)):
        return None
    return node, int(counts[0]), int(counts[1])


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX


@dataclass(slots=True, eq=False)
class Tail:
    """The last of what a task printed: to its standard output (1) or error (2), in order."""

    pieces: deque[tuple[int, str]] = field(default_factory=deque)
    size: int = 0
    """Characters."""
    is_cut: bool = False

    def add(self, descriptor: int, text: str) -> None:
        """It wrote more."""
        self.size += len(text)
        last = self.pieces[-1] if self.pieces else None
        if last is not None and last[0] == descriptor and len(last[1]) < _PIECE_CHARACTERS:
            self.pieces[-1] = descriptor, last[1] + text
        else:
            self.pieces.append((descriptor, text))
        self.cut(OUTPUT_CHARACTERS_MAX)

    def cut(self, characters: int) -> None:
        """Keep no more than so many."""
        while self.size > characters:
            self.is_cut = True
            descriptor, text = self.pieces.popleft()
            over = self.size - characters
            self.size -= len(text)
            if over < len(text):
                self.pieces.appendleft((descriptor, text[over:]))
                self.size += len(text) - over


@dataclass(slots=True)
class Attempt:
    """One that was sent to a node; times are on the submitter's steady clock.

    ``worker`` is the process there, 0 if that is not known. ``end`` is blank while it is open; else
    how it ended: a state, or ``refused`` if it has not begun.
    """

    number: int
    node: NodeId
    sent: float
    begun: float | None = None
    ended: float | None = None
    end: str = ""
    why: str = ""
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Failure:
    """What a function raised: its type, its text, and the traceback with the remote lines."""

    type: str
    text: str
    traceback: str

    @property
    def line(self) -> str:
        """In one line."""
        first = self.text.strip().partition("\n")[0]
        return (f"{self.type}: {first}" if first else self.type)[:WHY_CHARACTERS_MAX]


@dataclass(slots=True, eq=False)
class Story:
    """One task; ``number`` is never used again in this life of its node.

    Times are on the steady clock of that node, ``submitted`` is another for each task. ``revision``
    grows with each change of any story. ``why`` says what it waits for, or how it ended badly.
    """

    number: int
    about: About
    project: str = DEFAULT_PROJECT
    kind: Kind = "task"
    submitted: float = 0.0
    state: State = "waits"
    why: str = ""
    ended: float | None = None
    revision: int = 0
    durable_id: str = ""
    python: str = ""
    last: Attempt | None = None
    """The attempt that was sent last,"""
    past: tuple[Attempt, ...] = ()
    """and those before it."""
    attempts_left_out: int = 0
    progress: tuple[float, str] | None = None
    """How much of it is done, of 1, and what it said of that."""
    failure: Failure | None = None
    tail: Tail | None = None

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The last of them in the order in which they were sent."""
        return self.past if self.last is None else (*self.past, self.last)

    @property
    def characters(self) -> int:
        """How much text it remembers that may be long."""
        size = 0 if self.tail is None else self.tail.size
        return size if self.failure is None else size + len(self.failure.traceback)

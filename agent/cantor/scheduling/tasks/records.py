"""What is known of tasks and of nodes that run them; what happens, and what shall be done."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.base.resources import Resource
    from cantor.scheduling.needs import Needs

Refusal: TypeAlias = Literal["busy", "unfit"]
"""Why a node does not run an attempt: its units are taken, or it is not what it seemed to be."""
Why: TypeAlias = Literal["never", "lost", "expired", "cancelled"]
"""How a task ends without a word of the node that runs it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A task as the node of its submitter sees it; ``id`` is never used again in this life."""

    id: int
    needs: Needs
    text: str = ""
    """Its needs as they were written."""
    python: str = ""
    """The minor version that its code is for; "" if any will do."""
    priority: int = 1
    retries: int = 0
    at_most_once: bool = False
    deadline: float = math.inf
    """On the submitter's steady clock."""
    is_nested: bool = False
    """Another task waits for it, and keeps a worker busy meanwhile."""
    project: str = ""
    """Whose share of the nodes it uses."""
    is_again: bool = False
    """It was taken before this node was started again: nodes that fit may not be known yet."""
    near: frozenset[NodeId] = frozenset()
    """The nodes that have what it reads."""

    @property
    def kind(self) -> tuple[str, str, bool, str]:
        """The same for jobs that the same nodes can run and that wait for each other."""
        return self.text, self.python, self.is_nested, self.project


@dataclass(frozen=True, slots=True)
class Host:
    """A node that runs tasks, as this one knows it."""

    id: NodeId
    name: str
    life: int
    """Counts its starts."""
    workers: int
    python: str
    resources: tuple[Resource, ...] = ()
    free: tuple[Resource, ...] = ()
    """What is free of them, as far as is known."""
    labels: Mapping[str, str] = field(default_factory=dict)
    load: float = 0.0
    """Tasks for each of its workers, as it said last."""
    distance: float = 0.0
    """What it costs to reach it: 0 is this node."""


@dataclass(frozen=True, slots=True)
class Submitted:
    """Run this."""

    job: Job


@dataclass(frozen=True, slots=True)
class Hosts:
    """The nodes that may run tasks of this one now; in-flight work of all others is lost.

    ``others`` are nodes that may not, and why: for errors. ``is_shared``: several projects compete.
    """

    hosts: tuple[Host, ...]
    others: tuple[tuple[Host, str], ...] = ()
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """A node says that an attempt has a result: also an error of the function is one."""

    node: NodeId
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Died:
    """A node says that the worker of an attempt has died, or was ended for another project."""

    node: NodeId
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A node does not run an attempt, and has not begun it."""

    node: NodeId
    task: int
    attempt: int
    why: Refusal
    text: str = ""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A node has ended an attempt because it could not reach this one for a while."""

    node: NodeId
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nobody wants it any more."""

    task: int


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event: TypeAlias = Submitted | Hosts | Ended | Died | Refused | Dropped | Cancelled | Tick


@dataclass(frozen=True, slots=True)
class Run:
    """Let a node run an attempt; with ``may_wait`` it waits there until units are free."""

    node: NodeId
    life: int
    task: int
    attempt: int
    may_wait: bool


@dataclass(frozen=True, slots=True)
class Abort:
    """Let a node end an attempt, and never begin it."""

    node: NodeId
    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Commit:
    """What this attempt has told last is the result of the task: the only one, ever."""

    task: int
    attempt: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The task ends without a result; ``text`` is for a person."""

    task: int
    why: Why
    text: str = ""
    node: NodeId | None = None
    """The one that was lost."""


Effect: TypeAlias = Run | Abort | Commit | GiveUp

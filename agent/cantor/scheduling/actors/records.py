"""What happens to actors and their calls, and what shall be done.

A *call* is a number that the keeper gave it. What is known of nodes, and how a node is asked to
begin a life or to end one, is the same as for tasks (``cantor.scheduling.tasks.records``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cantor.scheduling.tasks.records import Abort, Dropped, Hosts, Refused, Run, Tick

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.scheduling.tasks.records import Job

Why: TypeAlias = Literal["closed", "died", "lost", "failed", "never"]
"""How an actor has ended: as was asked, with its worker, with its node, because it could not be
made, or because no node can ever have it."""
Loss: TypeAlias = Literal["died", "lost", "cancelled", "over"]
"""Why a call has no answer: its worker died or its node was lost while it may have run, nobody
wants it, or its actor has ended."""


@dataclass(frozen=True, slots=True)
class Started:
    """Let an actor live somewhere; as often as ``job.retries`` say it begins a new life."""

    job: Job


@dataclass(frozen=True, slots=True)
class Lives:
    """A node says that a life has begun: it takes calls."""

    node: NodeId
    actor: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A node says that the actor could not be made: so it is everywhere."""

    node: NodeId
    actor: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Fell:
    """A node says that the worker of a life has ended; calls from place ``begun`` had not begun."""

    node: NodeId
    actor: int
    attempt: int
    begun: int


@dataclass(frozen=True, slots=True)
class Closed:
    """End it: when all calls that were made are answered, or with ``kill`` now."""

    actor: int
    kill: bool = False


@dataclass(frozen=True, slots=True)
class Called:
    """A caller wants this; it may run again as often as ``retries`` say if it may have run."""

    actor: int
    call: int
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Answered:
    """A life has answered a call: also an error of the method is an answer."""

    node: NodeId
    actor: int
    attempt: int
    call: int


@dataclass(frozen=True, slots=True)
class CallCancelled:
    """Nobody wants a call any more: end it also if it runs."""

    call: int


@dataclass(frozen=True, slots=True)
class Forgone:
    """Nobody waits for a call any more; if it runs, it shall do no harm to its actor."""

    call: int


Event: TypeAlias = (
    Started
    | Hosts
    | Lives
    | Failed
    | Fell
    | Refused
    | Dropped
    | Closed
    | Called
    | Answered
    | CallCancelled
    | Forgone
    | Tick
)


@dataclass(frozen=True, slots=True)
class Invoke:
    """Let a life run a call: the one at that place among those that it was given."""

    node: NodeId
    actor: int
    attempt: int
    place: int
    call: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Let a life end a call."""

    node: NodeId
    actor: int
    attempt: int
    call: int


@dataclass(frozen=True, slots=True)
class CommitCall:
    """What was told last of a call is its answer: the only one, ever."""

    call: int


@dataclass(frozen=True, slots=True)
class LoseCall:
    """A call has no answer, and will have none."""

    call: int
    why: Loss


@dataclass(frozen=True, slots=True)
class Over:
    """An actor has ended; ``text`` is for a person, ``node`` the one that was lost."""

    actor: int
    why: Why
    text: str = ""
    node: NodeId | None = None


Effect: TypeAlias = Run | Abort | Invoke | Stop | CommitCall | LoseCall | Over

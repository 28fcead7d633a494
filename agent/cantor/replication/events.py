"""What happens to a member of a replica group, and what its driver shall do.

Effects are done in their order, one after the other: a read that follows an ``Apply`` sees it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from cantor.replication.records import NOBODY

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.messages import Letter
    from cantor.replication.records import Client, Entry, Epoch, Members, Snapshot

Why: TypeAlias = Literal["elsewhere", "alone", "doubt", "full", "large", "disk", "fenced"]
"""Why something is refused:

elsewhere  another node owns the group, or nobody does at the moment: ask again, there
alone      the other one of two cannot be reached: it must return, or be declared dead
doubt      it was begun, and nobody knows whether it counts: submit it again under its number
full       too much waits: ask again later
large      a command has too many bytes
disk       this node's disk refuses to write
fenced     this node was declared dead
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Begin a new group, whose members these nodes shall be; this one is the first."""

    wanted: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Let these nodes be the members; one is added or taken away after the other."""

    nodes: tuple[NodeId, ...]


@dataclass(frozen=True, slots=True)
class Received:
    """A node's message, which that node has signed or which came over its link."""

    source: NodeId
    letter: Letter


@dataclass(frozen=True, slots=True)
class Submit:
    """Somebody here wants a command applied. ``ticket`` names it among all that are open."""

    ticket: int
    command: bytes
    client: Client = NOBODY


@dataclass(frozen=True, slots=True)
class OpenSession:
    """Somebody here wants numbers for commands; the index of its entry is the session."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Read:
    """Somebody here wants to read what all acknowledged commands have made."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Written:
    """What ``Write`` asked for is synced."""

    serial: int


@dataclass(frozen=True, slots=True)
class WriteFailed:
    """The disk has refused it; what of it is there nobody knows."""

    serial: int


@dataclass(frozen=True, slots=True)
class SnapshotTaken:
    """The state after the entry at ``index``."""

    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Unreachable:
    """The mesh says that a node cannot be reached."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Reachable:
    """It can be reached again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class DeclaredDead:
    """An issuer has signed that a node is dead for ever; tell it again after each start."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed: ``due`` of the core has come."""


Event: TypeAlias = (
    Found | Wanted | Received | Submit | OpenSession | Read | Written | WriteFailed
    | SnapshotTaken | Unreachable | Reachable | DeclaredDead | Tick
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Send:
    """Send a message to a node; it may be lost, doubled and late."""

    node: NodeId
    letter: Letter


@dataclass(frozen=True, slots=True)
class SendSnapshot:
    """Send the snapshot that is on the disk: as an ``Install`` in a letter like this one."""

    node: NodeId
    birth: int
    to: int
    epoch: Epoch
    round: int


@dataclass(frozen=True, slots=True)
class Write:
    """Write this in one piece and sync it, then tell ``Written`` or ``WriteFailed``.

    At most one is open. A ``snapshot`` takes the place of all entries up to its index, or of all
    others if the log does not hold that index. ``entries`` take the place of all from ``first`` on.
    Entries up to ``forget`` are of no more use.
    """

    serial: int
    birth: int
    promised: Epoch
    committed: int
    first: int
    entries: tuple[Entry, ...]
    forget: int
    snapshot: Snapshot | None = None


@dataclass(frozen=True, slots=True)
class Apply:
    """An entry counts: apply it. Who submitted it here with ``ticket`` gets what comes of it."""

    entry: Entry
    ticket: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Answer a read from the state as it is now."""

    ticket: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """It is not done; ``owner`` is who may do it, if that is known."""

    ticket: int
    why: Why
    owner: NodeId | None = None


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Tell ``SnapshotTaken`` with the state as it is now, after the entry at ``index``."""

    index: int


@dataclass(frozen=True, slots=True)
class Restore:
    """Let this be the state, whatever it was before."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """What this member may do from now on; ``is_owner`` says whether under ``epoch`` it owns the
    group, and ``owner`` who does as far as it knows.
    """

    owner: NodeId | None
    is_owner: bool
    epoch: Epoch
    may_write: bool
    may_read: bool
    members: Members


Effect: TypeAlias = (
    Send | SendSnapshot | Write | Apply | Answer | Refuse | TakeSnapshot | Restore | Standing
)

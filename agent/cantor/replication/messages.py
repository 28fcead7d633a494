"""What members of a group say to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cantor.replication.records import Entry, Epoch, Snapshot


@dataclass(frozen=True, slots=True)
class Append:
    """The owner's entries after ``previous``, or none: then it only says that it is there.

    ``round`` comes back with the answer: who answers has promised no later epoch when it does.
    """

    epoch: Epoch
    round: int
    previous: int
    previous_epoch: Epoch
    committed: int
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Install:
    """The owner's snapshot, for a member that is too far behind for entries."""

    epoch: Epoch
    round: int
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Ack:
    """``match``: this member's disk has the owner's log up to there; 0 if it does not know.

    ``is_apart``: the logs differ before the entries that came; they may agree at ``match``.
    """

    epoch: Epoch
    round: int
    match: int
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class Outdated:
    """Entries or a question came from an epoch that is over here; this one is promised."""

    promised: Epoch


@dataclass(frozen=True, slots=True)
class Ask:
    """May I own the group in this epoch? ``is_trial``: would you say yes, if I asked?"""

    epoch: Epoch
    last: int
    last_epoch: Epoch
    is_trial: bool


@dataclass(frozen=True, slots=True)
class Vote:
    """Yes."""

    epoch: Epoch
    is_trial: bool


@dataclass(frozen=True, slots=True)
class Stranger:
    """This node's log of the group was begun under another number than the ``wanted`` one."""

    wanted: int


Request: TypeAlias = Append | Install | Ask
Body: TypeAlias = Request | Ack | Outdated | Vote | Stranger


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with the births of both logs; ``to`` is 0 if the sender does not know it."""

    birth: int
    to: int
    body: Body

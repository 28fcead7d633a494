"""What a replica group keeps: epochs, seats, entries, and what one member has on its disk.

An *epoch* is a counter and the node that may own the group in it. So each epoch has one possible
owner, and whom a member voted for and how far it has promised are one thing: the highest epoch.

A *seat* is a node and the number under which its log was begun, its *birth*. A node that has lost
its log begins another: what the former one had promised or confirmed counts no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from cantor.base.ids import NodeId

SEATS_MAX = 9
COMMAND_BYTES_MAX = 16 * 1024 * 1024
SNAPSHOT_BYTES_MAX = 256 * 1024 * 1024
ENTRIES_MAX = 4096
"""Of one message."""
COUNT_MAX = 2**62
"""Of anything that is counted."""


class Epoch(NamedTuple):
    """When a node may own the group; later ones are greater, also among those of one counter."""

    counter: int
    owner: NodeId


NEVER = Epoch(0, NodeId(""))


class Seat(NamedTuple):
    """A node with the log that it began under this number, which is never 0."""

    node: NodeId
    birth: int


@dataclass(frozen=True, slots=True)
class Members:
    """Who keeps the log, in order, and which nodes shall."""

    seats: tuple[Seat, ...] = ()
    wanted: tuple[NodeId, ...] = ()

    @property
    def nodes(self) -> tuple[NodeId, ...]:
        """The nodes of the seats."""
        return tuple(seat.node for seat in self.seats)

    @property
    def majority(self) -> int:
        """So many seats decide."""
        return len(self.seats) // 2 + 1

    def seat_of(self, node: NodeId) -> Seat | None:
        """The seat of a node."""
        return next((seat for seat in self.seats if seat.node == node), None)


class Client(NamedTuple):
    """Whose command it is, so that it is applied once however often it is submitted.

    ``session`` is the index of the entry that opened it, ``number`` counts its commands from 1, and
    all below ``floor`` are answered.
    """

    session: int = 0
    number: int = 0
    floor: int = 0


NOBODY = Client()


class Kind(IntEnum):
    """What an entry is."""

    BLANK = 0
    MEMBERS = 1
    OPEN = 2
    COMMAND = 3


@dataclass(frozen=True, slots=True)
class Entry:
    """One place in the log."""

    index: int
    epoch: Epoch
    kind: Kind
    content: bytes = b""
    client: Client = NOBODY
    members: Members | None = None
    """Only in entries of that kind."""

    @property
    def size(self) -> int:
        """Bytes that it takes, about."""
        return len(self.content) + 100


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state after the entry at ``index``, and who the members were."""

    index: int
    epoch: Epoch
    members: Members
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a member has on its disk: all that it needs to begin again.

    ``promised`` is the highest epoch in which it has voted or taken entries, ``committed`` an entry
    that is known to count, with all before; it may be older than the truth.
    """

    birth: int
    promised: Epoch = NEVER
    committed: int = 0
    snapshot: Snapshot | None = None
    entries: tuple[Entry, ...] = ()

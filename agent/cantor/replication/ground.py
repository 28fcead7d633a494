"""What all parts of a member share: its log and disk, who is dead, and what is to be done."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cantor.replication.disk import Disk
from cantor.replication.events import Refuse, Send
from cantor.replication.log import Log
from cantor.replication.messages import Letter

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.replication.events import Effect, Why
    from cantor.replication.messages import Body
    from cantor.replication.records import Kept, Seat
    from cantor.replication.settings import Settings


class Ground:
    """``committed`` is the last entry that counts as far as this member knows and has synced it;
    ``owner`` is who owns the group in the epoch that it has promised; ``seen`` is the highest
    counter of an epoch that it has heard of.
    """

    def __init__(
        self, me: NodeId, kept: Kept, random: Callable[[], float], settings: Settings
    ) -> None:
        self.me = me
        self.birth = kept.birth
        self.random = random
        self.settings = settings
        self.log = Log(me, kept.snapshot, kept.entries)
        self.disk = Disk(kept, self.log, settings)
        self.committed = max(min(kept.committed, self.log.last), self.log.snapshot)
        self.seen = kept.promised.counter
        self.owner: NodeId | None = None
        self.heard_at = -math.inf
        self.now = 0.0
        self.effects: list[Effect] = []
        self.dead_nodes: set[NodeId] = set()
        self.dead_seats: set[Seat] = set()

    @property
    def my_seat(self) -> Seat | None:
        """This member's seat; None if it only listens, or has lost the log that had one."""
        seat = self.log.members.seat_of(self.me)
        return seat if seat is not None and seat.birth == self.birth else None

    @property
    def is_fenced(self) -> bool:
        """Whether this node was declared dead."""
        return self.me in self.dead_nodes

    @property
    def is_sole(self) -> bool:
        """Whether it is the only member: then it obeys nobody."""
        return len(self.log.members.seats) == 1 and self.my_seat is not None

    @property
    def other(self) -> Seat | None:
        """The other one of two members."""
        seats = self.log.members.seats
        if len(seats) != 2 or self.my_seat is None:
            return None
        return next(seat for seat in seats if seat.node != self.me)

    @property
    def is_in_doubt(self) -> bool:
        """Whether it has made an entry of which it cannot know whether it counts."""
        return self.log.last > max(self.committed, self.log.foreign)

    def is_dead(self, seat: Seat) -> bool:
        """Whether the log of that seat will never be heard of again."""
        return seat.node in self.dead_nodes or seat in self.dead_seats

    def may_go_alone(self) -> bool:
        """Whether the other one of two is dead, and this one has all that was acknowledged.

        It has if it knows that nobody else is a member: the two had agreed to be two, or it was
        alone before.
        """
        other = self.other
        if other is None or not self.is_dead(other):
            return False
        is_agreed = self.log.members_at <= max(self.committed, self.log.foreign)
        return is_agreed or self.log.members_before.nodes == (self.me,)

    def send(self, node: NodeId, to: int, body: Body) -> Send:
        """A message for the log that the node has begun under the number ``to``."""
        return Send(node, Letter(self.birth, to, body))

    def refuse(self, ticket: int, why: Why) -> None:
        """Say no."""
        self.effects.append(Refuse(ticket, why, self.owner))

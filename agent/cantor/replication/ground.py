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
    from cantor.replication.records import Kept, Members, Seat
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
        self._seat: Seat | None = None
        self._seat_among: Members | None = None

    @property
    def my_seat(self) -> Seat | None:
        """This member's seat; None if it only listens, or has lost the log that had one."""
        members = self.log.members
        if members is not self._seat_among:
            seat = members.seat_of(self.me)
            self._seat = seat if seat is not None and seat.birth == self.birth else None
            self._seat_among = members
        return self._seat

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

        It has if the last members that are agreed were the two, or this one alone: whoever came
        after that, it has chosen itself.
        """
        other = self.other
        if other is None or not self.is_dead(other):
            return False
        _, agreed = self.log.members_then(max(self.committed, self.log.foreign))
        live = [seat for seat in agreed.seats if not self.is_dead(seat)]
        return len(agreed.seats) <= 2 and live == [self.my_seat]

    def send(self, node: NodeId, to: int, body: Body) -> Send:
        """A message for the log that the node has begun under the number ``to``."""
        return Send(node, Letter(self.birth, to, body))

    def refuse(self, ticket: int, why: Why) -> None:
        """Say no."""
        self.effects.append(Refuse(ticket, why, self.owner))

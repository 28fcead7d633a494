"""Who is a member: the owner adds and takes away one after the other, each by an entry in the log.

A log that is lost loses its seat, and a node that is wanted gets one when it has nearly all of the
log. So the node whose disk was lost comes back by itself, and the one that is dead is replaced by
whoever is wanted instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.replication.records import SEATS_MAX, Kind, Members, Seat

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.ground import Ground
    from cantor.replication.owner import Owner

NEARLY = 64
"""A node so many entries behind has nearly all of the log."""


class Upkeep:
    """The members of a group, as long as this one owns it."""

    def __init__(self, ground: Ground, owner: Owner) -> None:
        self._ground = ground
        self._owner = owner
        self.wanted: tuple[NodeId, ...] | None = None
        """Whom the driver wants, until that is in the log."""

    def look(self) -> bool:
        """Make the next change, if it is time for one; whether there was one."""
        members = self._next()
        if members is None:
            return False
        self._owner.append(Kind.MEMBERS, members=members)
        self._owner.follow_members()
        return True

    def _next(self) -> Members | None:
        ground = self._ground
        members = ground.log.members
        if ground.may_go_alone():
            return replace(members, seats=tuple(s for s in members.seats if not ground.is_dead(s)))
        is_settled = ground.log.members_at <= ground.committed >= self._owner.first
        if not is_settled or ground.my_seat is None:
            return None
        gone = next((seat for seat in members.seats if ground.is_dead(seat)), None)
        if gone is not None:
            return self._without(gone)
        return self._as_wanted(members) or self._with_one_more(members) or self._with_one_less()

    def _without(self, gone: Seat) -> Members | None:
        """One whose log is lost counts no more; of two this one must know that it has all."""
        members = self._ground.log.members
        if len(members.seats) == 2:
            return None
        return replace(members, seats=tuple(seat for seat in members.seats if seat != gone))

    def _as_wanted(self, members: Members) -> Members | None:
        wanted, self.wanted = self.wanted, None
        if wanted is None or wanted == members.wanted:
            return None
        return replace(members, wanted=tuple(dict.fromkeys(wanted))[:SEATS_MAX])

    def _with_one_more(self, members: Members) -> Members | None:
        ground = self._ground
        if len(members.seats) >= SEATS_MAX:
            return None
        for node in members.wanted:
            peer = self._owner.peers.get(node)
            if peer is None or node in members.nodes or not peer.birth:
                continue
            is_here = ground.now < peer.heard_at + ground.settings.election_s
            if is_here and peer.match and peer.match + NEARLY >= ground.log.last:
                return replace(members, seats=(*members.seats, Seat(node, peer.birth)))
        return None

    def _with_one_less(self) -> Members | None:
        """One that is not wanted goes when all that are wanted are here; never the owner itself."""
        members = self._ground.log.members
        dead = self._ground.dead_nodes
        if any(node not in members.nodes and node not in dead for node in members.wanted):
            return None
        for seat in members.seats:
            if seat.node not in members.wanted and seat.node != self._ground.me:
                return replace(members, seats=tuple(s for s in members.seats if s != seat))
        return None

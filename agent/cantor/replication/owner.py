"""The owner's part: it puts commands into the log, and knows which of them count.

With three members or more an entry counts when a majority has synced it and it, or one after it, is
of the owner's own epoch. With two both must have synced it, the owner first: so what the other one
has is on both disks, and each of the two can be read alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.replication.progress import Peer
from cantor.replication.records import COMMAND_BYTES_MAX, NOBODY, Entry, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.ids import NodeId
    from cantor.replication.events import Why
    from cantor.replication.ground import Ground
    from cantor.replication.messages import Ack
    from cantor.replication.records import Client, Epoch, Members, Seat


@dataclass(slots=True)
class _Question:
    ticket: int
    index: int
    """It may be answered when so much is applied,"""
    round: int
    """and when a majority has confirmed that round."""


class Owner:
    """The group as long as this member owns it."""

    def __init__(self, ground: Ground, epoch: Epoch) -> None:
        self._ground = ground
        self.epoch = epoch
        self.peers: dict[NodeId, Peer] = {}
        self.tickets: dict[int, int] = {}
        self._waiting_bytes = 0
        self._questions: list[_Question] = []
        self._round = 0
        self._round_at = -math.inf
        self.first = ground.log.last + 1
        self.follow_members()

    def append(
        self, kind: Kind, content: bytes = b"", client: Client = NOBODY,
        members: Members | None = None,
    ) -> Entry:  # fmt: skip
        """Put an entry at the end of the log."""
        log = self._ground.log
        entry = Entry(log.last + 1, self.epoch, kind, content, client, members)
        log.append(entry)
        return entry

    def submit(self, ticket: int, kind: Kind, content: bytes, client: Client) -> None:
        """Take a command, or refuse it."""
        why = self._objection(len(content))
        if why is not None:
            self._ground.refuse(ticket, why)
            return
        entry = self.append(kind, content, client)
        self.tickets[entry.index] = ticket
        self._waiting_bytes += entry.size

    def applied(self, entry: Entry) -> int | None:
        """An entry counts: who waits for it."""
        ticket = self.tickets.pop(entry.index, None)
        if ticket is not None:
            self._waiting_bytes -= entry.size
        return ticket

    def read(self, ticket: int) -> None:
        """Let somebody read as soon as it is certain that nothing newer was acknowledged."""
        ground = self._ground
        log = ground.log
        if len(self._questions) >= ground.settings.waiting_max:
            ground.refuse(ticket, "full")
            return
        changes = log.changes(ground.committed)
        two = ground.other is not None
        if two and self.is_alone and ground.is_in_doubt:
            ground.refuse(ticket, "alone")
            return
        index = log.last if two or changes else max(self.first, ground.committed)
        round_ = self._round + 1 if log.members.majority > 1 and not two else 0
        self._questions.append(_Question(ticket, index, round_))

    def answerable(self, applied: int) -> list[int]:
        """Whose questions may be answered now."""
        if not self._questions:
            return []
        round_ = self._confirmed()
        ready = [one for one in self._questions if one.index <= applied and one.round <= round_]
        if ready:
            self._questions = [one for one in self._questions if one not in ready]
        return [one.ticket for one in ready]

    def heard(self, source: NodeId, birth: int, ack: Ack) -> None:
        """A member has answered."""
        peer = self.peers.get(source)
        if peer is not None and peer.birth == birth and ack.epoch == self.epoch:
            peer.heard(ack, self._ground.now)

    def committed(self) -> int:
        """The last entry that counts."""
        ground = self._ground
        log, disk = ground.log, ground.disk
        seats = log.members.seats
        matches = sorted(self._match(seat) for seat in seats)
        index = min(matches[len(seats) - log.members.majority], disk.synced)
        for at, before in log.changes(ground.committed):
            if len(before.seats) == 2:
                index = self._as_two(before, at, index)
        if index <= ground.committed or log.epoch_at(index) != self.epoch:
            return ground.committed
        return index

    @property
    def is_alone(self) -> bool:
        """Whether the other one of two cannot be reached."""
        other = self._ground.other
        return other is not None and not self._is_heard(other)

    @property
    def has_majority(self) -> bool:
        """Whether enough members were heard lately; of two, none can own it without the other."""
        members = self._ground.log.members
        count = sum(self._is_heard(seat) for seat in members.seats)
        return len(members.seats) <= 2 or count >= members.majority

    def unreachable(self, node: NodeId) -> None:
        """The mesh cannot reach a member."""
        if (peer := self.peers.get(node)) is not None:
            peer.heard_at = -math.inf

    def reachable(self, node: NodeId) -> None:
        """It can again: say something to it at once."""
        if (peer := self.peers.get(node)) is not None:
            peer.beat_at = peer.resend_at = -math.inf

    def flow(self) -> None:
        """Send what is to be sent."""
        ground = self._ground
        now = ground.now
        if self._is_asked() and (now >= self._round_at or self._confirmed() >= self._round):
            self._round += 1
            self._round_at = now + ground.settings.resend_s
        for peer in self.peers.values():
            effect = peer.send(ground, self.epoch, self._round, self.limit)
            if effect is not None:
                ground.effects.append(effect)
        if self.is_alone:
            self._give_up()

    @property
    def limit(self) -> int:
        """Up to where entries are sent: where two decide, only what the owner itself has synced."""
        log = self._ground.log
        pairs = [before for _, before in log.changes(self._ground.committed)]
        is_strict = any(len(members.seats) == 2 for members in (*pairs, log.members))
        return self._ground.disk.synced if is_strict else log.last

    @property
    def due(self) -> float:
        """When time changes something."""
        settings = self._ground.settings
        now, limit = self._ground.now, self.limit
        dues = [peer.due(limit, now, settings.election_s) for peer in self.peers.values()]
        if self._is_asked():
            dues.append(self._round_at)
        dues += [
            peer.heard_at + settings.election_s
            for peer in self.peers.values()
            if peer.heard_at + settings.election_s > now
        ]
        return min(dues, default=math.inf)

    def end(self) -> None:
        """It owns the group no more: what is open may count or not, and reads belong elsewhere."""
        for ticket in self.tickets.values():
            self._ground.refuse(ticket, "doubt")
        for one in self._questions:
            self._ground.refuse(one.ticket, "elsewhere")
        self.tickets.clear()
        self._questions.clear()

    def stranger(self, node: NodeId, birth: int, wanted: int) -> None:
        """A node says which log it has now, instead of the wanted one."""
        peer = self.peers.get(node)
        if peer is not None and peer.birth == wanted:
            last = self._ground.log.last
            self.peers[node] = Peer(node, birth, last + 1, self._ground.now)

    def follow_members(self) -> None:
        """Keep a peer for all that are members, were, or shall be."""
        ground = self._ground
        log = ground.log
        seats = [*(one for _, m in log.changes(ground.committed) for one in m.seats)]
        births = {seat.node: seat.birth for seat in (*seats, *log.members.seats)}
        nodes = {*births, *log.members.wanted} - {ground.me} - ground.dead_nodes
        for node in sorted(nodes - set(self.peers)):
            self.peers[node] = Peer(node, births.get(node, 0), log.last + 1, ground.now)
        for node in set(self.peers) - nodes:
            del self.peers[node]

    def _objection(self, size: int) -> Why | None:
        ground = self._ground
        settings = ground.settings
        if size > COMMAND_BYTES_MAX:
            return "large"
        if self.is_alone:
            return "alone"
        if ground.disk.is_failing:
            return "disk"
        is_full = (
            len(self.tickets) >= settings.waiting_max
            or self._waiting_bytes + size > settings.waiting_bytes_max
            or ground.log.bytes + size > settings.log_bytes_max
        )
        return "full" if is_full else None

    def _give_up(self) -> None:
        """Nobody shall wait for one that may never return."""
        for ticket in self.tickets.values():
            self._ground.refuse(ticket, "doubt")
        self.tickets.clear()
        self._waiting_bytes = 0
        if self._ground.is_in_doubt:
            for one in self._questions:
                self._ground.refuse(one.ticket, "alone")
            self._questions.clear()

    def _match(self, seat: Seat) -> int:
        if seat == self._ground.my_seat:
            return self._ground.disk.synced
        peer = self.peers.get(seat.node)
        return peer.match if peer is not None and peer.birth == seat.birth else 0

    def _as_two(self, before: Members, at: int, index: int) -> int:
        """There were two, until the entry at ``at``: up to that nothing counts that one of them
        lacks, for it may be read alone as long as it does not know that there are others now.
        """
        live = (seat for seat in before.seats if not self._ground.is_dead(seat))
        both = min(map(self._match, live), default=index)
        return index if both >= at else min(index, both)

    def _is_heard(self, seat: Seat) -> bool:
        ground = self._ground
        if seat == ground.my_seat:
            return True
        peer = self.peers.get(seat.node)
        if peer is None or peer.birth != seat.birth:
            return False
        return ground.now < peer.heard_at + ground.settings.election_s

    def _is_asked(self) -> bool:
        """Whether somebody waits for a round that is not confirmed."""
        if not self._questions:
            return False
        confirmed = self._confirmed()
        return any(one.round > confirmed for one in self._questions)

    def _confirmed(self) -> int:
        """The last round that a majority has confirmed."""
        ground = self._ground
        members = ground.log.members
        rounds = sorted(self._rounds(members))
        return rounds[len(rounds) - members.majority]

    def _rounds(self, members: Members) -> Iterator[int]:
        for seat in members.seats:
            peer = self.peers.get(seat.node)
            if seat == self._ground.my_seat:
                yield self._round
            else:
                yield peer.round if peer is not None and peer.birth == seat.birth else 0

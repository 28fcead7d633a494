"""One member of a replica group: what it hears goes in, what shall be done comes out.

With three members or more this is Raft (Ongaro 2014) with trial elections and reads by a round of
questions. With two, nobody takes over: a write counts when both have synced it, and while they do
not reach each other both can be read but not written, until they do or one is declared dead.
Nothing that is promised rests on time.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.replication.election import Election
from cantor.replication.events import (
    Answer,
    Apply,
    DeclaredDead,
    Found,
    OpenSession,
    Reachable,
    Read,
    Received,
    Restore,
    SnapshotTaken,
    Standing,
    Submit,
    TakeSnapshot,
    Unreachable,
    Wanted,
    WriteFailed,
    Written,
)
from cantor.replication.following import Following
from cantor.replication.ground import Ground
from cantor.replication.messages import Ack, Append, Ask, Install, Outdated, Stranger, Vote
from cantor.replication.owner import Owner
from cantor.replication.records import NOBODY, Epoch, Kind, Members, Seat, Snapshot
from cantor.replication.settings import Settings
from cantor.replication.upkeep import Upkeep

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.replication.events import Effect, Event
    from cantor.replication.messages import Body, Letter
    from cantor.replication.records import Client, Kept

_DEFAULTS = Settings()


class Replica:
    """``random`` gives numbers from 0 to 1. The state machine is the driver's, and begins with what
    the first :class:`Restore` says, if there is one.
    """

    def __init__(
        self, me: NodeId, kept: Kept, random: Callable[[], float], settings: Settings = _DEFAULTS
    ) -> None:
        self._ground = Ground(me, kept, random, settings)
        self._kept: Kept | None = kept
        self._election = Election(self._ground)
        self._following = Following(self._ground)
        self._owner: Owner | None = None
        self._upkeep: Upkeep | None = None
        self._applied = self._ground.log.snapshot
        self._asked_snapshot = 0
        self._standing: Standing | None = None

    @property
    def due(self) -> float:
        """When :class:`Tick` must be told next; ask after each event."""
        disk = self._ground.disk.due(self._ground.committed)
        mine = self._election.due if self._owner is None else self._owner.due
        return min(disk, mine)

    def start(self, now: float) -> list[Effect]:
        """Begin; once, before anything else."""
        kept, self._kept = self._kept, None
        if kept is None:
            raise LocalProtocolError("a member was started twice")
        self._ground.now, self._ground.effects = now, []
        if kept.snapshot is not None:
            self._ground.effects.append(Restore(kept.snapshot))
        self._election.begin()
        return self._settle()

    def handle(self, event: Event, now: float) -> list[Effect]:
        """Take note of what happened; what shall be done, in order."""
        self._ground.now, self._ground.effects = now, []
        match event:
            case Received(source, letter):
                self._received(source, letter)
            case Submit(ticket, command, client):
                self._submit(ticket, Kind.COMMAND, command, client)
            case OpenSession(ticket):
                self._submit(ticket, Kind.OPEN, b"", NOBODY)
            case Read(ticket):
                self._read(ticket)
            case Written(serial):
                self._written(serial)
            case WriteFailed(serial):
                self._write_failed(serial)
            case _:
                self._told(event)
        return self._settle()

    def _told(self, event: Event) -> None:
        """Take note of what the driver says of the group, or of other nodes."""
        match event:
            case SnapshotTaken(index, data):
                self._snapshot_taken(index, data)
            case Found() | Wanted():
                self._wanted(event)
            case Unreachable() | Reachable():
                self._reached(event)
            case DeclaredDead(node):
                self._declared_dead(node)

    def _received(self, source: NodeId, letter: Letter) -> None:
        ground = self._ground
        if ground.is_fenced or source in ground.dead_nodes or source == ground.me:
            return
        body = letter.body
        if letter.to != ground.birth:
            if isinstance(body, Append | Install | Ask):
                self._say_birth(source, letter)
            return
        match body:
            case Append() | Install():
                self._from_owner(source, letter.birth, body)
            case Ask():
                if self._election.asked(source, letter.birth, body):
                    self._stand_down()
                    self._following.forget()
                    self._election.wait()
            case Vote():
                self._won(has_won=self._election.voted(source, letter.birth, body))
            case _:
                self._answered(source, letter.birth, body)

    def _say_birth(self, source: NodeId, letter: Letter) -> None:
        """A message was for another log: that one must never be heard of again, then."""
        ground = self._ground
        said = ground.send(source, letter.birth, Stranger(letter.to))
        if ground.disk.is_new:
            ground.disk.after_sync(said)
        else:
            ground.effects.append(said)

    def _answered(self, source: NodeId, birth: int, body: Body) -> None:
        match body:
            case Ack():
                if self._owner is not None:
                    self._owner.heard(source, birth, body)
            case Outdated(promised):
                self._outdated(promised)
            case Stranger(wanted):
                self._stranger(source, birth, wanted)

    def _from_owner(self, source: NodeId, birth: int, body: Append | Install) -> None:
        ground = self._ground
        if body.epoch.owner != source:
            return
        ground.seen = max(ground.seen, body.epoch.counter)
        if ground.is_sole:
            return
        if body.epoch < ground.disk.promised:
            outdated = Outdated(ground.disk.promised)
            ground.effects.append(ground.send(source, birth, outdated))
            return
        if body.epoch > ground.disk.promised:
            ground.disk.promised = body.epoch
            self._stand_down()
            self._following.forget()
        ground.owner, ground.heard_at = source, ground.now
        self._election.wait()
        self._following.heard(birth, body)

    def _outdated(self, promised: Epoch) -> None:
        """A member has promised a later epoch: this one cannot be owner in its own any more."""
        ground = self._ground
        ground.seen = max(ground.seen, promised.counter)
        if self._owner is not None and promised > self._owner.epoch:
            self._stand_down()
            self._election.hasten()

    def _stranger(self, source: NodeId, birth: int, wanted: int) -> None:
        """A node says that the log with that birth is not there any more, or tells its birth."""
        ground = self._ground
        if wanted:
            ground.dead_seats.add(Seat(source, wanted))
            self._bereaved()
        if self._owner is not None:
            self._owner.stranger(source, birth, wanted)

    def _bereaved(self) -> None:
        """Somebody is dead: one that is alone now need not wait."""
        if self._ground.may_go_alone() and self._owner is None:
            self._election.hasten()

    def _submit(self, ticket: int, kind: Kind, content: bytes, client: Client) -> None:
        if self._ground.is_fenced:
            self._ground.refuse(ticket, "fenced")
        elif self._owner is not None:
            self._owner.submit(ticket, kind, content, client)
        else:
            is_alone = self._ground.other is not None and self._ground.owner is None
            self._ground.refuse(ticket, "alone" if is_alone else "elsewhere")

    def _read(self, ticket: int) -> None:
        """Each of two may be read alone: what the other acknowledges, both have synced."""
        ground = self._ground
        if ground.is_fenced:
            ground.refuse(ticket, "fenced")
        elif self._owner is not None:
            self._owner.read(ticket)
        elif self._may_read_alone():
            ground.effects.append(Answer(ticket))
        else:
            ground.refuse(ticket, "elsewhere" if ground.other is None else "alone")

    def _may_read_alone(self) -> bool:
        """Whether it is one of two, knows it, and has all that the other may have acknowledged."""
        ground = self._ground
        has_all = self._applied >= max(ground.log.members_at, ground.log.base)
        return ground.other is not None and has_all and not ground.is_in_doubt

    def _written(self, serial: int) -> None:
        ground = self._ground
        after, snapshot, forget = ground.disk.written(serial, ground.now)
        ground.effects += after
        if snapshot is not None:
            if snapshot.index > self._applied:
                ground.committed = max(ground.committed, snapshot.index)
                self._applied = snapshot.index
                ground.effects.append(Restore(snapshot))
            if snapshot.index > ground.log.snapshot:
                ground.log.forget(snapshot.index, forget)
        if self._owner is None:
            self._following.confirm()
            self._won(has_won=self._election.synced())

    def _write_failed(self, serial: int) -> None:
        """Whose disk refuses lets another one be the owner, if there may be another."""
        ground = self._ground
        if ground.disk.failed(serial, ground.now) and len(ground.log.members.seats) > 2:
            self._stand_down()

    def _snapshot_taken(self, index: int, data: bytes) -> None:
        log, settings = self._ground.log, self._ground.settings
        epoch = log.epoch_at(index)
        self._asked_snapshot = 0
        if index <= log.snapshot or epoch is None or self._ground.disk.keeps_snapshot:
            return
        snapshot = Snapshot(index, epoch, log.members_then(index)[1], data)
        base = log.tail_before(index, settings.tail_entries, settings.compact_bytes // 4)
        self._ground.disk.keep(snapshot, base)

    def _wanted(self, event: Found | Wanted) -> None:
        ground = self._ground
        if isinstance(event, Wanted):
            if self._upkeep is not None:
                self._upkeep.wanted = event.nodes
        elif ground.log.last == 0 and not ground.log.members.seats:
            epoch = Epoch(1, ground.me)
            ground.disk.promised, ground.seen = epoch, 1
            self._own(epoch, Members((Seat(ground.me, ground.birth),), event.wanted))

    def _declared_dead(self, node: NodeId) -> None:
        ground = self._ground
        ground.dead_nodes.add(node)
        if self._owner is not None:
            self._owner.follow_members()
        if ground.is_fenced:
            self._stand_down()
        self._bereaved()

    def _reached(self, event: Unreachable | Reachable) -> None:
        ground = self._ground
        node = event.node
        if isinstance(event, Reachable):
            if self._owner is not None:
                self._owner.reachable(node)
        elif self._owner is not None:
            self._owner.unreachable(node)
        elif ground.owner == node:
            ground.owner, ground.heard_at = None, -math.inf
            self._election.hasten()

    def _won(self, *, has_won: bool) -> None:
        if has_won and self._owner is None:
            self._own(self._ground.disk.promised, None)

    def _own(self, epoch: Epoch, members: Members | None) -> None:
        """Own the group: an entry of this epoch makes all before it count."""
        ground = self._ground
        ground.owner = ground.me
        self._owner = Owner(ground, epoch)
        self._upkeep = Upkeep(ground, self._owner)
        kind = Kind.BLANK if members is None else Kind.MEMBERS
        self._owner.append(kind, members=members)
        self._owner.follow_members()

    def _stand_down(self) -> None:
        owner, self._owner, self._upkeep = self._owner, None, None
        if owner is not None:
            self._ground.owner = None
            owner.end()
            self._election.wait()

    def _settle(self) -> list[Effect]:
        """Do all that follows from what is known now."""
        ground = self._ground
        if self._owner is None:
            self._won(has_won=self._election.tick())
        elif self._owner.has_majority:
            ground.heard_at = ground.now
        else:
            self._stand_down()
        if self._owner is not None and self._upkeep is not None:
            while self._upkeep.look():
                self._commit(self._owner.committed())
            self._commit(self._owner.committed())
            ground.effects += map(Answer, self._owner.answerable(self._applied))
        else:
            self._commit(self._following.committed())
        self._compact()
        write = ground.disk.write(ground.committed, ground.now)
        if write is not None:
            ground.effects.append(write)
        if self._owner is not None:
            self._owner.flow()
        self._stand()
        return ground.effects

    def _commit(self, index: int) -> None:
        ground = self._ground
        ground.committed = max(ground.committed, index)
        if self._applied < ground.log.base:
            return  # a snapshot is on its way to the disk
        while self._applied < ground.committed:
            self._applied += 1
            entry = ground.log.entry(self._applied)
            ticket = self._owner.applied(entry) if self._owner is not None else None
            if entry.kind in (Kind.OPEN, Kind.COMMAND):
                ground.effects.append(Apply(entry, ticket))

    def _compact(self) -> None:
        """Ask for the state when the log is long."""
        log, settings = self._ground.log, self._ground.settings
        is_long = self._applied - log.snapshot >= settings.compact_entries
        is_large = log.bytes >= settings.compact_bytes and self._applied > log.snapshot
        is_busy = self._asked_snapshot or self._ground.disk.keeps_snapshot
        if (is_long or is_large) and not is_busy:
            self._asked_snapshot = self._applied
            self._ground.effects.append(TakeSnapshot(self._applied))

    def _stand(self) -> None:
        """Say it if what this member may do has changed."""
        ground, owner = self._ground, self._owner
        may_read = not ground.is_fenced and self._may_read_alone()
        may_write = False
        if owner is not None:
            may_write = not owner.is_alone and not ground.disk.is_failing
            may_read = not owner.is_alone or not ground.is_in_doubt
        standing = Standing(
            ground.owner, owner is not None, ground.disk.promised, may_write, may_read,
            ground.log.members,
        )  # fmt: skip
        if standing != self._standing:
            self._standing = standing
            ground.effects.append(standing)

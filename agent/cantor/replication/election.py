"""Who may own the group: a member asks the others, first on trial, and owns it if enough agree.

Who agrees has promised to take nothing from earlier epochs, and has seen that the one who asks has
all that it has itself. A trial disturbs nobody: who hears the owner says no.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cantor.replication.messages import Ask, Outdated, Vote
from cantor.replication.records import Epoch

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.ground import Ground
    from cantor.replication.records import Seat


class Election:
    """``due`` is when this member asks, if it hears of no owner before."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.due = math.inf
        self._epoch: Epoch | None = None
        self._is_trial = False
        self._agreed: set[Seat] = set()

    def begin(self) -> None:
        """This member has just started."""
        ground = self._ground
        self.due = ground.now if self._decides_alone() else math.inf
        if math.isinf(self.due):
            self.wait()

    def wait(self) -> None:
        """Let others go first for a while; members at the head of the list wait less."""
        ground = self._ground
        self._epoch = None
        nodes = ground.log.members.nodes
        rank = nodes.index(ground.me) / len(nodes) if ground.me in nodes else 1.0
        spread = (ground.random() + rank) / 2
        self.due = ground.now + ground.settings.election_s * (1 + spread)

    def hasten(self) -> None:
        """The owner cannot be reached: do not wait until it has been silent long enough."""
        ground = self._ground
        nodes = ground.log.members.nodes
        rank = nodes.index(ground.me) if ground.me in nodes else len(nodes)
        spread = ground.settings.hasty_s * (rank + ground.random())
        self.due = min(self.due, ground.now + (0.0 if self._decides_alone() else spread))

    def tick(self) -> bool:
        """Ask if it is time; whether this member owns the group now."""
        ground = self._ground
        if ground.now < self.due:
            return False
        self.wait()
        ground.owner = None
        if ground.my_seat is None or ground.is_fenced or ground.disk.is_failing:
            return False
        return self._ask(is_trial=not self._decides_alone())

    def asked(self, source: NodeId, birth: int, ask: Ask) -> bool:
        """Another one asks; whether it was promised the epoch."""
        ground = self._ground
        ground.seen = max(ground.seen, ask.epoch.counter)
        if ask.epoch.owner != source or ground.is_sole:
            return False
        log, promised = ground.log, ground.disk.promised
        if ask.epoch < promised:
            ground.effects.append(ground.send(source, birth, Outdated(promised)))
            return False
        if (ask.last_epoch, ask.last) < (log.last_epoch, log.last):
            return False
        if ask.is_trial:
            if ground.now >= ground.heard_at + ground.settings.election_s:
                ground.effects.append(ground.send(source, birth, Vote(ask.epoch, is_trial=True)))
            return False
        ground.disk.promised = ask.epoch
        ground.disk.after_sync(ground.send(source, birth, Vote(ask.epoch, is_trial=False)))
        return True

    def voted(self, source: NodeId, birth: int, vote: Vote) -> bool:
        """Another one agrees; whether this member owns the group now."""
        seat = self._ground.log.members.seat_of(source)
        if self._epoch != vote.epoch or self._is_trial != vote.is_trial:
            return False
        if seat is None or seat.birth != birth:
            return False
        self._agreed.add(seat)
        return self._count()

    def synced(self) -> bool:
        """Its own promise may be synced now; whether it owns the group."""
        ground = self._ground
        seat = ground.my_seat
        if self._epoch is None or self._is_trial or seat is None or seat in self._agreed:
            return False
        if ground.disk.promised_synced != self._epoch:
            return False
        self._agreed.add(seat)
        return self._count()

    def _ask(self, *, is_trial: bool) -> bool:
        ground = self._ground
        counter = max(ground.seen, ground.disk.promised.counter) + 1
        self._epoch, self._is_trial = Epoch(counter, ground.me), is_trial
        self._agreed = set()
        log, me = ground.log, ground.my_seat
        if not is_trial:
            ground.seen = counter
            ground.disk.promised = self._epoch
        elif me is not None:
            self._agreed.add(me)
        ask = Ask(self._epoch, log.last, log.last_epoch, is_trial)
        for seat in log.members.seats:
            if seat.node != ground.me and not ground.is_dead(seat):
                sent = ground.send(seat.node, seat.birth, ask)
                if is_trial:
                    ground.effects.append(sent)
                else:  # who forgot this epoch would ask in it again, with less in its log
                    ground.disk.after_sync(sent)
        return self._count()

    def _count(self) -> bool:
        ground = self._ground
        agreed = self._agreed.intersection(ground.log.members.seats)
        is_enough = len(agreed) >= ground.log.members.majority
        if not is_enough and not (self._decides_alone() and ground.my_seat in agreed):
            return False
        if self._is_trial:
            return self._ask(is_trial=False)
        self._epoch = None
        return True

    def _decides_alone(self) -> bool:
        return self._ground.is_sole or self._ground.may_go_alone()

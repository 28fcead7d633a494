"""How far the owner knows another member to be, and what it sends that one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.replication.events import SendSnapshot
from cantor.replication.messages import Append
from cantor.replication.records import NEVER

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.replication.events import Effect
    from cantor.replication.ground import Ground
    from cantor.replication.messages import Ack
    from cantor.replication.records import Epoch


@dataclass(slots=True)
class Peer:
    """Another member, or one that shall become one.

    ``match``: its disk has the owner's log up to there; ``next`` is what it needs then, as far as
    is known. ``birth`` is 0 until it has said it.
    """

    node: NodeId
    birth: int
    next: int
    heard_at: float
    match: int = 0
    sent: int = 0
    round: int = 0
    """The last one that it has confirmed."""
    asked_round: int = 0
    beat_at: float = -math.inf
    resend_at: float = -math.inf

    def heard(self, ack: Ack, now: float) -> None:
        """It has answered."""
        self.heard_at = now
        self.round = max(self.round, ack.round)
        if ack.is_apart:
            self.next = max(self.match + 1, min(self.next - 1, ack.match + 1))
            self.sent = self.match
            return
        self.match = max(self.match, ack.match)
        self.next = max(self.next, self.match + 1)

    def due(self, limit: int, now: float, silence_s: float) -> float:
        """When it is sent something, if nothing changes."""
        is_silent = now >= self.heard_at + silence_s
        if is_silent or not self.birth or self.match >= limit:
            return self.beat_at
        return min(self.beat_at, self.resend_at)

    def send(self, ground: Ground, epoch: Epoch, round_: int, limit: int) -> Effect | None:
        """What it is sent now, of the log up to ``limit``; None if there is nothing to say."""
        now, settings, log = ground.now, ground.settings, ground.log
        is_waited_for = self.sent > self.match and now < self.resend_at
        is_silent = now >= self.heard_at + settings.election_s
        if self.birth and self.match < limit and not is_waited_for and not is_silent:
            if self.sent > self.match:
                self.next = self.match + 1
            self.next = min(self.next, limit)
            return self._entries(ground, epoch, round_, limit)
        if now < self.beat_at and self.asked_round >= round_:
            return None
        self.beat_at, self.asked_round = now + settings.heartbeat_s, round_
        known = log.epoch_at(self.match)
        before, before_epoch = (0, NEVER) if known is None else (self.match, known)
        said = Append(epoch, round_, before, before_epoch, ground.committed)
        return ground.send(self.node, self.birth, said)

    def _entries(self, ground: Ground, epoch: Epoch, round_: int, limit: int) -> Effect:
        now, settings, log = ground.now, ground.settings, ground.log
        before = self.next - 1
        before_epoch = log.epoch_at(before)
        self.beat_at, self.asked_round = now + settings.heartbeat_s, round_
        if before_epoch is None:
            self.sent = log.snapshot
            self.resend_at = now + settings.snapshot_again_s
            return SendSnapshot(self.node, ground.birth, self.birth, epoch, round_)
        entries = log.some(self.next, limit, settings.batch_bytes, settings.batch_entries)
        self.sent = before + len(entries)
        self.next = self.sent + 1
        self.resend_at = now + settings.resend_s
        said = Append(epoch, round_, before, before_epoch, ground.committed, entries)
        return ground.send(self.node, self.birth, said)

"""What of a member is on its disk, and what is on the way there: one write at a time.

Whatever comes while the disk works goes with the next write. If one fails, nothing of it counts;
the next begins where the last good one ended and takes the place of what the disk may hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.replication.events import Write
from cantor.replication.records import Kept

if TYPE_CHECKING:
    from cantor.replication.events import Effect
    from cantor.replication.log import Log
    from cantor.replication.records import Epoch, Snapshot
    from cantor.replication.settings import Settings


@dataclass(slots=True)
class _Open:
    serial: int
    promised: Epoch
    committed: int
    last: int
    forget: int
    snapshot: Snapshot | None
    after: list[Effect]


class Disk:
    """The disk has the log up to ``synced``; ``promised`` is the highest epoch that is promised."""

    def __init__(self, kept: Kept, log: Log, settings: Settings) -> None:
        self._log = log
        self._settings = settings
        self._birth = kept.birth
        self.promised = kept.promised
        self.promised_synced = kept.promised
        self.committed_synced = kept.committed
        self.synced = log.last
        self.is_failing = False
        self.is_new = kept == Kept(kept.birth)
        """The disk does not know this birth yet: before it does, nobody else may."""
        self._serial = 0
        self._open: _Open | None = None
        self._after: list[Effect] = []
        self._snapshot: Snapshot | None = None
        self._forget = 0
        self._wrote_at = -math.inf
        self._retry_at = -math.inf

    @property
    def keeps_snapshot(self) -> bool:
        """Whether a snapshot is on the way to it."""
        return self._snapshot is not None or (
            self._open is not None and self._open.snapshot is not None
        )

    def due(self, committed: int) -> float:
        """When something is to be written, if nothing else happens."""
        if self._open is not None:
            return math.inf
        if self._is_behind():
            return self._retry_at
        idle_at = self._wrote_at + self._settings.idle_s
        return idle_at if committed > self.committed_synced else math.inf

    def after_sync(self, effect: Effect) -> None:
        """Let something happen when all that is promised and in the log now is synced."""
        being = self._open
        if being is not None and (being.promised, being.last) == (self.promised, self._log.last):
            being.after.append(effect)
        else:
            self._after.append(effect)

    def cut(self, first: int) -> None:
        """Entries from there on are others now."""
        self.synced = min(self.synced, first - 1)
        if self._open is not None:
            self._open.last = min(self._open.last, first - 1)

    def keep(self, snapshot: Snapshot, forget: int) -> None:
        """Write a snapshot; entries up to ``forget`` are of no use after that."""
        self._snapshot, self._forget = snapshot, forget

    def replace(self, snapshot: Snapshot, committed: int) -> None:
        """The log has begun anew behind a snapshot that another member has sent."""
        self.cut(committed + 1)
        self.keep(snapshot, snapshot.index)

    def write(self, committed: int, now: float) -> Write | None:
        """What shall be written now."""
        if self._open is not None or now < self._retry_at:
            return None
        if not self._is_behind() and not self._is_commit_due(committed, now):
            return None
        self._serial += 1
        snapshot, self._snapshot = self._snapshot, None
        after, self._after = self._after, []
        log = self._log
        self._open = _Open(
            self._serial, self.promised, committed, log.last, self._forget, snapshot, after
        )
        first = max(self.synced, log.base) + 1
        return Write(
            self._serial, self._birth, self.promised, committed, first, log.since(first),
            self._forget, snapshot,
        )  # fmt: skip

    def written(self, serial: int, now: float) -> tuple[list[Effect], Snapshot | None, int]:
        """It is synced: what was to happen then, the snapshot that is kept and what to forget."""
        done = self._open
        if done is None or done.serial != serial:
            return [], None, 0
        self._open, self._wrote_at = None, now
        self.is_failing = self.is_new = False
        self.promised_synced = done.promised
        self.committed_synced = max(self.committed_synced, done.committed)
        self.synced = max(self.synced, done.last)
        return done.after, done.snapshot, done.forget

    def failed(self, serial: int, now: float) -> bool:
        """Nothing of it counts; whether that is new."""
        lost = self._open
        if lost is None or lost.serial != serial:
            return False
        self._open, self.is_failing = None, True
        self._retry_at = now + self._settings.again_s
        self._after = [*lost.after, *self._after]
        if self._snapshot is None:
            self._snapshot = lost.snapshot
        return True

    def _is_behind(self) -> bool:
        return (
            self.is_new
            or self.synced < self._log.last
            or self.promised != self.promised_synced
            or self._snapshot is not None
            or bool(self._after)
        )

    def _is_commit_due(self, committed: int, now: float) -> bool:
        """Who the members are is noted at once, for a member alone must know it."""
        if committed <= self.committed_synced:
            return False
        is_members = self.committed_synced < self._log.members_at <= committed
        return is_members or now >= self._wrote_at + self._settings.idle_s

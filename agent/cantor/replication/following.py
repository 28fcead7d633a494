"""What a member does with the entries that the owner sends, and how it confirms them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.replication.messages import Ack, Append, Install

if TYPE_CHECKING:
    from cantor.replication.ground import Ground
    from cantor.replication.records import Entry


class Following:
    """The log as the owner of the promised epoch has it."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._matched = 0
        """Up to there the log is the owner's, whether synced or not."""
        self._said = 0
        """What the owner said counts."""
        self._round = 0
        self._owner_birth = 0
        self._confirmed = 0

    def forget(self) -> None:
        """Another epoch has begun."""
        self._matched = self._said = self._round = self._confirmed = 0
        self._ground.owner = None

    def heard(self, birth: int, body: Append | Install) -> None:
        """The owner has sent something in the promised epoch."""
        self._owner_birth = birth
        self._round = max(self._round, body.round)
        if isinstance(body, Install):
            self._install(body)
        elif not self._append(body):
            return
        self._ack(self._match)

    def committed(self) -> int:
        """The last entry that counts as far as this member knows, and has synced."""
        ground = self._ground
        log, synced = ground.log, ground.disk.synced
        known = min(self._said, self._matched, synced)
        if ground.other is not None and min(log.foreign, synced) >= log.members_at:
            known = max(known, min(log.foreign, synced))  # the other one of two has it as well
        return max(ground.committed, known)

    def confirm(self) -> None:
        """Tell the owner when more is synced."""
        if self._ground.owner is not None and self._match > self._confirmed:
            self._ack(self._match)

    @property
    def _match(self) -> int:
        disk = self._ground.disk
        return min(self._matched, disk.synced) if disk.promised == disk.promised_synced else 0

    def _ack(self, match: int, *, is_apart: bool = False) -> None:
        ground = self._ground
        if ground.owner is None:
            return
        if not is_apart:
            self._confirmed = match
        ack = Ack(ground.disk.promised, self._round, match, is_apart)
        ground.effects.append(ground.send(ground.owner, self._owner_birth, ack))

    def _append(self, body: Append) -> bool:
        """Put the entries into the log; False if they do not follow what is there."""
        ground = self._ground
        log = ground.log
        before = body.previous
        if before > log.last:
            self._ack(log.last, is_apart=True)
            return False
        known = log.epoch_at(before)
        if before <= ground.committed:
            if known is not None and known != body.previous_epoch:
                raise _other(before)
        elif known != body.previous_epoch:
            self._ack(max(log.first_of_epoch(before) - 1, ground.committed), is_apart=True)
            return False
        for entry in body.entries:
            self._take(entry)
        self._matched = max(self._matched, before + len(body.entries))
        self._said = max(self._said, body.committed)
        return True

    def _take(self, entry: Entry) -> None:
        ground = self._ground
        log = ground.log
        if entry.index <= log.base or log.epoch_at(entry.index) == entry.epoch:
            return
        if entry.index <= log.last:
            if entry.index <= ground.committed:
                raise _other(entry.index)
            log.cut(entry.index)
            ground.disk.cut(entry.index)
            self._matched = min(self._matched, entry.index - 1)
        log.append(entry)

    def _install(self, body: Install) -> None:
        ground = self._ground
        snapshot = body.snapshot
        log = ground.log
        if snapshot.index <= ground.committed:
            self._matched = max(self._matched, snapshot.index)
        elif log.epoch_at(snapshot.index) == snapshot.epoch:
            self._matched = max(self._matched, snapshot.index)
            self._said = max(self._said, snapshot.index)
        elif not ground.disk.keeps_snapshot:
            log.reset(snapshot)
            ground.disk.replace(snapshot, ground.committed)
            self._matched, self._said = snapshot.index, snapshot.index


def _other(index: int) -> RemoteProtocolError:
    """The last fuse: whoever says so has lost something, or lies; this member must not follow."""
    return RemoteProtocolError(
        f"entry {index} counts, and another shall be there", remedy="stop this member of the group"
    )

"""The log of one member, in memory: its entries behind the last snapshot, and who its members are.

The newest members count as soon as their entry is in the log, also before it is committed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.replication.records import NEVER, Entry, Epoch, Members

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.base.ids import NodeId
    from cantor.replication.records import Snapshot

NO_MEMBERS = Members()


class Log:
    """Entries from ``base + 1`` to ``last``."""

    def __init__(self, me: NodeId, snapshot: Snapshot | None, entries: Sequence[Entry]) -> None:
        self._me = me
        self.snapshot = 0
        self.base = 0
        self._base_epoch: Epoch | None = NEVER
        self._entries: list[Entry] = []
        self._members: list[tuple[int, Members]] = [(0, NO_MEMBERS)]
        self.bytes = 0
        self.foreign = 0
        """The last entry that another node has made, or one before which all counts."""
        if snapshot is not None:
            self.reset(snapshot)
            if entries:  # some are kept that the snapshot holds
                self.base = entries[0].index - 1
                self._base_epoch = None if self.base < snapshot.index else snapshot.epoch
        for entry in entries:
            self.append(entry)
        if self.last < self.snapshot:
            raise LocalProtocolError(f"a log that ends at {self.last}, before its snapshot")

    @property
    def last(self) -> int:
        """The index of the last entry."""
        return self.base + len(self._entries)

    @property
    def last_epoch(self) -> Epoch:
        """The epoch of the last entry."""
        return self._entries[-1].epoch if self._entries else self._base_epoch or NEVER

    @property
    def members(self) -> Members:
        """The newest ones."""
        return self._members[-1][1]

    @property
    def members_at(self) -> int:
        """The index of the entry that named them."""
        return self._members[-1][0]

    def changes(self, after: int) -> list[tuple[int, Members]]:
        """Entries after an index that name members, each with who they were before."""
        if self.members_at <= after:
            return []
        pairs = zip(self._members, self._members[1:], strict=False)
        return [(index, before) for (_, before), (index, _) in pairs if index > after]

    def epoch_at(self, index: int) -> Epoch | None:
        """The epoch of an entry; None if it is not here."""
        if index == self.base:
            return self._base_epoch
        if self.base < index <= self.last:
            return self._entries[index - self.base - 1].epoch
        return None

    def first_of_epoch(self, index: int) -> int:
        """The first entry that is here of the epoch of that one."""
        epoch = self.epoch_at(index)
        while index > self.base + 1 and self.epoch_at(index - 1) == epoch:
            index -= 1
        return index

    def entry(self, index: int) -> Entry:
        """One entry."""
        return self._entries[index - self.base - 1]

    def since(self, first: int) -> tuple[Entry, ...]:
        """All entries from there on."""
        return tuple(self._entries[first - self.base - 1 :])

    def some(self, first: int, last: int, bytes_max: int, count_max: int) -> tuple[Entry, ...]:
        """Entries from there to there, as many as fit; at least one if there is any."""
        start = first - self.base - 1
        found: list[Entry] = []
        room = bytes_max
        for entry in self._entries[start : min(last - self.base, start + count_max)]:
            room -= entry.size
            if found and room < 0:
                break
            found.append(entry)
        return tuple(found)

    def append(self, entry: Entry) -> None:
        """Put it at the end."""
        if entry.index != self.last + 1:
            raise LocalProtocolError(f"entry {entry.index} after entry {self.last}")
        self._entries.append(entry)
        self.bytes += entry.size
        if entry.epoch.owner != self._me:
            self.foreign = entry.index
        if entry.members is not None and entry.index > self.snapshot:
            self._members.append((entry.index, entry.members))

    def cut(self, first: int) -> None:
        """Forget all entries from there on."""
        gone = self._entries[first - self.base - 1 :]
        del self._entries[first - self.base - 1 :]
        self.bytes -= sum(entry.size for entry in gone)
        self._members = [one for one in self._members if one[0] < first]
        while self.foreign > self.base and (
            self.foreign >= first or self.entry(self.foreign).epoch.owner == self._me
        ):
            self.foreign -= 1

    def reset(self, snapshot: Snapshot) -> None:
        """Begin anew behind a snapshot."""
        self._entries.clear()
        self.bytes = 0
        self.snapshot = self.base = self.foreign = snapshot.index
        self._base_epoch = snapshot.epoch
        self._members = [(snapshot.index, snapshot.members)]

    def members_then(self, index: int) -> tuple[int, Members]:
        """Who the members were after the entry at that index, and which entry had named them."""
        return next(one for one in reversed(self._members) if one[0] <= index)

    def tail_before(self, index: int, count_max: int, bytes_max: int) -> int:
        """From which index on entries are kept behind a snapshot of that index."""
        room = bytes_max
        base = index
        while base > self.base and index - base < count_max:
            room -= self.entry(base).size
            if room < 0:
                break
            base -= 1
        return base

    def forget(self, snapshot: int, base: int) -> None:
        """A snapshot is kept: entries up to ``base`` are of no use, it holds what they did."""
        self.snapshot = snapshot
        if base > self.base:
            epoch = self.epoch_at(base)
            gone = self._entries[: base - self.base]
            del self._entries[: base - self.base]
            self.bytes -= sum(entry.size for entry in gone)
            self.base, self._base_epoch = base, epoch
            self.foreign = max(self.foreign, base)
        then = self.members_then(snapshot)
        self._members = [then, *(one for one in self._members if one[0] > snapshot)]

"""One node's copy of all variables of its tenant.

Deleted ones stay as tombstones for ``Limits.tombstones_s``, so that no older value comes back from
a node that was away. Tombstones that are older are forgotten; the newest stamp among those is the
*horizon*. What another node has from then or before, and this one does not know, was deleted
meanwhile as far as can be told: it is not taken, and who has it gives it up. So a node that was
away for longer loses what it alone has from before; nothing that was deleted comes back.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from cantor.base.clock import HLC_DRIFT_MAX_S, HybridClock, seconds_ahead
from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.units import format_size
from cantor.ledger.variables.entry import VALUE_BYTES_MAX, Entry, check_name, make_entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cantor.base.ids import NodeId

BUCKETS = 1024
_ROOT_END = 1 << 128
_BUCKET_BYTES = 8
_NONE: dict[str, None] = {}


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a tenant may keep, and for how long what was deleted is remembered.

    They bind who sets. What others have set is taken up to four times as much, because parts of a
    mesh that were apart may each have come near to a limit.
    """

    variables_max: int = 16_384
    names_max: int = 65_536
    """With the deleted ones."""
    bytes_max: int = 64 * 1024 * 1024
    tombstones_s: float = 30 * 86_400.0


class Outcome(Enum):
    """What became of an entry of another node."""

    TAKEN = "it is newer"
    OLD = "as new or newer is here"
    AHEAD = "its clock is ahead"
    FORGOTTEN = "it is older than what was deleted and forgotten here"
    FULL = "there is no room"


class Replica:
    """Entries by name, with hashes over them that follow every change."""

    def __init__(
        self,
        node: NodeId,
        entries: Iterable[Entry] = (),
        *,
        horizon: int = 0,
        limits: Limits | None = None,
    ) -> None:
        self.node = node
        self.limits = limits or Limits()
        self.horizon = horizon
        self.entries: dict[str, Entry] = {}
        self.live = 0
        self.bytes = 0
        self._sums: dict[int, int] = {}
        self._members: dict[int, dict[str, None]] = {}
        self._root = 0
        for entry in entries:
            self._put(entry)
        self._clock = HybridClock(max((e.hlc for e in self.entries.values()), default=0))

    def get(self, name: str) -> Entry | None:
        """A variable that was set and not deleted."""
        entry = self.entries.get(name)
        return None if entry is None or entry.value is None else entry

    def names(self, prefix: str = "") -> list[str]:
        """The names of those that begin so, in order."""
        return sorted(
            name
            for name, entry in self.entries.items()
            if entry.value is not None and name.startswith(prefix)
        )

    def set(self, name: str, value: bytes | None, wall_s: float) -> Entry | None:
        """Set a variable, or delete it (``None``); the entry, or None if there is none to delete.

        Raises:
            ConfigError: the name or the size cannot be.
            UnavailableError: the tenant has as much as it may.
        """
        before = self.entries.get(check_name(name))
        if value is None and (before is None or before.value is None):
            return None
        if value is not None:
            self._check_room(name, value, before)
        entry = make_entry(name, self._clock.tick(wall_s), self.node, value)
        self._put(entry)
        return entry

    def take(self, entry: Entry, wall_s: float) -> Outcome:
        """Take an entry of another node, if it is newer and may be."""
        before = self.entries.get(entry.name)
        if before is not None and entry <= before:
            return Outcome.OLD
        if seconds_ahead(entry.hlc, wall_s) > HLC_DRIFT_MAX_S:
            return Outcome.AHEAD
        if before is None and entry.hlc <= self.horizon:
            return Outcome.FORGOTTEN
        limits, size = self.limits, self.bytes + entry.size - (before.size if before else 0)
        if (before is None and len(self.entries) >= 4 * limits.names_max) or (
            size > 4 * limits.bytes_max
        ):
            return Outcome.FULL
        self._clock.observe(entry.hlc, wall_s)
        self._put(entry)
        return Outcome.TAKEN

    def forget(self, wall_s: float) -> list[str]:
        """Forget tombstones that have been kept for long enough; their names."""
        return self._drop(
            entry
            for entry in self.entries.values()
            if entry.value is None and -seconds_ahead(entry.hlc, wall_s) > self.limits.tombstones_s
        )

    def give_up(self, names: Iterable[str], horizon: int, wall_s: float) -> list[str]:
        """Drop those of ``names`` that are not behind another node's horizon; which they were.

        A horizon that this clock knows to be impossible drops nothing.
        """
        if not self.is_horizon(horizon, wall_s):
            return []
        found = [self.entries[name] for name in names if name in self.entries]
        return self._drop(entry for entry in found if entry.hlc <= horizon)

    def is_horizon(self, stamp: int, wall_s: float) -> bool:
        """Whether a tombstone of that stamp can have been forgotten by now."""
        return -seconds_ahead(stamp, wall_s) > self.limits.tombstones_s - HLC_DRIFT_MAX_S

    def stamp_anew(self, wall_s: float) -> list[Entry]:
        """Stamp what lies ahead of the clock, which was set back; those entries.

        Others refuse them as they are, and would take them when their time comes.
        """
        ahead = [
            entry
            for entry in self.entries.values()
            if seconds_ahead(entry.hlc, wall_s) > HLC_DRIFT_MAX_S
        ]
        if not ahead:
            return []
        floor = (e.hlc for e in self.entries.values())
        self._clock = HybridClock(
            max((hlc for hlc in floor if seconds_ahead(hlc, wall_s) <= HLC_DRIFT_MAX_S), default=0)
        )
        anew = [
            make_entry(e.name, self._clock.tick(wall_s), self.node, e.value) for e in sorted(ahead)
        ]
        for entry in anew:
            self._put(entry)
        return anew

    @property
    def root(self) -> bytes:
        """A hash over all: equal copies have equal ones."""
        return self._root.to_bytes(16, "big")

    def buckets(self) -> bytes:
        """The short hash of every bucket, one behind the other."""
        sums = self._sums
        return b"".join(
            (sums.get(index, 0) & 0xFFFF_FFFF_FFFF_FFFF).to_bytes(_BUCKET_BYTES, "big")
            for index in range(BUCKETS)
        )

    def differing(self, theirs: bytes) -> list[int]:
        """The buckets that another copy has otherwise."""
        ours, size = self.buckets(), _BUCKET_BYTES
        return [
            index
            for index in range(BUCKETS)
            if ours[index * size : (index + 1) * size] != theirs[index * size : (index + 1) * size]
        ]

    def members(self, buckets: Iterable[int]) -> Iterator[Entry]:
        """The entries in some buckets."""
        for bucket in buckets:
            for name in self._members.get(bucket, _NONE):
                yield self.entries[name]

    def _check_room(self, name: str, value: bytes, before: Entry | None) -> None:
        limits = self.limits
        if len(value) > VALUE_BYTES_MAX:
            raise ConfigError(
                f"the value takes {format_size(len(value))} (limit {format_size(VALUE_BYTES_MAX)})",
                where=f"variable {name}",
                remedy="keep it in a key-value store or as an object, and its key in the variable",
            )
        is_new = before is None or before.value is None
        size = self.bytes + len(value) + len(name) - (before.size if before else 0)
        if (
            (is_new and self.live >= limits.variables_max)
            or (before is None and len(self.entries) >= limits.names_max)
            or size > limits.bytes_max
        ):
            raise UnavailableError(
                f"the tenant has {self.live} variables of {format_size(self.bytes)}, and"
                f" {len(self.entries) - self.live} deleted ones that are remembered: as many as it"
                " may",
                where=f"variable {name}",
                remedy="delete some, use names again, or keep such data in a key-value store",
            )

    def _put(self, entry: Entry) -> None:
        bucket = bucket_of(entry.name)
        before = self.entries.get(entry.name)
        change = int.from_bytes(entry.mark, "big")
        if before is None:
            self._members.setdefault(bucket, {})[entry.name] = None
        else:
            change -= int.from_bytes(before.mark, "big")
            self.bytes -= before.size
            self.live -= before.value is not None
        self.entries[entry.name] = entry
        self.bytes += entry.size
        self.live += entry.value is not None
        self._count(bucket, change)

    def _drop(self, entries: Iterable[Entry]) -> list[str]:
        dropped = list(entries)
        for entry in dropped:
            bucket = bucket_of(entry.name)
            del self.entries[entry.name]
            members = self._members[bucket]
            del members[entry.name]
            self.bytes -= entry.size
            self.live -= entry.value is not None
            self._count(bucket, -int.from_bytes(entry.mark, "big"))
            if not members:
                del self._members[bucket], self._sums[bucket]
            self.horizon = max(self.horizon, entry.hlc)
        return [entry.name for entry in dropped]

    def _count(self, bucket: int, change: int) -> None:
        self._root = (self._root + change) % _ROOT_END
        self._sums[bucket] = (self._sums.get(bucket, 0) + change) % _ROOT_END


def bucket_of(name: str) -> int:
    """The bucket of a name."""
    return zlib.crc32(name.encode()) % BUCKETS

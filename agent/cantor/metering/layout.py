"""How a process keeps its metrics in memory that the agent can read: ``native/cantor.h`` as well.

All numbers are little-endian. The memory has a fixed size and three parts:

- 64 bytes: the magic, the number of slots in use (u32), the bytes of entries in use (u32), how many
  series found no room (u64);
- 2048 slots of 8 bytes, which hold the numbers;
- entries, each a multiple of 8 bytes: its length (u16), kind (u8), number of labels (u8), first
  slot (u16), number of slots (u16), then the name and each label's name and value, each a byte with
  its length before it; of a histogram the bounds of its buckets (f64), from the next multiple of 8
  on.

An entry is written before it is counted, and never changes. Who reads believes nothing of it.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.metering.names import wrong_with

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.metering.names import Labels

MAGIC = b"cantorM1"
REGION_BYTES = 128 * 1024
SLOTS = 2048
SLOTS_AT = 64
ENTRIES_AT = SLOTS_AT + 8 * SLOTS
ENTRIES_BYTES = REGION_BYTES - ENTRIES_AT
BOUNDS_MAX = 30
COUNT, AMOUNT, GAUGE, HISTOGRAM = 1, 2, 3, 4
"""A counter of whole numbers (u64), one of any (f64), a gauge (f64; a NaN was not set), and a
histogram: u64 of each bucket, the last without a bound, and the sum (f64)."""
HEADER = struct.Struct("<8sIIQ")
_ENTRY = struct.Struct("<HBBHH")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where a series of a process is."""

    kind: int
    name: str
    labels: Labels
    slot: int
    slots: int = 1
    bounds: tuple[float, ...] = ()

    def packed(self) -> bytes:
        """Its bytes."""
        words = [self.name, *(word for label in self.labels for word in label)]
        raw = b"".join(bytes([len(word)]) + word for word in (one.encode() for one in words))
        body = _padded(_ENTRY.size, raw)
        bounds = struct.pack(f"<{len(self.bounds)}d", *self.bounds)
        length = _ENTRY.size + len(body) + len(bounds)
        head = _ENTRY.pack(length, self.kind, len(self.labels), self.slot, self.slots)
        return head + body + bounds


def _padded(begin: int, raw: bytes) -> bytes:
    return raw + bytes(-(begin + len(raw)) % 8)


def slots_of(kind: int, bounds: Sequence[float]) -> int:
    """How many slots a series takes."""
    return len(bounds) + 2 if kind == HISTOGRAM else 1


def wrong_bounds(bounds: Sequence[float]) -> str:
    """Why these are no bounds of buckets; "" if they are."""
    if not 0 < len(bounds) <= BOUNDS_MAX:
        return f"a histogram has 1 to {BOUNDS_MAX} bounds"
    if not all(map(math.isfinite, bounds)) or list(bounds) != sorted(set(bounds)):
        return "the bounds of a histogram are numbers that grow"
    return ""


def entry_at(raw: bytes, at: int) -> tuple[Entry, int] | None:
    """The entry at that place of the entries, and the place of the next; None if it is none."""
    if at + _ENTRY.size > len(raw):
        return None
    length, kind, labels, slot, slots = _ENTRY.unpack_from(raw, at)
    body = raw[at + _ENTRY.size : at + length]
    if length % 8 or len(body) != length - _ENTRY.size or not COUNT <= kind <= HISTOGRAM:
        return None
    words: list[str] = []
    place = 0
    for _ in range(1 + 2 * labels):
        if place >= len(body):
            return None
        end = place + 1 + body[place]
        try:
            words.append(body[place + 1 : end].decode())
        except UnicodeDecodeError:
            return None
        place = end
    pairs = tuple(sorted(zip(words[1::2], words[2::2], strict=True)))
    bounds = _bounds(body[place + -(_ENTRY.size + place) % 8 :], kind, slots)
    if place > len(body) or bounds is None or wrong_with(words[0], pairs):
        return None
    if slot + slots > SLOTS:
        return None
    return Entry(kind, words[0], pairs, slot, slots, bounds), at + length


def _bounds(raw: bytes, kind: int, slots: int) -> tuple[float, ...] | None:
    if kind != HISTOGRAM:
        return () if slots == 1 and not raw else None
    count = slots - 2
    if count < 1 or len(raw) != 8 * count:
        return None
    bounds = struct.unpack(f"<{count}d", raw)
    return None if wrong_bounds(bounds) else bounds

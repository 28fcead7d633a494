"""What an owner writes down before it counts: records with a length and a checksum each.

A file is read up to its first record that does not hold. If the file ends within that one, or has
nothing but zeros from there, it was being written when the power went, and nobody was told of it.
Else something is damaged that counted: the journal is as good as lost, and whoever reads it waits
until no lease can hold any more. The head has a checksum of its own, so that no damaged length
looks like an end.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.scheduling.grants.reading import lease_from_value
from cantor.scheduling.grants.records import Key, Lease

if TYPE_CHECKING:
    from cantor.wire.frame import Value

MAGIC = b"cantor grants 1\n"
RECORD_BYTES_MAX = 256 * 1024
_HEAD = struct.Struct("<II")
_CHECKSUM = struct.Struct("<I")
_HEAD_BYTES = _HEAD.size + _CHECKSUM.size


@dataclass(frozen=True, slots=True)
class Began:
    """The owner begins a life with this epoch.

    ``is_lost``: it does not know all that it had granted. That stands here until it has waited, so
    that a further restart does not take what is left of the journal for the whole.
    """

    epoch: int
    is_lost: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """A lease is over."""

    key: Key


Record: TypeAlias = Began | Lease | Over


@dataclass(slots=True)
class Kept:
    """What a journal says: the last epoch, the leases that are not over, and those that are.

    ``is_whole`` is False if records that counted cannot be read; ``is_lost`` if the owner did not
    know all of them in its last life and had not waited yet; ``length`` is how many bytes hold.
    """

    epoch: int = 0
    leases: dict[Key, Lease] = field(default_factory=dict)
    over: list[Key] = field(default_factory=list)
    is_whole: bool = True
    is_lost: bool = False
    length: int = 0


def encode(record: Record) -> bytes:
    """One record as it stands in the file."""
    body = bytes(msgpack.packb(_value(record)))
    head = _HEAD.pack(len(body), zlib.crc32(body))
    return head + _CHECKSUM.pack(zlib.crc32(head)) + body


def read(data: bytes) -> Kept:
    """What a journal holds; it need not be whole."""
    kept = Kept()
    if not data.startswith(MAGIC):
        kept.is_whole = MAGIC.startswith(data)
        return kept
    at = len(MAGIC)
    while at < len(data):
        record, end = _next(data, at)
        if record is None:
            kept.is_whole = end > len(data) or not data[at:].strip(b"\0")
            break
        apply(kept, record)
        at = end
    kept.length = at
    return kept


def written(kept: Kept) -> bytes:
    """A whole new journal: what still counts of the old one."""
    began = encode(Began(kept.epoch, kept.is_lost))
    return MAGIC + began + b"".join(map(encode, kept.leases.values()))


def _value(record: Record) -> Value:
    match record:
        case Began(epoch, is_lost):
            return ["began", epoch, is_lost]
        case Over(key):
            return ["over", key.task, key.attempt, key.round]
        case Lease():
            return ["lease", record.as_value()]


def _next(data: bytes, at: int) -> tuple[Record | None, int]:
    """The record at a place, None if it does not hold; and where it ends, or would have."""
    start = at + _HEAD_BYTES
    if start > len(data):
        return None, start
    size, checksum = _HEAD.unpack_from(data, at)
    (of_head,) = _CHECKSUM.unpack_from(data, at + _HEAD.size)
    if zlib.crc32(data[at : at + _HEAD.size]) != of_head or size > RECORD_BYTES_MAX:
        return None, at
    end = start + size
    body = data[start:end]
    if len(body) < size or zlib.crc32(body) != checksum:
        return None, end
    try:
        return _record(msgpack.unpackb(body)), end
    except (RemoteProtocolError, ValueError, TypeError, msgpack.UnpackException):
        return None, at


def _record(value: Value) -> Record:
    match value:
        case ["began", int(epoch), bool(is_lost)]:
            return Began(epoch, is_lost)
        case ["over", str(task), int(attempt), int(count)]:
            return Over(Key(task, attempt, count))
        case ["lease", dict(lease)]:
            return lease_from_value(lease)
    raise RemoteProtocolError("a record of another kind")


def apply(kept: Kept, record: Record) -> None:
    """Let a record count."""
    match record:
        case Began(epoch, is_lost):
            kept.epoch = max(kept.epoch, epoch)
            kept.is_lost = is_lost
        case Lease():
            kept.leases[record.key] = record
        case Over(key):
            kept.leases.pop(key, None)
            kept.over.append(key)

"""Messages and entries as bytes: what is odd or too much in what others wrote is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NODE_ID_BYTES, NodeId
from cantor.replication.messages import (
    Ack,
    Append,
    Ask,
    Body,
    Install,
    Letter,
    Outdated,
    Stranger,
    Vote,
)
from cantor.replication.records import (
    COMMAND_BYTES_MAX,
    COUNT_MAX,
    ENTRIES_MAX,
    NEVER,
    SEATS_MAX,
    SNAPSHOT_BYTES_MAX,
    Client,
    Entry,
    Epoch,
    Kind,
    Members,
    Seat,
    Snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Plain = Any
"""What msgpack reads: nothing of it is believed before it was looked at."""
BIRTH_MAX = 2**64 - 1
_BYTES_MAX = SNAPSHOT_BYTES_MAX + 1024 * 1024


def encode_letter(letter: Letter) -> bytes:
    """A message as it travels."""
    body = letter.body
    kind = type(body)
    told = [letter.birth, letter.to, _NAMES[kind], *_TELL[kind](body)]
    return bytes(msgpack.packb(told))


def decode_letter(data: bytes | memoryview) -> Letter:
    """A message that came.

    Raises:
        RemoteProtocolError: it is none.
    """
    told = _unpacked(data)
    if not isinstance(told, list) or len(told) < 3 or not isinstance(told[2], str):
        raise _wrong("a message without its parts")
    birth, to, name, *rest = told
    read = _READ.get(name)
    if read is None or len(rest) != read[1]:
        raise _wrong("a message of another kind")
    return Letter(_count(birth, BIRTH_MAX, 1), _count(to, BIRTH_MAX), read[0](*rest))


def encode_entry(entry: Entry) -> bytes:
    """An entry as it is kept."""
    return bytes(msgpack.packb(_told_entry(entry)))


def decode_entry(data: bytes) -> Entry:
    """An entry that was kept.

    Raises:
        RemoteProtocolError: it is none.
    """
    return _entry(_unpacked(data))


def encode_epoch(epoch: Epoch) -> bytes:
    """An epoch as it is kept."""
    return bytes(msgpack.packb(_told_epoch(epoch)))


def decode_epoch(data: bytes) -> Epoch:
    """An epoch that was kept.

    Raises:
        RemoteProtocolError: it is none.
    """
    return _epoch(_unpacked(data))


def encode_members(members: Members) -> bytes:
    """Members as they are kept."""
    return bytes(msgpack.packb(_told_members(members)))


def decode_members(data: bytes) -> Members:
    """Members that were kept.

    Raises:
        RemoteProtocolError: they are none.
    """
    return _members(_unpacked(data))


def _unpacked(data: bytes | memoryview) -> Plain:
    if len(data) > _BYTES_MAX:
        raise _wrong(f"{len(data)} bytes (limit {_BYTES_MAX})")
    try:
        return msgpack.unpackb(data)
    except (ValueError, TypeError, RecursionError, msgpack.UnpackException) as error:
        raise _wrong("bytes that are no message") from error


def _wrong(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"of a replica group: {what}")


def _told_epoch(epoch: Epoch) -> Plain:
    return [epoch.counter, bytes.fromhex(epoch.owner)]


def _told_members(members: Members) -> Plain:
    seats = [[bytes.fromhex(seat.node), seat.birth] for seat in members.seats]
    return [seats, [bytes.fromhex(node) for node in members.wanted]]


def _told_entry(entry: Entry) -> Plain:
    members = None if entry.members is None else _told_members(entry.members)
    epoch, client = _told_epoch(entry.epoch), list(entry.client)
    return [entry.index, epoch, int(entry.kind), entry.content, client, members]


def _told_snapshot(snapshot: Snapshot) -> Plain:
    members = _told_members(snapshot.members)
    return [snapshot.index, _told_epoch(snapshot.epoch), members, snapshot.data]


def _count(value: Plain, most: int = COUNT_MAX, least: int = 0) -> int:
    if type(value) is not int or not least <= value <= most:
        raise _wrong("a count that is none")
    return value


def _flag(value: Plain) -> bool:
    if type(value) is not bool:
        raise _wrong("neither yes nor no")
    return value


def _bytes(value: Plain, most: int) -> bytes:
    if not isinstance(value, bytes) or len(value) > most:
        raise _wrong(f"no bytes, or more than {most}")
    return value


def _list(value: Plain, most: int) -> list[Plain]:
    if not isinstance(value, list) or len(value) > most:
        raise _wrong(f"no list, or one of more than {most}")
    return value


def _parts(value: Plain, count: int) -> list[Plain]:
    if not isinstance(value, list) or len(value) != count:
        raise _wrong("a part that is missing")
    return value


def _node(value: Plain) -> NodeId:
    if not isinstance(value, bytes) or len(value) != NODE_ID_BYTES:
        raise _wrong("no node")
    return NodeId(value.hex())


def _epoch(value: Plain) -> Epoch:
    counter, owner = _parts(value, 2)
    if counter == 0 and owner == b"":
        return NEVER
    return Epoch(_count(counter, least=1), _node(owner))


def _members(value: Plain) -> Members:
    told, wanted = _parts(value, 2)
    pairs = [_parts(one, 2) for one in _list(told, SEATS_MAX)]
    seats = tuple(Seat(_node(node), _count(birth, BIRTH_MAX, 1)) for node, birth in pairs)
    if len({seat.node for seat in seats}) != len(seats):
        raise _wrong("a node with two seats")
    return Members(seats, tuple(_node(node) for node in _list(wanted, SEATS_MAX)))


def _entry(value: Plain) -> Entry:
    index, epoch, kind, content, client, members = _parts(value, 6)
    if type(kind) is not int or kind not in list(Kind):
        raise _wrong("an entry of another kind")
    if (members is not None) != (kind == Kind.MEMBERS):
        raise _wrong("an entry whose kind does not fit what it holds")
    return Entry(
        _count(index, least=1), _epoch(epoch), Kind(kind), _bytes(content, COMMAND_BYTES_MAX),
        Client(*map(_count, _parts(client, 3))), None if members is None else _members(members),
    )  # fmt: skip


def _snapshot(value: Plain) -> Snapshot:
    index, epoch, members, data = _parts(value, 4)
    told = _bytes(data, SNAPSHOT_BYTES_MAX)
    return Snapshot(_count(index, least=1), _epoch(epoch), _members(members), told)


def _append(
    epoch: Plain, round_: Plain, previous: Plain, previous_epoch: Plain, committed: Plain,
    entries: Plain,
) -> Append:  # fmt: skip
    before = _count(previous)
    some = tuple(_entry(one) for one in _list(entries, ENTRIES_MAX))
    if any(one.index != before + place for place, one in enumerate(some, 1)):
        raise _wrong("entries out of order")
    told = _epoch(epoch)
    if any(one.epoch > told for one in some):
        raise _wrong("an entry of a later epoch than its sender's")
    return Append(told, _count(round_), before, _epoch(previous_epoch), _count(committed), some)


def _told_append(body: Append) -> list[Plain]:
    entries = [_told_entry(entry) for entry in body.entries]
    before = [body.previous, _told_epoch(body.previous_epoch)]
    return [_told_epoch(body.epoch), body.round, *before, body.committed, entries]


_NAMES: dict[type[Body], str] = {
    Append: "append", Install: "install", Ack: "ack", Outdated: "outdated", Ask: "ask",
    Vote: "vote", Stranger: "stranger",
}  # fmt: skip
_TELL: dict[type[Body], Callable[[Any], list[Plain]]] = {
    Append: _told_append,
    Install: lambda one: [_told_epoch(one.epoch), one.round, _told_snapshot(one.snapshot)],
    Ack: lambda one: [_told_epoch(one.epoch), one.round, one.match, one.is_apart],
    Outdated: lambda one: [_told_epoch(one.promised)],
    Ask: lambda one: [
        _told_epoch(one.epoch), one.last, _told_epoch(one.last_epoch), one.is_trial,
    ],
    Vote: lambda one: [_told_epoch(one.epoch), one.is_trial],
    Stranger: lambda one: [one.wanted],
}  # fmt: skip
_READ: dict[str, tuple[Callable[..., Body], int]] = {
    "append": (_append, 6),
    "install": (lambda e, r, s: Install(_epoch(e), _count(r), _snapshot(s)), 3),
    "ack": (lambda e, r, m, a: Ack(_epoch(e), _count(r), _count(m), _flag(a)), 4),
    "outdated": (lambda e: Outdated(_epoch(e)), 1),
    "ask": (lambda e, i, o, t: Ask(_epoch(e), _count(i), _epoch(o), _flag(t)), 4),
    "vote": (lambda e, t: Vote(_epoch(e), _flag(t)), 2),
    "stranger": (lambda w: Stranger(_count(w, BIRTH_MAX)), 1),
}

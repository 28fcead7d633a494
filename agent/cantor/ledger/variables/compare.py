"""Comparing two copies: root hash, hashes of buckets, stamps, then what differs.

Each side answers a message with messages: ``root`` with ``same`` or its ``buckets``, ``buckets``
with the ``keys`` in those that differ, ``keys`` with a ``put`` of what is newer here and a ``want``
for what is newer there, ``want`` with a ``put``. Every message tells the clock of its sender in
milliseconds (``w``) and its horizon (``h``): what lies ahead of that clock is not sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from cantor.base.clock import HLC_DRIFT_MAX_S, seconds_ahead
from cantor.base.errors import RemoteProtocolError
from cantor.ledger.variables.entry import MARK_BYTES, Entry, pack_rows, unpack_rows
from cantor.ledger.variables.replica import BUCKETS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.ledger.variables.replica import Replica
    from cantor.wire.frame import Buffer, Value

PUT_BYTES = 256 * 1024
KEYS_PER_MESSAGE = 8192
SHORT_BYTES = 8


class Said(NamedTuple):
    """A message of another node; ``wall_s`` and ``horizon`` are its own."""

    step: str
    wall_s: float
    horizon: int
    headers: dict[str, Value]
    body: tuple[Buffer, ...]


class Saying(NamedTuple):
    """A message to another node, but for what all have."""

    step: str
    headers: dict[str, Value]
    rows: bytes | None = None


def read_message(headers: dict[str, Value], body: tuple[Buffer, ...]) -> Said:
    """A message as it came.

    Raises:
        RemoteProtocolError: it is none of this kind.
    """
    step, wall_ms, horizon = (headers.get(name) for name in ("s", "w", "h"))
    if type(step) is not str or type(wall_ms) is not int or type(horizon) is not int:
        raise RemoteProtocolError("not a message about variables")
    return Said(step, wall_ms / 1000, horizon, headers, body)


def root(replica: Replica) -> Saying:
    """What opens a comparison."""
    return Saying("root", {"d": replica.root})


def put(entries: Iterable[Entry]) -> list[Saying]:
    """Entries for another node, in messages of a size."""
    messages: list[Saying] = []
    rows: list[list[object]] = []
    size = 0
    for entry in entries:
        rows.append(entry.row())
        size += entry.size + 64
        if size >= PUT_BYTES:
            messages.append(Saying("put", {}, pack_rows(rows)))
            rows, size = [], 0
    if rows:
        messages.append(Saying("put", {}, pack_rows(rows)))
    return messages


def answer(replica: Replica, said: Said, wall_s: float) -> tuple[list[Saying], list[str]]:
    """The messages to send back, and the names of what is given up here.

    Raises:
        RemoteProtocolError: the message has another shape than its step demands.
    """
    match said.step:
        case "root":
            is_same = said.headers.get("d") == replica.root
            return [Saying("same", {}) if is_same else _buckets(replica)], []
        case "buckets":
            return _answer_buckets(replica, said), []
        case "keys":
            return _answer_keys(replica, said, wall_s)
        case "want":
            names = [name for name in unpack_rows(said.body) if type(name) is str]
            found = [replica.entries[name] for name in names if name in replica.entries]
            return put(_acceptable(found, said)), []
        case _:
            return [], []


def _buckets(replica: Replica) -> Saying:
    return Saying("buckets", {}, replica.buckets())


def _answer_buckets(replica: Replica, said: Said) -> list[Saying]:
    theirs = b"".join(map(bytes, said.body))
    if len(theirs) != BUCKETS * SHORT_BYTES:
        raise RemoteProtocolError(f"variables without {BUCKETS} buckets")
    nothing = bytes(SHORT_BYTES)
    empty: list[int] = []
    keys: list[int] = []
    for index in replica.differing(theirs):
        is_empty = theirs[index * SHORT_BYTES : (index + 1) * SHORT_BYTES] == nothing
        (empty if is_empty and not said.horizon else keys).append(index)
    messages = put(_acceptable(replica.members(empty), said))
    some: list[Value] = []
    rows: list[list[object]] = []
    for index in keys:
        some.append(index)
        rows += [[e.name, e.hlc, e.mark] for e in replica.members([index])]
        if len(rows) >= KEYS_PER_MESSAGE:
            messages.append(Saying("keys", {"b": some}, pack_rows(rows)))
            some, rows = [], []
    if some:
        messages.append(Saying("keys", {"b": some}, pack_rows(rows)))
    return messages


def _answer_keys(replica: Replica, said: Said, wall_s: float) -> tuple[list[Saying], list[str]]:
    theirs = _read_keys(said)
    told = said.headers.get("b")
    if type(told) is not list or len(told) > BUCKETS:
        raise RemoteProtocolError("variables of no buckets")
    buckets = [index for index in told if type(index) is int and 0 <= index < BUCKETS]
    unknown = [e.name for e in replica.members(buckets) if e.name not in theirs]
    gone = replica.give_up(unknown, said.horizon, wall_s)
    newer_here, want = [], []
    for entry in replica.members(buckets):
        hlc, mark = theirs.get(entry.name, (-1, b""))
        if (entry.hlc, entry.mark) == (hlc, mark):
            continue
        if entry.hlc >= hlc:
            newer_here.append(entry)
        if entry.hlc <= hlc:
            want.append(entry.name)
    for name, (hlc, _) in theirs.items():
        if name not in replica.entries and hlc > replica.horizon:
            want.append(name)
    want = [n for n in want if seconds_ahead(theirs[n][0], wall_s) <= HLC_DRIFT_MAX_S]
    messages = put(_acceptable(newer_here, said))
    if want:
        messages.append(Saying("want", {}, pack_rows(want)))  # type: ignore[arg-type]
    return messages, gone


def _read_keys(said: Said) -> dict[str, tuple[int, bytes]]:
    found: dict[str, tuple[int, bytes]] = {}
    for row in unpack_rows(said.body):
        if not isinstance(row, list) or len(row) < 3:
            raise RemoteProtocolError("variables without stamps")
        name, hlc, mark = row[:3]
        if type(name) is not str or type(hlc) is not int or type(mark) is not bytes:
            raise RemoteProtocolError("variables without stamps")
        found[name] = hlc, mark[:MARK_BYTES]
    return found


def _acceptable(entries: Iterable[Entry], said: Said) -> list[Entry]:
    """What does not lie ahead of the other clock, which would refuse it."""
    return [e for e in entries if seconds_ahead(e.hlc, said.wall_s) <= HLC_DRIFT_MAX_S]

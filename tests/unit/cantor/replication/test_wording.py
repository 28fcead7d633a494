"""Messages of a replica group come back as they were; anything else is refused, never a crash."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.replication.messages import (
    Ack,
    Append,
    Ask,
    Install,
    Letter,
    Outdated,
    Stranger,
    Vote,
)
from cantor.replication.records import (
    NEVER,
    SEATS_MAX,
    Client,
    Entry,
    Epoch,
    Kind,
    Members,
    Seat,
    Snapshot,
)
from cantor.replication.wording import (
    decode_entry,
    decode_letter,
    encode_entry,
    encode_letter,
)

ONE, OTHER = NodeId("1" * 32), NodeId("2" * 32)
EPOCH = Epoch(3, ONE)
MEMBERS = Members((Seat(ONE, 2**64 - 1), Seat(OTHER, 1)), (ONE, OTHER))
ENTRIES = (
    Entry(5, EPOCH, Kind.COMMAND, b"do", Client(2, 3, 1)),
    Entry(6, EPOCH, Kind.MEMBERS, members=MEMBERS),
)
BODIES = (
    Append(EPOCH, 7, 4, Epoch(2, OTHER), 3, ENTRIES),
    Append(EPOCH, 0, 0, NEVER, 0),
    Install(EPOCH, 7, Snapshot(9, EPOCH, MEMBERS, b"state")),
    Ack(EPOCH, 7, 4, is_apart=True),
    Outdated(EPOCH),
    Ask(EPOCH, 4, NEVER, is_trial=False),
    Vote(EPOCH, is_trial=True),
    Stranger(0),
)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_a_message_comes_back_as_it_was(body: Any) -> None:  # noqa: ANN401
    letter = Letter(11, 12, body)
    assert decode_letter(encode_letter(letter)) == letter


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(data: bytes) -> None:
    try:
        letter = decode_letter(data)
    except RemoteProtocolError:
        return
    assert decode_letter(encode_letter(letter)) == letter


@given(st.sampled_from(BODIES), st.data())
def test_a_message_with_a_part_that_is_another_is_refused_or_read(
    body: Any,  # noqa: ANN401
    data: st.DataObject,
) -> None:
    told = msgpack.unpackb(encode_letter(Letter(11, 12, body)))
    part: Any = told
    while isinstance(part, list) and part:
        place = data.draw(st.integers(0, len(part) - 1))
        if not isinstance(part[place], list) or data.draw(st.booleans()):
            odd = st.none() | st.integers(-1, 2**64 - 1) | st.text() | st.booleans() | st.binary()
            part[place] = data.draw(odd | st.lists(odd, max_size=3))
            break
        part = part[place]
    try:
        letter = decode_letter(msgpack.packb(told))
    except RemoteProtocolError:
        return
    assert decode_letter(encode_letter(letter)) == letter


def changed(index: int, value: object) -> bytes:
    told = msgpack.unpackb(encode_letter(Letter(11, 12, BODIES[0])))
    told[index] = value
    return bytes(msgpack.packb(told))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (changed(0, 0), "count"),
        (changed(2, "shout"), "another kind"),
        (changed(3, [1, b"x"]), "no node"),
        (changed(5, 8), "out of order"),
        (changed(3, [2, bytes.fromhex(ONE)]), "later epoch"),
        (b"\x93\x01\x01\x01", "without its parts"),
        (b"\xc1", "no message"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, what: str) -> None:
    with pytest.raises(RemoteProtocolError, match=what):
        decode_letter(data)


def test_members_have_one_seat_a_node_and_not_too_many() -> None:
    twice = Members((Seat(ONE, 1), Seat(ONE, 2)))
    many = Members(tuple(Seat(NodeId(f"{n:032x}"), 1) for n in range(SEATS_MAX + 1)))
    for members in (twice, many):
        with pytest.raises(RemoteProtocolError):
            decode_entry(encode_entry(Entry(1, EPOCH, Kind.MEMBERS, members=members)))


def test_only_an_entry_that_names_members_has_them() -> None:
    for odd in (Entry(1, EPOCH, Kind.MEMBERS), Entry(1, EPOCH, Kind.COMMAND, members=MEMBERS)):
        with pytest.raises(RemoteProtocolError, match="does not fit"):
            decode_entry(encode_entry(odd))

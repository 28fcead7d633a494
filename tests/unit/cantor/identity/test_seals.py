from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import CantorError, IdentityError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.identity.contexts import PeerIdentity
from cantor.identity.seals import REKEY_S, WINDOW, ReplayWindow, Session
from cantor.wire import DataFrame, Kind
from cantor.wire.records import PREFIX_SIZE, pack, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

A, B = NodeId("a" * 32), NodeId("b" * 32)
TTL_AT = PREFIX_SIZE + 3


def pair(secret: bytes = b"s" * 32) -> tuple[Session, Session]:
    """Both ends of a session between A and B."""
    ends = []
    for peer, is_first in ((B, True), (A, False)):
        who = PeerIdentity(peer, "acme", "mesh.test", 2e9)
        ends.append(Session(who, secret, b"t" * 32, is_first=is_first, peer_epoch=1, now=0.0))
    return ends[0], ends[1]


def data(number: int = 0, body: bytes = b"hello", priority: int = 1) -> DataFrame:
    return DataFrame(Kind.DATA, A, B, number, priority, headers={"t": "x"}, body=(body,))


def record(frame: DataFrame) -> bytes:
    packed = pack(frame)
    assert isinstance(packed, bytes)
    return packed


def test_a_sealed_frame_opens_as_it_was_and_shows_nothing_of_its_content() -> None:
    a, b = pair()
    for number in range(3):
        sealed = a.seal(data(number, b"a secret"))
        assert (sealed.kind, sealed.source, sealed.destination) == (Kind.SEALED, A, B)
        assert b"secret" not in record(sealed)
        assert b.open(unpack(record(sealed))) == data(number, b"a secret")


def test_each_direction_has_its_own_key() -> None:
    a, b = pair()
    assert a.name == b.name
    with pytest.raises(IdentityError):
        a.open(a.seal(data()))
    assert b.open(a.seal(data())) == data()
    assert a.open(b.seal(data())) == data()


@given(st.data())
def test_any_damaged_byte_is_refused_but_for_the_time_to_live(draw: st.DataObject) -> None:
    a, b = pair()
    whole = record(a.seal(data(body=b"x" * 40)))
    place = draw.draw(st.integers(PREFIX_SIZE, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= draw.draw(st.integers(1, 255))
    try:
        opened = b.open(unpack(bytes(damaged)))
    except CantorError:
        assert place != TTL_AT
    else:
        assert place == TTL_AT
        assert opened.body == (b"x" * 40,)


@given(st.binary(max_size=80))
def test_what_was_not_sealed_is_refused(body: bytes) -> None:
    _, b = pair()
    with pytest.raises((IdentityError, RemoteProtocolError)):
        b.open(DataFrame(Kind.SEALED, A, B, body=(body,)))
    with pytest.raises(IdentityError):
        b.open(DataFrame(Kind.SEALED, A, B))


def test_another_secret_opens_nothing() -> None:
    a, _ = pair()
    _, b = pair(b"o" * 32)
    with pytest.raises(IdentityError):
        b.open(a.seal(data()))


@given(st.permutations(range(30)))
def test_frames_may_overtake_each_other_and_none_counts_twice(order: list[int]) -> None:
    a, b = pair()
    sealed = [a.seal(data(number)) for number in range(30)]
    for number in order:
        assert b.is_new(sealed[number])
        assert b.open(sealed[number]).message_id == number
        assert not b.is_new(sealed[number])


def test_a_forged_number_does_not_move_the_window() -> None:
    a, b = pair()
    first, second = a.seal(data(1)), a.seal(data(2))
    far = dataclasses.replace(first, message_id=2**63)
    with pytest.raises(IdentityError):
        b.open(far)
    assert b.is_new(first)
    assert b.is_new(second)


@given(st.lists(st.integers(0, 3 * WINDOW), max_size=60))
def test_the_window_agrees_with_a_set(numbers: Iterable[int]) -> None:
    window, seen = ReplayWindow(), set[int]()
    for number in numbers:
        top = max(seen, default=-1)
        assert window.is_new(number) == (number not in seen and number > top - WINDOW)
        if window.is_new(number):
            window.take(number)
            seen.add(number)


def test_a_session_wears_out_by_time_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    a, _ = pair()
    assert not a.is_worn(REKEY_S - 1)
    assert a.is_worn(REKEY_S)
    assert not a.is_over(2 * REKEY_S - 1)
    assert a.is_over(2 * REKEY_S)
    monkeypatch.setattr("cantor.identity.seals.REKEY_BYTES", 100)
    a.seal(data(body=bytes(100)))
    assert a.is_worn(0.0)
    assert not a.is_over(0.0)
    a.seal(data(body=bytes(100)))
    assert a.is_over(0.0)

from __future__ import annotations

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.node.tasks.wording import (
    SMALL_BYTES_MAX,
    checked,
    pack_small,
    terms_from,
    terms_value,
    unpack_small,
    value_of,
)
from cantor.workers.units import PLAIN, Terms


def test_small_messages_come_back_as_they_went() -> None:
    message = [23, 1, "text", None, ["more", 2.5]]
    parts = (b"body", bytearray(b"more"), memoryview(b"view"))

    packed = pack_small(message, parts)

    assert packed is not None
    assert unpack_small(packed) == (message, (b"body", b"more", b"view"))


def test_large_messages_do_not_share_a_frame() -> None:
    assert pack_small([1], (bytes(SMALL_BYTES_MAX), b"x")) is None
    assert pack_small([1, "x" * 3 * SMALL_BYTES_MAX], ()) is None


@given(st.binary(max_size=200) | st.recursive(
    st.none() | st.integers(-5, 5) | st.text(max_size=3) | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3),
).map(msgpack.packb))  # fmt: skip
def test_whatever_the_bytes_are_they_are_a_message_or_an_odd_one(data: bytes) -> None:
    try:
        message, parts = unpack_small(data)
    except RemoteProtocolError:
        return
    assert type(message[0]) is int
    assert all(type(part) is bytes for part in parts)


@pytest.mark.parametrize("odd", [None, [], ["text"], {"m": 1}])
def test_odd_headers_are_no_message(odd: object) -> None:
    with pytest.raises(RemoteProtocolError):
        checked(odd)


def test_terms_travel_as_what_differs() -> None:
    terms = Terms(name="shop.buy", needs="GPU = 1", retries=3, deadline_s=2.5, is_stream=True)

    told = terms_value(terms)

    assert set(told) == {"name", "needs", "retries", "deadline_s", "is_stream"}
    assert terms_from(told) == terms
    assert terms_from({}) == PLAIN
    assert terms_from({**told, "of a later version": 1}) == terms


@pytest.mark.parametrize(
    "odd", [None, [], {"retries": "many"}, {"at_most_once": 1}, {1: 2, "a": 3}]
)
def test_odd_terms_are_refused(odd: object) -> None:
    with pytest.raises(RemoteProtocolError):
        terms_from(odd)


def test_a_value_without_parts_is_odd() -> None:
    with pytest.raises(RemoteProtocolError):
        value_of(())

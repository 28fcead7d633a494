"""Messages of workers have limits; those of their pool, which they trust, have none."""

from __future__ import annotations

import msgpack
import pytest

from cantor.base.errors import NotSerialisable, RemoteProtocolError
from cantor.workers import messages
from cantor.workers.messages import DONE, WROTE, Stream, check_size, pack_message


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "MESSAGE_BYTES_MAX", 1000)
    monkeypatch.setattr(messages, "VALUE_BYTES_MAX", 900)
    monkeypatch.setattr(messages, "TEXT_BYTES_MAX", 100)
    monkeypatch.setattr(messages, "ITEMS_MAX", 10)


def test_a_message_within_the_limits_is_taken_in_pieces() -> None:
    message = [DONE, 1, 0.5, b"x" * 800, [], "t" * 100]
    data = pack_message(message)
    stream = Stream(is_wary=True)

    assert list(stream.feed(data[:500])) == []
    assert list(stream.feed(data[500:])) == [message]


def test_no_more_than_one_message_is_kept_of_a_worker_that_announces_4_gib() -> None:
    stream = Stream(is_wary=True)
    assert list(stream.feed(b"\x95\x0b\x01\xcb" + bytes(8) + b"\xc6\xff\xff\xff\xff")) == []

    for _ in range(10):
        assert list(stream.feed(b"x" * 100)) == []
    with pytest.raises(RemoteProtocolError, match="more than 1000 B"):
        list(stream.feed(b"x" * 100))


@pytest.mark.parametrize(
    "odd",
    [
        b"\x91\xdd\x00\xff\xff\xff",  # room for 16 million items
        b"\xdd\xff\xff\xff\xff",
        pack_message([WROTE, None, 1, "t" * 101]),
        msgpack.packb([{"a": 1}]),
        msgpack.packb([msgpack.ExtType(1, b"x")]),
        msgpack.packb(1),
        msgpack.packb([]),
        b"\xc1",
    ],
)
def test_what_is_no_message_of_a_worker_is_refused_before_it_is_there(odd: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        list(Stream(is_wary=True).feed(odd))


def test_what_the_pool_says_may_be_larger() -> None:
    message = [0, 1, "t" * 1000, b"x" * 1000, list(range(11))]

    assert list(Stream().feed(pack_message(message))) == [message]


def test_a_worker_does_not_send_what_would_be_refused() -> None:
    check_size(b"x" * 450, [bytes(450)])

    with pytest.raises(NotSerialisable, match=r"takes 901 B \(limit 900 B\)"):
        check_size(b"x" * 451, [bytes(450)])

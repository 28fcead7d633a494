from __future__ import annotations

from contextlib import suppress

import msgpack
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.wire import FrameReader, encode
from cantor.wire.frame import HEADER, LENGTH


@given(st.binary(max_size=300))
@settings(max_examples=200, deadline=None)
def test_arbitrary_bytes_give_frames_or_a_protocol_error(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        FrameReader(1024).receive(data)


@given(st.binary(max_size=80), st.lists(st.binary(max_size=9), max_size=3), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
def test_what_is_read_from_a_sound_frame_of_arbitrary_content_can_be_sent_on(
    headers: bytes, body: list[bytes], kind: int
) -> None:
    assert_can_be_sent_on(headers, body, kind)


def test_headers_nested_to_any_depth_are_refused_or_can_be_sent_on() -> None:
    for depth in (100, 500, 511, 512, 1000, 1022, 1023, 1024, 5000):
        assert_can_be_sent_on(b"\x81\xa1a" + b"\x91" * depth + b"\xc0", [], 16)


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.recursive(
            st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=4),
            lambda inner: st.lists(inner, max_size=3),
            max_leaves=5,
        ),
        max_size=4,
    )
)
@settings(max_examples=50, deadline=None)
def test_every_map_of_headers_survives(headers: dict[str, object]) -> None:
    assert assert_can_be_sent_on(msgpack.packb(headers), [], 16) == headers


def assert_can_be_sent_on(headers: bytes, body: list[bytes], kind: int) -> object:
    table = b"".join(len(part).to_bytes(4, "big") for part in body)
    header = HEADER.pack(1, kind, 1, 3, 0, 0, b"a" * 16, b"b" * 16, 5, 6, len(headers), len(body))
    content = header + table + headers + b"".join(body)
    try:
        (frame,) = FrameReader().receive(LENGTH.pack(len(content)) + content)
    except RemoteProtocolError:
        return None
    (again,) = FrameReader().receive(b"".join(encode(frame)))
    assert [bytes(part) for part in again.body] == body
    return again.headers

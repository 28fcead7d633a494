from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire import DataFrame, FrameReader, Kind, encode

A, B = NodeId("a" * 32), NodeId("b" * 32)
FRAME = DataFrame(
    Kind.DATA, A, B, message_id=7, hlc=9, headers={"k": [1, None]}, body=(b"xy", b""), ttl=16
)
RECORDED = bytes.fromhex(
    "00000050"
    "01100110"
    "0000"
    "0000" + "aa" * 16 + "bb" * 16 + "0000000000000007"
    "0000000000000009"
    "00000006"
    "00000002"
    "00000002"
    "00000000"
    "81a16b9201c0"
    "7879"
)


def test_version_1_is_written_and_read_as_recorded() -> None:
    assert b"".join(encode(FRAME)) == RECORDED
    assert FrameReader().receive(RECORDED) == [FRAME]


@given(st.lists(st.integers(1, 40), max_size=8))
@settings(max_examples=30, deadline=None)
def test_frames_survive_any_cutting_of_the_stream(cuts: list[int]) -> None:
    data, reader, found = RECORDED * 3, FrameReader(), []
    for cut in cuts:
        found += reader.receive(data[:cut])
        data = data[cut:]
    assert [*found, *reader.receive(data)] == [FRAME] * 3


@given(st.integers(0, len(RECORDED) - 1), st.binary(min_size=1, max_size=9))
@settings(max_examples=200, deadline=None)
def test_damaged_bytes_give_frames_or_a_protocol_error(place: int, noise: bytes) -> None:
    damaged = RECORDED[:place] + noise + RECORDED[place + len(noise) :]
    with suppress(RemoteProtocolError):
        FrameReader(1024).receive(damaged)


def test_a_frame_over_the_limit_is_refused_before_it_arrives() -> None:
    with pytest.raises(RemoteProtocolError, match="limit 100"):
        FrameReader(100).receive((101).to_bytes(4, "big"))


def test_a_relay_changes_the_ttl_and_leaves_the_body_alone() -> None:
    (frame,) = FrameReader().receive(RECORDED)
    relayed = replace(frame, ttl=frame.ttl - 1)
    assert FrameReader().receive(b"".join(encode(relayed)))[0].body == FRAME.body


def test_a_field_out_of_range_is_our_own_fault() -> None:
    with pytest.raises(LocalProtocolError, match="cannot be encoded"):
        encode(replace(FRAME, ttl=256))

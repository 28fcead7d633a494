from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire import DataFrame, Kind
from cantor.wire.records import (
    CHANNEL_SHIFT,
    MORE,
    SMALL_BYTES_MAX,
    Parts,
    RecordReader,
    channel_of,
    is_local,
    pack,
    repack,
    unpack,
)

if TYPE_CHECKING:
    import random

A, B = NodeId("a" * 32), NodeId("b" * 32)


def frame(priority: int, size: int, message_id: int = 7) -> DataFrame:
    body = (b"%d" % size * size)[:size]
    return DataFrame(Kind.DATA, A, B, message_id, priority, headers={"k": [1]}, body=(body,))


def cut(packed: bytes | Parts, chunk: int) -> list[bytes]:
    """The records of one frame, each with at most ``chunk`` bytes of it."""
    if isinstance(packed, bytes):
        return [packed]
    content = b"".join(packed.buffers)
    records = []
    for start in range(0, len(content), chunk):
        part = content[start : start + chunk]
        prefix = packed.channel << CHANNEL_SHIFT | packed.local
        if start + chunk < len(content):
            prefix |= MORE
        if start == 0 and prefix & MORE:
            part = len(content).to_bytes(4, "big") + part
        records.append((prefix | len(part)).to_bytes(4, "big") + part)
    return records


def same(one: DataFrame, other: DataFrame) -> bool:
    """Whether two frames are equal, whatever memory their bodies lie in."""
    bodies = [[bytes(part) for part in each.body] for each in (one, other)]
    return bodies[0] == bodies[1] and (one.kind, one.source, one.destination, one.message_id) == (
        other.kind,
        other.source,
        other.destination,
        other.message_id,
    )


def test_a_small_frame_is_one_record_of_four_bytes_more() -> None:
    packed = pack(frame(1, 10))
    assert isinstance(packed, bytes)
    (record,) = RecordReader().receive(packed)
    assert (channel_of(record), is_local(record)) == (1, False)
    assert same(unpack(record), frame(1, 10))


def test_a_frame_that_concerns_one_link_has_a_short_header_and_the_peer_as_source() -> None:
    packed = pack(DataFrame(Kind.HEARTBEAT, B, B, priority=0, headers={"beat_ms": 500}))
    assert isinstance(packed, bytes)
    assert len(packed) < 30
    found = unpack(RecordReader().receive(packed)[0], A)
    assert (found.kind, found.source, found.headers) == (Kind.HEARTBEAT, A, {"beat_ms": 500})


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3 * SMALL_BYTES_MAX)), max_size=5),
    st.integers(1, 40_000),
    st.integers(1, 100_000),
    st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_frames_of_different_channels_mix_and_survive_any_cutting(
    wanted: list[tuple[int, int]], chunk: int, step: int, order: random.Random
) -> None:
    frames = [frame(priority, size, n) for n, (priority, size) in enumerate(wanted)]
    queues: list[list[bytes]] = [[], [], []]
    for each in frames:
        queues[each.priority] += cut(pack(each), chunk)
    stream = b""
    while any(queues):
        stream += order.choice([queue for queue in queues if queue]).pop(0)
    reader, found = RecordReader(), []
    for start in range(0, len(stream), step):
        found += [unpack(record) for record in reader.receive(stream[start : start + step])]
    for priority in range(3):
        expected = [each for each in frames if each.priority == priority]
        got = [each for each in found if each.priority == priority]
        assert len(got) == len(expected)
        assert all(map(same, got, expected))


def test_a_large_frame_that_was_received_can_be_sent_on() -> None:
    (record,) = RecordReader().receive(b"".join(cut(pack(frame(2, 100_000)), 30_000)))
    again = repack(record)
    assert isinstance(again, Parts)
    (record,) = RecordReader().receive(b"".join(cut(again, 77_777)))
    assert same(unpack(record), frame(2, 100_000))


def test_memory_of_a_large_frame_is_used_again_only_when_nobody_has_it() -> None:
    reader, size = RecordReader(), 100_000
    streams = [b"".join(cut(pack(frame(2, size, n)), size)) for n in range(6)]
    at_once = reader.receive(b"".join(streams[:3]))
    assert [unpack(record).message_id for record in at_once] == [0, 1, 2]
    held = unpack(at_once.pop(0))
    addresses = {id(record) for record in at_once}
    at_once.clear()
    (again,) = reader.receive(streams[3])
    assert id(again) in addresses
    assert same(held, frame(2, size, 0))
    assert same(unpack(again), frame(2, size, 3))


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_give_frames_or_a_protocol_error(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        for record in RecordReader(1024).receive(data):
            unpack(record)


@given(st.integers(0, 200), st.binary(min_size=1, max_size=9))
@settings(max_examples=200, deadline=None)
def test_damaged_records_give_frames_or_a_protocol_error(place: int, noise: bytes) -> None:
    sound = b"".join(cut(pack(frame(2, 20_000)), 5000)) + b"".join(cut(pack(frame(1, 50)), 9))
    damaged = sound[:place] + noise + sound[place + len(noise) :]
    with suppress(RemoteProtocolError):
        for record in RecordReader(30_000).receive(damaged):
            unpack(record)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ((3 << CHANNEL_SHIFT | 70).to_bytes(4, "big"), "channel 3"),
        ((5000).to_bytes(4, "big"), "limit 1024"),
        ((MORE | 10).to_bytes(4, "big") + (9999).to_bytes(4, "big"), "limit 1024"),
        ((MORE | 10).to_bytes(4, "big") + (6).to_bytes(4, "big") + b"x" * 6 + b"\0\0\0\1y", "add"),
    ],
)
def test_what_breaks_the_rules_is_refused_before_it_arrives(data: bytes, what: str) -> None:
    with pytest.raises(RemoteProtocolError, match=what):
        RecordReader(1024).receive(data)


def test_a_frame_on_the_channel_of_another_priority_is_refused() -> None:
    packed = pack(frame(2, 10))
    assert isinstance(packed, bytes)
    (record,) = RecordReader().receive(bytes((packed[0] & 0x1F,)) + packed[1:])
    with pytest.raises(RemoteProtocolError, match="priority"):
        unpack(record)


def test_what_cannot_be_encoded_is_said() -> None:
    with pytest.raises(LocalProtocolError):
        pack(DataFrame(Kind.HEARTBEAT, A, B, headers={"k": object()}))  # type: ignore[dict-item]

from __future__ import annotations

import struct
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire import DataFrame, Kind, encode
from cantor.wire.frame import BUFFERS_MAX, MESH_HEADERS_BYTES_MAX, Value
from cantor.wire.records import PREFIX_SIZE, pack, unpack
from cantor.wire.sealed import bound_header, content_of, inner_frame, outer_frame

A, B = NodeId("a" * 32), NodeId("b" * 32)
NAMES = st.text(max_size=8)
VALUES = st.one_of(st.none(), st.integers(-(2**63), 2**64 - 1), st.text(max_size=8), st.binary())


@given(
    st.sampled_from([Kind.DATA, Kind.STREAM, Kind.STREAM_ACK]),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 2),
    st.integers(0, 2**16 - 1),
    st.dictionaries(NAMES, VALUES, max_size=4),
    st.lists(st.binary(max_size=64), max_size=4),
)
def test_a_frame_comes_out_of_another_as_it_went_in(
    kind: int,
    message_id: int,
    hlc: int,
    priority: int,
    flags: int,
    headers: dict[str, int | str | bytes | None],
    body: list[bytes],
) -> None:
    frame = DataFrame(kind, A, B, message_id, priority, 7, flags, 0, hlc, {**headers}, tuple(body))
    outer = outer_frame(frame, Kind.SEALED, 5, 9)

    assert (outer.priority, outer.flags, outer.message_id, outer.hlc) == (priority, flags, 5, 9)
    assert outer.headers == {}
    assert inner_frame(outer, content_of(frame)) == frame


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_refused(content: bytes) -> None:
    outer = DataFrame(Kind.SEALED, A, B)
    try:
        inner_frame(outer, content)
    except RemoteProtocolError:
        return


def test_the_bound_header_holds_all_but_the_time_to_live() -> None:
    frame = DataFrame(Kind.SEALED, A, B, 1, 1, 9, 3, 0, 5)
    same = DataFrame(Kind.SEALED, A, B, 1, 1, 4, 3, 0, 5)
    others = [
        DataFrame(Kind.SIGNED, A, B, 1, 1, 9, 3, 0, 5),
        DataFrame(Kind.SEALED, B, B, 1, 1, 9, 3, 0, 5),
        DataFrame(Kind.SEALED, A, A, 1, 1, 9, 3, 0, 5),
        DataFrame(Kind.SEALED, A, B, 2, 1, 9, 3, 0, 5),
        DataFrame(Kind.SEALED, A, B, 1, 2, 9, 3, 0, 5),
        DataFrame(Kind.SEALED, A, B, 1, 1, 9, 4, 0, 5),
        DataFrame(Kind.SEALED, A, B, 1, 1, 9, 3, 1, 5),
        DataFrame(Kind.SEALED, A, B, 1, 1, 9, 3, 0, 6),
    ]
    assert bound_header(frame) == bound_header(same)
    assert len({bound_header(one) for one in [frame, *others]}) == 1 + len(others)


def test_what_cannot_be_packed_is_refused_as_everywhere() -> None:
    long: dict[str, Value] = {"x": bytes(MESH_HEADERS_BYTES_MAX)}
    assert encode(DataFrame(Kind.DATA, A, B, headers=long))  # between processes
    for refuse in (content_of, pack):
        with pytest.raises(LocalProtocolError, match="bytes of headers"):
            refuse(DataFrame(Kind.DATA, A, B, headers=long))
    for odd in ({"headers": {"x": object()}}, {"body": (b"",) * (BUFFERS_MAX + 1)}, {"kind": 256}):
        with pytest.raises(LocalProtocolError):
            content_of(replace(DataFrame(Kind.DATA, A, B), **odd))


def test_a_strangers_headers_are_refused_before_their_objects_are_made() -> None:
    bomb = b"\x90" * MESH_HEADERS_BYTES_MAX  # lists with nothing in them
    headers = b"\x81\xa1x\xdd" + len(bomb).to_bytes(4, "big") + bomb
    content = struct.pack(">BQQII", Kind.DATA, 1, 1, len(headers), 0) + headers
    packed = pack(DataFrame(Kind.DATA, A, B))
    assert isinstance(packed, bytes)
    record = bytearray(packed + headers)
    record[PREFIX_SIZE + 56 : PREFIX_SIZE + 60] = len(headers).to_bytes(4, "big")
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError):
            inner_frame(DataFrame(Kind.SEALED, A, B), content)
        with pytest.raises(RemoteProtocolError):
            unpack(record)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * len(headers)


def test_content_that_is_cut_off_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="cut off"):
        inner_frame(DataFrame(Kind.SEALED, A, B), b"x")

from __future__ import annotations

import io

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.state.object_files import ALIGNED_TO, Reader, gap_behind, pack_layout, parts_in


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=5))
@settings(deadline=None)
def test_parts_lie_where_they_can_be_used(parts: list[bytes]) -> None:
    file = b""
    for part in parts:
        assert len(file) % ALIGNED_TO == 0
        file += part
        file += bytes(gap_behind(len(file)))
    found = parts_in(memoryview(file), pack_layout(parts))
    assert [bytes(part) for part in found] == parts
    assert all(part.readonly for part in found)


@given(
    st.one_of(
        st.binary(), st.lists(st.integers(-(1 << 63), (1 << 63) - 1) | st.text()).map(msgpack.packb)
    )
)
@settings(deadline=None)
def test_a_layout_of_another_is_checked(layout: bytes) -> None:
    view = memoryview(bytes(300))
    try:
        parts = parts_in(view, layout)
    except RemoteProtocolError:
        return
    assert sum(part.nbytes for part in parts) <= 300


@pytest.mark.parametrize("sizes", [[], [301], [200, 200], [-1], [True], "text", {"a": 1}])
def test_parts_that_are_not_there_are_told(sizes: object) -> None:
    with pytest.raises(RemoteProtocolError):
        parts_in(memoryview(bytes(300)), msgpack.packb(sizes))


def test_a_reader_is_a_file() -> None:
    file = io.BufferedReader(Reader(memoryview(b"0123456789")), 4)
    assert file.read(3) == b"012"
    assert file.seek(-2, io.SEEK_END) == 8
    assert file.read() == b"89"
    assert file.read() == b""
    assert file.seek(20) == 20
    assert file.read(1) == b""
    assert file.seek(2) == 2
    assert file.tell() == 2
    assert file.read(100) == b"23456789"
    with pytest.raises(io.UnsupportedOperation):
        file.write(b"x")

"""Entries as they travel, and what is no entry."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.variables.entry import (
    MESSAGE_BYTES_MAX,
    VALUE_BYTES_MAX,
    check_name,
    make_entry,
    pack_rows,
    read_entry,
    unpack_rows,
)

NODE = NodeId("ab" * 16)
GOOD: list[Any] = ["a", 1, bytes(16), b"x"]


def test_an_entry_travels_as_it_is() -> None:
    for value in (b"x", b"", None):
        entry = make_entry("line/speed", 7, NODE, value)

        assert read_entry(unpack_rows((pack_rows([entry.row()]),))[0]) == entry


def test_fields_of_later_versions_are_left_alone() -> None:
    assert read_entry([*GOOD, {"new": 1}]) == read_entry(GOOD)


def test_of_two_that_differ_in_anything_one_holds() -> None:
    entries = [
        make_entry("a", hlc, NodeId(writer * 32), value)
        for hlc in (1, 2)
        for writer in "ab"
        for value in (b"x", b"y", None)
    ]

    assert len({entry[:3] for entry in entries}) == len(entries)
    assert max(entries).hlc == 2
    assert max(entries).writer == "b" * 32


@pytest.mark.parametrize("name", ["a", "line/4.speed", "0", "A" * 128, "a@b+c-d:e_f"])
def test_names(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "/a", ".", "a b", "ä", "a\n", "A" * 129, "a\x00", "*"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        check_name(name)


@pytest.mark.parametrize(
    "row",
    [
        None,
        [],
        GOOD[:3],
        ["", *GOOD[1:]],
        [b"a", *GOOD[1:]],
        ["a", -1, *GOOD[2:]],
        ["a", True, *GOOD[2:]],
        ["a", 1 << 63, *GOOD[2:]],
        ["a", 1, bytes(15), b"x"],
        ["a", 1, "ab" * 16, b"x"],
        ["a", 1, bytes(16), "x"],
        ["a", 1, bytes(16), bytes(VALUE_BYTES_MAX + 1)],
    ],
)
def test_what_is_no_entry(row: object) -> None:
    with pytest.raises(RemoteProtocolError):
        read_entry(row)


@pytest.mark.parametrize(
    "body",
    [
        (),
        (b"", b""),
        (b"",),
        (b"\xc1",),
        (msgpack.packb({}),),
        (bytes(MESSAGE_BYTES_MAX + 1),),
        (b"\x91" * 2000,),
        (msgpack.packb([None] * 20_000),),
    ],
)
def test_what_holds_no_rows(body: tuple[bytes, ...]) -> None:
    with pytest.raises(RemoteProtocolError):
        unpack_rows(body)


@given(st.binary(max_size=200))
def test_bytes_of_strangers_are_refused_and_nothing_else(data: bytes) -> None:
    try:
        for row in unpack_rows((data,)):
            read_entry(row)
    except RemoteProtocolError:
        pass

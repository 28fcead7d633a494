"""Bytes of strangers become readings of the declared kind, or a named error, and nothing else."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.descriptor import Readings, Value
from firmware_bridge.payload import PayloadError, decode
from firmware_bridge.topics import Topic

if TYPE_CHECKING:
    from typing import Literal

    Kind = Literal["number", "integer", "boolean", "text"]


def readings(kind: Kind, form: Literal["json", "plain"] = "plain") -> Readings:
    value = Value("x", ("x",), kind, "", None, None, required=True)
    return Readings(Topic("a/{device}"), form, (), (), (value,))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("number", " 21.5\n", 21.5),
        ("integer", "-3", -3),
        ("boolean", "ON", True),
        ("boolean", "0", False),
        ("text", "日本", "日本"),
    ],
)
def test_plain_text_is_read_as_declared(kind: Kind, text: str, value: object) -> None:
    assert decode(readings(kind), text.encode()).values == {"x": value}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("number", ""),
        ("number", "nan"),
        ("number", "inf"),
        ("integer", "1.5"),
        ("integer", "9" * 30),
        ("boolean", "2"),
        ("text", "x" * 257),
    ],
)
def test_other_text_is_refused(kind: Kind, text: str) -> None:
    with pytest.raises(PayloadError):
        decode(readings(kind), text.encode())


@pytest.mark.parametrize(
    ("kind", "json"),
    [("number", "true"), ("number", '"1"'), ("integer", "1.0"), ("boolean", "1"), ("text", "1")],
)
def test_json_of_another_type_is_refused(kind: Kind, json: str) -> None:
    decoded = decode(readings(kind, "json"), f'{{"x": {json}}}'.encode())

    assert decoded.values == {}
    assert [error.example for error in decoded.wrong] != [""]


def test_half_a_character_is_refused() -> None:
    decoded = decode(readings("text", "json"), b'{"x": "\\ud800"}')

    assert decoded.values == {}


@given(
    st.sampled_from(["number", "integer", "boolean", "text"]),
    st.sampled_from(["json", "plain"]),
    st.one_of(st.binary(), st.builds(lambda inner: b'{"x": ' + inner + b"}", st.binary())),
)
def test_any_bytes_are_read_or_refused(
    kind: Kind, form: Literal["json", "plain"], payload: bytes
) -> None:
    with suppress(PayloadError):
        for value in decode(readings(kind, form), payload).values.values():
            assert not isinstance(value, float) or math.isfinite(value)

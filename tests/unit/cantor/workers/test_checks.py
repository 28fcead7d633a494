"""What a worker may say, which runs code of strangers."""

from __future__ import annotations

import math
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.workers import checks
from cantor.workers.checks import check, terms_of
from cantor.workers.failures import FAILURE_CHARACTERS_MAX, pack_failure
from cantor.workers.messages import (
    CHILD,
    DONE,
    DROP,
    FAILED,
    ITEM,
    READY,
    RETURNED,
    SAID,
    TAKEN,
    WROTE,
)
from cantor.workers.units import PLAIN, Terms

ID = "ab" * 32
GOOD: list[list[Any]] = [
    [READY, 1],
    [DONE, 1, 0.5, b"body", [b"buffer", [0, 70_000]]],
    [FAILED, 1, 0.5, pack_failure(ValueError("no"))],
    [ITEM, 1, b"body", []],
    [RETURNED, [2, 3]],
    [SAID, 1, 0.5, "half"],
    [WROTE, None, 1, "text"],
    [CHILD, 1, 0, ID, b"code", list(astuple(PLAIN)), b"body", []],
    [CHILD, 2, 1, ID, None, list(astuple(PLAIN)), b"body", []],
    [CHILD, 3, 1, f"{'0a' * 16}/{1 << 60}-7-{ID}", b"", list(astuple(PLAIN)), b"body", []],
    [DROP, 1],
    [TAKEN, 1, 0],
]
ODD: list[list[Any]] = [
    [99, 1],
    ["done", 1],
    [True],
    [DONE, 1, 0.5, b"body"],
    [DONE, 1, 0.5, b"body", [], 1],
    [DONE, 1, 0.5, 5, []],
    [DONE, 1, 0.5, b"body", ["text"]],
    [DONE, 1, 0.5, b"body", [b""] * 1025],
    [DONE, True, 0.5, b"body", []],
    [DONE, 1, math.nan, b"body", []],
    [DONE, 1, math.inf, b"body", []],
    [DONE, 1, -1.0, b"body", []],
    [FAILED, 1, 0.5, [None, "E", "text"]],
    [FAILED, 1, 0.5, [None, "E", b"text", ""]],
    [FAILED, 1, 0.5, ["packed", "E", "text", ""]],
    [FAILED, 1, 0.5, [None, "E", "text", "x" * (FAILURE_CHARACTERS_MAX + 1)]],
    [RETURNED, ["2"]],
    [SAID, 1, 1, "half"],
    [WROTE, None, 3, "text"],
    [CHILD, 1, 0, "x" * 257, b"code", [], b"body", []],
    [TAKEN, 1, -1],
]


@pytest.mark.parametrize("message", GOOD, ids=str)
def test_what_workers_say_is_taken(message: list[Any]) -> None:
    check(message)


@pytest.mark.parametrize("message", ODD, ids=lambda message: str(message)[:60])
def test_what_no_worker_says_is_refused(message: list[Any]) -> None:
    with pytest.raises(RemoteProtocolError):
        check(message)


@given(
    st.sampled_from([DONE, FAILED, ITEM, RETURNED, SAID, WROTE, CHILD, DROP, TAKEN, READY]),
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
            lambda inner: st.lists(inner, max_size=5),
            max_leaves=5,
        ),
        max_size=8,
    ),
)
def test_whatever_comes_is_taken_or_refused(op: int, parts: list[Any]) -> None:
    try:
        check([op, *parts])
    except RemoteProtocolError:
        return
    assert (int, *map(type, parts)) in checks._SHAPES[op]


def test_values_and_code_have_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "PACKED_BYTES_MAX", 4)
    monkeypatch.setattr(checks, "CODE_BYTES_MAX", 4)
    check([DONE, 1, 0.5, b"1234", []])
    for odd in (
        [DONE, 1, 0.5, b"12345", []],
        [ITEM, 1, b"12345", []],
        [FAILED, 1, 0.5, [b"12345", "E", "text", ""]],
        [CHILD, 1, 0, ID, b"12345", [], b"", []],
    ):
        with pytest.raises(RemoteProtocolError, match="too large"):
            check(odd)


def test_terms_are_read_as_they_were_said() -> None:
    terms = Terms(name="f", deadline_s=2, memory_bytes=1 << 20, is_stream=True)

    assert terms_of(list(astuple(terms))) == terms


@pytest.mark.parametrize(
    ("name", "value"), [("name", 1), ("retries", True), ("is_stream", 1), ("deadline_s", "2")]
)
def test_terms_of_a_wrong_type_are_refused(name: str, value: object) -> None:
    told = [value if one == name else getattr(PLAIN, one) for one in Terms.__slots__]

    with pytest.raises(RemoteProtocolError):
        terms_of(told)
    with pytest.raises(RemoteProtocolError):
        terms_of(told[:-1])

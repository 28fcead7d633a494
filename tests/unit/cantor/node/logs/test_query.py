"""Which lines a query asks for."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.node.logs.lines import LEVELS, Line
from cantor.node.logs.query import Matcher, Query, query_from

LINES = (
    Line(1.0, "info", "agent", "link up peer=Ash"),
    Line(2.0, "warning", "agent", "link down peer=ash"),
    Line(3.0, "error", "service/cam", "no camera\nTraceback"),
    Line(4.0, "info", "service/camera", "agent says ASH"),
)
DATA = b"".join(line.packed() + b"\n" for line in LINES)


def found(query: Query, data: bytes = DATA) -> list[bytes]:
    return [data[begin:end] for begin, end in Matcher(query).found(data)]


@pytest.mark.parametrize(
    ("query", "times"),
    [
        (Query(), [1, 2, 3, 4]),
        (Query(("ash",)), [2]),
        (Query(("ash",), is_any_case=True), [1, 2, 4]),
        (Query(("link", "Ash")), [1]),
        (Query(("agent",)), [4]),
        (Query(level="warning"), [2, 3]),
        (Query(source="agent"), [1, 2]),
        (Query(source="service/cam"), [3]),
        (Query(source="service/"), [3, 4]),
        (Query(since=2.0, until=4.0), [2, 3]),
        (Query(("Traceback",)), [3]),
        (Query(("nothing",)), []),
    ],
)
def test_lines_are_found(query: Query, times: list[int]) -> None:
    assert [float(line.split()[0]) for line in found(query)] == times


@given(
    lines=st.lists(st.text(st.sampled_from("abAB "), max_size=8), max_size=12),
    texts=st.lists(st.text(st.sampled_from("abAB"), min_size=1, max_size=2), max_size=2),
    is_any_case=st.booleans(),
)
def test_the_same_lines_as_by_looking_at_each(
    lines: list[str], texts: list[str], is_any_case: bool
) -> None:
    def has_all(text: str) -> bool:
        seen = text.lower() if is_any_case else text
        return all((one.lower() if is_any_case else one) in seen for one in texts)

    packed = [Line(1.0, "info", "a", text).packed() for text in lines]
    data = b"".join(line + b"\n" for line in packed)
    wanted = [line for line, text in zip(packed, lines, strict=True) if has_all(text)]

    assert found(Query(tuple(texts), is_any_case), data) == wanted


def test_what_is_no_line_is_passed_over() -> None:
    data = b"\x00\xff\n\n" + DATA + b"half a line"

    assert len(found(Query(), data)) == 4
    assert len(found(Query(("half",)), data)) == 0


@given(
    st.builds(
        Query,
        st.lists(st.text(min_size=1, max_size=9).filter(lambda text: "\n" not in text), max_size=3)
        .map(tuple),
        st.booleans(),
        st.sampled_from(LEVELS),
        st.text(max_size=9),
        st.floats(0, 1e12),
        st.one_of(st.just(math.inf), st.floats(0, 1e12)),
    )
)  # fmt: skip
def test_a_query_travels(query: Query) -> None:
    assert query_from(query.as_value()) == query


@pytest.mark.parametrize(
    "value",
    [
        {"texts": "one"},
        {"texts": [""]},
        {"texts": ["a\nb"]},
        {"texts": ["x"] * 9},
        {"texts": ["x" * 201]},
        {"level": "loud"},
        {"source": 3},
        {"source": "x" * 201},
        {"since": "now"},
        {"since": -1.0},
        {"until": True},
        {"until": math.nan},
        {"until": 1e13},
    ],
)
def test_what_is_no_query_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        query_from(value)

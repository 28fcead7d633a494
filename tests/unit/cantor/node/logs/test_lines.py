"""Lines of logs as they stand in files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.node.logs.lines import LEVELS, LINE_BYTES_MAX, Line, line_of, time_in

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\x1e"))


@given(
    milliseconds=st.integers(0, 10**15),
    level=st.sampled_from(LEVELS),
    lines=st.lists(WORDS, min_size=1, max_size=4),
)
def test_what_is_packed_is_one_line_and_comes_back(
    milliseconds: int, level: str, lines: list[str]
) -> None:
    said = Line(milliseconds / 1000, level, "service/cam", "\n".join(lines))  # type: ignore[arg-type]
    raw = said.packed()

    assert b"\n" not in raw
    found = line_of(raw)
    assert found is not None
    assert found.at == pytest.approx(said.at, abs=0.001)
    assert (found.level, found.source, found.text) == (said.level, said.source, said.text)


@given(st.binary(max_size=60))
def test_bytes_that_are_no_line_are_none(raw: bytes) -> None:
    found = line_of(raw)
    assert found is None or found.level in LEVELS


@pytest.mark.parametrize("raw", [b"", b"x i agent y", b"nan i agent y", b"1.5 i agent", b"1 x a b"])
def test_half_a_line_is_none(raw: bytes) -> None:
    assert line_of(raw) is None


def test_a_long_text_is_cut() -> None:
    assert len(Line(1.0, "info", "agent", "é" * 20_000).packed()) == LINE_BYTES_MAX
    assert time_in(b"inf x") is None

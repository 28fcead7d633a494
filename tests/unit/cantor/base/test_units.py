from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.units import format_size, parse_size


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [("0", 0), ("4096", 4096), ("512MB", 512_000_000), ("2GiB", 2 << 30), ("1.5 KiB", 1536)],
)
def test_sizes_are_read_as_people_write_them(text: str, size_bytes: int) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("text", ["", "GiB", "-1", "2 gib", "1e9", "2GiB/s"])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="write 512MB or 2GiB"):
        parse_size(text)


@given(st.integers(min_value=0, max_value=1 << 60))
def test_a_formatted_size_reads_back_within_rounding(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == pytest.approx(size_bytes, rel=0.06, abs=1)

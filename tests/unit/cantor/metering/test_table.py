"""Pages of metrics: nothing is lost on the way, and bytes of others harm nobody."""

from __future__ import annotations

import math
import random
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.metering import table
from cantor.metering.names import KINDS, Series
from cantor.metering.table import Reader, Writer

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
SERIES = st.builds(
    lambda name, value, kind: Series(name, (("place", value),) if value else (), kind),
    NAMES,
    st.text("abc ü", max_size=5),
    st.sampled_from(KINDS),
)
VALUES = st.one_of(
    st.floats(allow_nan=False),
    st.integers(-(2**60), 2**60).map(float),
    st.integers(-(10**9), 10**9).map(lambda parts: parts / 10_000),
)
SAMPLES = st.lists(st.dictionaries(SERIES, VALUES, max_size=8), max_size=6)


@given(SAMPLES)
def test_who_follows_sees_every_sample_as_it_is(samples: list[dict[Series, float]]) -> None:
    writer, reader = Writer(), Reader()

    for sample in samples:
        assert reader.apply(writer.update(sample))
        assert reader.values == sample
        for glob in ("", "a*", "*_*"):
            wanted = {one: value for one, value in sample.items() if one.matches(glob)}
            assert dict(reader.pick(glob)) == wanted
        late = Reader()
        assert late.apply(writer.page())
        assert late.values == sample


def test_who_missed_a_page_is_told_to_ask_for_a_whole_one() -> None:
    writer, reader = Writer(), Reader()
    frames = Series("frames", (), "counter")
    reader.apply(writer.update({frames: 1.0}))
    writer.update({frames: 2.0})

    assert not reader.apply(writer.update({frames: 3.0}))
    assert reader.values == {frames: 1.0}
    assert reader.apply(writer.page())
    assert reader.values == {frames: 3.0}


def test_places_of_series_that_are_gone_are_used_again() -> None:
    writer, reader = Writer(), Reader()
    for begin in range(0, 5000, 250):
        sample = {Series(f"s{number}"): 1.0 for number in range(begin, begin + 250)}
        assert reader.apply(writer.update(sample))
        assert reader.values == sample

    assert len(writer.page()) < 5000


def test_more_series_than_anybody_takes_are_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "SERIES_MAX", 3)
    writer, reader = Writer(), Reader()

    assert reader.apply(writer.update({Series(f"s{number}"): 1.0 for number in range(9)}))
    assert len(reader.values) == 3


@given(st.binary(max_size=200))
def test_bytes_that_are_no_page_are_refused(raw: bytes) -> None:
    reader = Reader()
    try:
        reader.apply(raw)
    except RemoteProtocolError:
        return
    assert len(reader.values) <= len(raw)


@given(st.integers(0, 2**32))
def test_a_page_with_a_few_wrong_bytes_harms_nobody(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    writer = Writer()
    writer.update({Series(f"s{number}", (("a", "b"),)): number / 7 for number in range(20)})
    raw = bytearray(writer.page())
    for _ in range(3):
        raw[chance.randrange(len(raw))] = chance.randrange(256)

    with suppress(RemoteProtocolError):
        assert Reader().apply(bytes(raw)) in (True, False)


def test_a_second_of_200_series_is_small() -> None:
    """30 of them count, 70 are measured, 100 stay as they are."""
    chance = random.Random(1)  # noqa: S311
    writer = Writer()
    frames = [Series(f"counter_{number}", (), "counter") for number in range(30)]
    gauges = [Series(f"gauge_{number}") for number in range(170)]
    values = {series: float(chance.randrange(10**9)) for series in frames}
    values |= {series: round(chance.random() * 100, 2) for series in gauges}
    writer.update(values)
    for series in frames:
        values[series] += chance.randrange(100_000)
    for series in gauges[:70]:
        values[series] = round(values[series] + chance.gauss(0, 1), 2)

    assert len(writer.update(values)) < 500


@pytest.mark.parametrize("value", [math.inf, -0.0, 1e300, 5e-324, 2.0**53, 0.1 + 0.2])
def test_odd_numbers_arrive_as_they_are(value: float) -> None:
    writer, reader = Writer(), Reader()
    reader.apply(writer.update({Series("a"): 1.5, Series("b"): value}))

    assert reader.values[Series("b")] == value

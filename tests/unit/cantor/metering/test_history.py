"""What series were: in memory of a fixed size."""

from __future__ import annotations

import math

import pytest

from cantor.metering import history
from cantor.metering.history import History, Ring
from cantor.metering.names import Series

CPU, FRAMES, BUCKET = Series("cpu"), Series("frames", (), "counter"), Series("b", (), "histogram")


def test_a_ring_keeps_the_last_samples_in_order() -> None:
    ring = Ring(3)
    for at in range(5):
        ring.add(float(at), {CPU: at / 4})

    assert ring.times().tolist() == [2, 3, 4]
    assert ring.columns() == {CPU: pytest.approx([0.5, 0.75, 1.0])}


def test_a_series_that_comes_late_or_goes_has_gaps() -> None:
    ring = Ring(3)
    ring.add(1.0, {CPU: 1.0})
    ring.add(2.0, {CPU: 1.0, FRAMES: 5.0})
    ring.add(3.0, {FRAMES: 6.0})

    found = {series.name: column.tolist() for series, column in ring.columns().items()}
    assert found == {
        "cpu": [1, 1, pytest.approx(math.nan, nan_ok=True)],
        "frames": [pytest.approx(math.nan, nan_ok=True), 5, 6],
    }
    assert list(ring.columns("fr*")) == [FRAMES]


def test_a_ring_is_bounded_and_new_series_take_the_place_of_those_that_are_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "SERIES_MAX", 4)
    ring = Ring(10)
    for at in range(30):
        ring.add(float(at), {Series(f"s{number}"): 1.0 for number in range(at, at + 9)})

    assert len(ring.columns()) == 4
    assert ring.size_bytes == 10 * (8 + 4 * 4)
    assert "s29" in {series.name for series in ring.columns()}


def test_all_of_it_takes_a_mebibyte() -> None:
    whole = History()
    sample = {Series(f"s{number}"): 1.0 for number in range(300)}
    for at in range(600):
        whole.seconds.add(float(at), sample)
    for at in range(1440):
        whole.minutes.add(float(at), sample)

    assert whole.seconds.size_bytes + whole.minutes.size_bytes < 1.1 * 2**20


def test_a_counter_is_kept_as_its_growth_in_a_second_and_by_the_minute() -> None:
    kept = History()
    for second in range(0, 121, 2):
        kept.add(1000.0 + second, {CPU: 0.5, FRAMES: 10.0 * second, BUCKET: 1.0}, is_read=True)

    assert list(kept.seconds.columns()) == [CPU, FRAMES]
    assert kept.seconds.columns("frames")[FRAMES].tolist()[1:] == [10] * 60
    assert kept.minutes.times().tolist() == [1000, 1060, 1120]
    assert kept.minutes.columns("frames")[FRAMES].tolist()[1:] == [10, 10]


def test_nobody_reads_then_only_minutes_are_kept() -> None:
    kept = History()
    for second in range(0, 200, 20):
        kept.add(float(second), {CPU: 0.5}, is_read=False)

    assert (len(kept.seconds), len(kept.minutes)) == (0, 4)


def test_a_counter_that_began_anew_counts_from_nothing() -> None:
    kept = History()
    for at, value in ((1.0, 100.0), (2.0, 3.0)):
        kept.add(at, {FRAMES: value}, is_read=True)

    assert kept.seconds.columns()[FRAMES].tolist()[-1] == 3


def test_a_clock_that_was_put_back_does_not_stop_the_minutes() -> None:
    kept = History()
    for at in (10_000.0, 100.0, 130.0, 161.0):
        kept.add(at, {CPU: 0.5}, is_read=False)

    assert kept.minutes.times().tolist() == [10_000, 161]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.clock import HLC_DRIFT_MAX_S, HybridClock
from cantor.base.errors import RemoteProtocolError

walls = st.floats(min_value=0, max_value=4e9)


@given(st.lists(walls, min_size=2, max_size=30))
def test_stamps_grow_even_when_the_wall_clock_goes_back(times: list[float]) -> None:
    clock = HybridClock()

    stamps = [clock.tick(wall) for wall in times]

    assert stamps == sorted(set(stamps))


@given(walls, st.floats(min_value=-1e6, max_value=HLC_DRIFT_MAX_S - 1))
def test_a_stamp_is_later_than_everything_observed(wall: float, ahead_s: float) -> None:
    other = HybridClock().tick(max(0.0, wall + ahead_s))
    clock = HybridClock()

    clock.observe(other, wall)

    assert clock.tick(wall) > other


def test_a_clock_more_than_a_minute_ahead_is_refused() -> None:
    other = HybridClock().tick(1000.0 + HLC_DRIFT_MAX_S + 1)

    with pytest.raises(RemoteProtocolError, match="61 s ahead"):
        HybridClock().observe(other, 1000.0)


def test_a_clock_continues_from_its_floor() -> None:
    assert HybridClock(floor=500).tick(0.0) == 501

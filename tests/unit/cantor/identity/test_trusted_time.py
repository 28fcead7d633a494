from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.identity.trusted_time import TrustedTime

SIGNED_S = 1_795_000_000.0
YEAR_S = 365 * 86400.0
times = st.floats(0, 5e9)


def test_a_box_in_1970_lives_at_its_floor() -> None:
    assert TrustedTime().learn(SIGNED_S, 10.0).now(20.0) == SIGNED_S


def test_a_clock_set_right_after_1970_is_believed() -> None:
    assert TrustedTime().learn(SIGNED_S, 10.0).now(SIGNED_S + YEAR_S) == SIGNED_S + YEAR_S


def test_a_clock_that_runs_ahead_is_corrected_until_it_is_set_right() -> None:
    known = TrustedTime().learn(SIGNED_S, SIGNED_S + 10 * YEAR_S)
    assert known.now(SIGNED_S + 10 * YEAR_S + 60) == SIGNED_S + 60
    assert known.now(SIGNED_S + 120) == SIGNED_S + 120


def test_an_older_or_senseless_signed_time_changes_nothing() -> None:
    known = TrustedTime().learn(SIGNED_S, SIGNED_S)
    for signed_s in (SIGNED_S - 1, math.nan, math.inf, -math.inf):
        assert known.learn(signed_s, 0.0) == known


@given(signed_s=times, learnt_at_s=times, wall_s=times)
@settings(max_examples=60)
def test_time_never_falls_below_what_was_signed(
    signed_s: float, learnt_at_s: float, wall_s: float
) -> None:
    assert TrustedTime().learn(signed_s, learnt_at_s).now(wall_s) >= signed_s

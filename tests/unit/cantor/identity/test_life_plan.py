from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.identity.life_plan import FOLLOW_WITHIN_S, RETRY_S_MAX, LifePlan, Wish

DAY_S = 86_400.0
BEGAN_S = 1_700_000_000.0


def plan(draw: float = 0.5) -> LifePlan:
    made = LifePlan(lambda: draw)
    made.certified(BEGAN_S, BEGAN_S + 35 * DAY_S, BEGAN_S, 0.0)
    made.leased(BEGAN_S, BEGAN_S + DAY_S, BEGAN_S, 0.0)
    return made


@pytest.mark.parametrize("draw", [0.0, 0.5, 0.999])
def test_a_lease_renews_at_half_its_life_and_a_certificate_from_day_7(draw: float) -> None:
    made = plan(draw)
    spread = 0.9 + 0.2 * draw
    for wish, at_s in ((Wish.LEASE, DAY_S / 2), (Wish.CERTIFICATE, 7 * DAY_S)):
        before, after = at_s * spread - 1, at_s * spread + 1
        assert made.wish(BEGAN_S + before, before) is not wish
        assert made.wish(BEGAN_S + after, after) is wish


def test_a_clock_that_stands_in_1970_or_jumps_back_misses_nothing() -> None:
    made = plan()
    assert made.wish(0.0, DAY_S) is Wish.LEASE
    assert made.wish(0.0, 8 * DAY_S) is Wish.CERTIFICATE


def test_a_clock_that_jumps_ahead_costs_one_question_once_it_was_put_right() -> None:
    made = plan()
    assert made.wish(BEGAN_S + 3650 * DAY_S, 60.0) is Wish.CERTIFICATE
    made.certified(BEGAN_S + 60, BEGAN_S + 35 * DAY_S, BEGAN_S + 60, 60.0)
    made.leased(BEGAN_S + 60, BEGAN_S + DAY_S, BEGAN_S + 60, 60.0)
    made.succeeded()
    assert made.wish(BEGAN_S + 61, 61.0) is Wish.NOTHING


def test_a_node_without_a_lease_asks_at_once() -> None:
    made = LifePlan(lambda: 0.5)
    made.certified(BEGAN_S, BEGAN_S + 35 * DAY_S, BEGAN_S, 0.0)
    assert made.wish(BEGAN_S, 0.0) is Wish.LEASE


def test_a_new_root_is_followed_within_a_minute() -> None:
    made = plan()
    made.follow(100.0)
    assert made.wish(BEGAN_S + 100, 100.0) is Wish.NOTHING
    assert made.wish(BEGAN_S + 100, 100.0 + FOLLOW_WITHIN_S) is Wish.CERTIFICATE


def test_who_is_not_answered_asks_less_and_less_until_an_issuer_is_back() -> None:
    made, now_s, waits = plan(), 0.0, []
    for _ in range(20):
        begun_s = now_s
        made.failed(now_s)
        while made.wish(BEGAN_S + 8 * DAY_S, now_s) is Wish.NOTHING:
            now_s += 1.0
        waits.append(now_s - begun_s)
    assert waits[0] < 10
    assert max(waits) <= 1.5 * RETRY_S_MAX + 1
    made.failed(now_s)
    made.issuer_seen()
    assert made.wish(BEGAN_S + 8 * DAY_S, now_s) is Wish.CERTIFICATE


@given(st.integers(0, 2**32), st.lists(st.sampled_from([-10, -1, 1, 10]), max_size=3))
def test_400_days_without_an_issuer_and_with_a_clock_that_jumps_end_with_one_question(
    seed: int, jumps: list[int]
) -> None:
    """The hub is off for 400 days; questions stay few, and the first answer settles everything."""
    made, asked, now_s = LifePlan(random.Random(seed).random), 0, 0.0  # noqa: S311
    made.certified(BEGAN_S, BEGAN_S + 35 * DAY_S, BEGAN_S, now_s)
    made.leased(BEGAN_S, BEGAN_S + DAY_S, BEGAN_S, now_s)
    ahead_s = 0.0
    jump_days = dict(zip((50, 150, 250), jumps, strict=False))
    for day in range(400):
        ahead_s += 365 * DAY_S * jump_days.get(day, 0)
        for hour in range(24):
            now_s = day * DAY_S + hour * 3600.0
            if made.wish(max(BEGAN_S + now_s + ahead_s, BEGAN_S), now_s) is not Wish.NOTHING:
                asked += 1
                made.failed(now_s)
    assert 0 < asked <= 400 * 24

    made.issuer_seen()
    wall_s = BEGAN_S + now_s
    assert made.wish(wall_s, now_s) is Wish.CERTIFICATE
    made.certified(wall_s, wall_s + 35 * DAY_S, wall_s, now_s)
    made.leased(wall_s, wall_s + DAY_S, wall_s, now_s)
    made.succeeded()
    assert made.wish(wall_s, now_s) is Wish.NOTHING

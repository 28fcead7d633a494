from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cantor.base.allowance import Allowance

STEPS = st.lists(st.floats(0.0, 3.0), min_size=1, max_size=60)


@given(STEPS, st.floats(1.0, 20.0), st.floats(1.0, 20.0))
def test_no_more_is_allowed_than_at_once_and_what_time_gives_back(
    pauses: list[float], per_s: float, at_once: float
) -> None:
    allowance = Allowance(per_s, at_once)
    now, taken = 100.0, 0
    for pause in pauses:
        now += pause
        is_spent = allowance.is_spent(now)
        assert allowance.take(now) is not is_spent
        taken += not is_spent
        assert taken <= at_once + per_s * (now - 100.0) + 1e-6


def test_as_many_as_in_a_second_are_allowed_at_once_if_nothing_else_is_said() -> None:
    allowance = Allowance(3.0)
    assert [allowance.take(5.0) for _ in range(4)] == [True, True, True, False]
    assert allowance.take(5.5)


def test_a_time_before_the_last_one_takes_nothing_away() -> None:
    allowance = Allowance(2.0)
    assert allowance.take(5.0)
    assert allowance.take(4.0)
    assert not allowance.take(4.5)

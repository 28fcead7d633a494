"""No message is taken twice, and none is lost because of its order alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.sequence import WINDOW, Sequence

SILENCE_S = 5.0


def test_numbers_in_order_are_new() -> None:
    sequence = Sequence()

    assert [sequence.judge(1, seq, 0.0, SILENCE_S) for seq in (5, 6, 7)] == ["new"] * 3
    assert sequence.missing == 0


def test_a_gap_is_counted_until_it_is_filled() -> None:
    sequence = Sequence()
    for seq in (1, 4):
        sequence.judge(1, seq, 0.0, SILENCE_S)
    assert sequence.missing == 2

    assert sequence.judge(1, 2, 0.0, SILENCE_S) == "late"
    assert sequence.judge(1, 2, 0.0, SILENCE_S) == "repeated"
    assert sequence.missing == 1


def test_a_new_boot_begins_again() -> None:
    sequence = Sequence()
    sequence.judge(1, 900, 0.0, SILENCE_S)

    assert sequence.judge(2, 1, 0.0, SILENCE_S) == "new"
    assert sequence.judge(1, 901, 0.0, SILENCE_S) == "outdated"


def test_a_boot_may_be_a_word() -> None:
    sequence = Sequence()

    verdicts = [sequence.judge(boot, 1, 0.0, SILENCE_S) for boot in ("f3", "a7", "f3")]

    assert verdicts == ["new", "new", "outdated"]


def test_after_silence_counters_that_went_back_are_a_new_beginning() -> None:
    sequence = Sequence()
    sequence.judge(7, 5000, 0.0, SILENCE_S)
    assert sequence.judge(1, 1, SILENCE_S, SILENCE_S) == "outdated"

    assert sequence.judge(1, 1, SILENCE_S + 0.1, SILENCE_S) == "new"


def test_a_number_far_ahead_blocks_the_device_for_one_silence_only() -> None:
    sequence = Sequence()
    sequence.judge(1, 1, 0.0, SILENCE_S)
    sequence.judge(1, 2**63 - 1, 1.0, SILENCE_S)
    assert sequence.judge(1, 2, 2.0, SILENCE_S) == "outdated"

    assert sequence.judge(1, 3, 1.1 + SILENCE_S, SILENCE_S) == "new"


@given(st.lists(st.integers(0, WINDOW - 1), max_size=200))
def test_within_the_window_each_number_is_taken_exactly_once(numbers: list[int]) -> None:
    sequence = Sequence()

    taken = [seq for seq in numbers if sequence.judge(1, seq, 0.0, SILENCE_S) in ("new", "late")]

    assert sorted(taken) == sorted(set(numbers))

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.node.tasks.outcomes import failure_of, outcome, with_work, without_work
from cantor.node.tasks.wording import DONE, ENDED, FAILED, Message
from cantor.scheduling.tasks.story import TRACEBACK_CHARACTERS_MAX

FAILURE = [None, "ValueError", "no\nsuch", "Traceback\n  x\n"]


@pytest.mark.parametrize("message", [[DONE], [FAILED, FAILURE]])
def test_where_a_result_comes_from_goes_with_it_and_no_further(message: Message) -> None:
    told = with_work(message, 4711, 0.25)

    assert told != message
    assert without_work(told) == (message, 4711, 0.25)
    assert without_work(message) == (message, 0, None)


def test_what_ends_without_a_word_says_nothing_of_it() -> None:
    message = [ENDED, "died", [9, None, "", False]]

    assert with_work(message, 4711, 0.25) == message
    assert without_work(message) == (message, 0, None)


@pytest.mark.parametrize("odd", [("x", 1.0), (1, "x"), (1, -1.0), (1, float("nan")), (None, 1)])
def test_odd_words_about_the_worker_are_left_out(odd: tuple[object, object]) -> None:
    assert without_work([DONE, *odd]) == ([DONE], 0, None)


@pytest.mark.parametrize(
    ("message", "state", "why"),
    [
        ([DONE], "done", ""),
        ([FAILED, FAILURE], "failed", "ValueError: no"),
        ([ENDED, "cancelled", None], "cancelled", ""),
        ([ENDED, "expired", None], "expired", ""),
        ([ENDED, "died", [9, None, "", False]], "died", "its worker was killed by signal 9"),
        ([ENDED, "died", [None, None, "", True]], "died", "its worker could not be started"),
        (
            [ENDED, "preempted", [None, None, "its worker is owed to project a", False]],
            "preempted",
            "its worker is owed to project a",
        ),
        ([ENDED, "melted", [1]], "failed", ""),
    ],
)
def test_how_a_task_ended_is_said_in_a_word_and_a_line(
    message: Message, state: str, why: str
) -> None:
    assert outcome(message)[:2] == (state, why)


ANYTHING = st.none() | st.integers() | st.text() | st.binary()


@given(ANYTHING | st.lists(ANYTHING, max_size=5))
def test_whatever_a_worker_says_of_its_failure_can_be_shown(packed: object) -> None:
    failure = failure_of(packed)

    assert failure.line is not None
    assert len(failure.traceback) <= TRACEBACK_CHARACTERS_MAX


def test_of_a_long_traceback_the_end_is_kept() -> None:
    long = "x" * 100_000 + "the last line"

    assert failure_of([None, "E", "", long]).traceback.endswith("the last line")

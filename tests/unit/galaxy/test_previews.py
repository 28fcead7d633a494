from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from galaxy import Detection, Frame
from galaxy.previews import WAITING_MAX, Previews

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value

TOPIC = "preview/door"


class Clock:
    def monotonic(self) -> float:
        return 10.5

    def wall(self) -> float:
        return 1000.5


class Answers:
    def __init__(self) -> None:
        self.given: list[tuple[int, dict[str, Value], tuple[Buffer, ...]]] = []

    def __call__(self, number: int, headers: dict[str, Value], body: tuple[Buffer, ...]) -> None:
        self.given.append((number, headers, body))


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def previews(answers: Answers) -> Previews:
    return Previews(Clock(), answers)


def frame(*labels: str) -> Frame:
    found = [Detection(label, 0, 0.9, (0.0, 0.0, 1.0, 1.0)) for label in labels]
    return Frame("door", 0, None, captured_s=10.0, captured_wall_s=1000.0, objects=found)


def test_who_waits_is_told_when_the_picture_comes(previews: Previews, answers: Answers) -> None:
    previews.ask(1, "door", 0)
    assert answers.given == []

    previews.add(TOPIC, b"jpeg", frame("person", "person", "dog"))

    shown = {
        "number": 1,
        "captured_at": 1000.0,
        "age_ms": 500.0,
        "objects": {"person": 2, "dog": 1},
    }
    assert answers.given == [(1, shown, (b"jpeg",))]
    assert previews.figures() == {"door": shown}


def test_a_picture_that_is_new_to_who_asks_is_given_at_once(
    previews: Previews, answers: Answers
) -> None:
    previews.add(TOPIC, b"one", frame())
    previews.ask(7, "door", 0)
    previews.ask(8, "door", 1)

    assert [number for number, _, _ in answers.given] == [7]
    previews.add(TOPIC, b"two", frame())
    assert [(number, body) for number, _, body in answers.given] == [(7, (b"one",)), (8, (b"two",))]


def test_a_run_that_began_anew_counts_from_one_and_still_answers(
    previews: Previews, answers: Answers
) -> None:
    previews.add(TOPIC, b"one", frame())

    previews.ask(1, "door", 500)

    assert [number for number, _, _ in answers.given] == [1]


def test_other_topics_and_too_many_questions_are_left_alone(
    previews: Previews, answers: Answers
) -> None:
    for question in range(WAITING_MAX + 5):
        previews.ask(question, "door", 0)
    previews.add("other/door", b"x", frame())
    assert answers.given == []

    previews.add(TOPIC, b"x", frame())

    assert [number for number, _, _ in answers.given] == list(range(5, WAITING_MAX + 5))

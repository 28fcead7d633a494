"""What is remembered of tasks: told once by hand, and then compared with a plain model by seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cantor.base.ids import NodeId
from cantor.scheduling.tasks import story as limits
from cantor.scheduling.tasks.finding import Sought, changes, page
from cantor.scheduling.tasks.stories import Stories
from cantor.scheduling.tasks.story import STATES, Failure, Story, task_id

if TYPE_CHECKING:
    from cantor.scheduling.tasks.story import State

DESK, WALL, ROOF = (NodeId(sign * 32) for sign in "dwr")


@dataclass(frozen=True)
class Terms:
    """What tasks are found by."""

    name: str = "detect"
    needs: str = ""
    parent: str = ""


def submit(stories: Stories, number: int = 1, *, now: float = 10.0, **about: str) -> Story:
    project = about.pop("project", "default")
    return stories.add(Story(number, Terms(**about), project), now)


def key(story: Story) -> tuple[float, str]:
    return story.submitted, task_id(DESK, 3, story.number)


def test_a_task_that_is_done_tells_where_it_ran_and_for_how_long() -> None:
    stories = Stories(DESK)
    story = submit(stories)
    stories.sent(story, 1, WALL, 10.5)
    stories.ended(story, "done", 13.0, worker=4711, took_s=2.0)

    last = story.attempts[-1]
    assert (last.node, last.sent, last.begun, last.ended) == (WALL, 10.5, 11.0, 13.0)
    assert (last.worker, last.end, story.state, story.ended) == (4711, "done", "done", 13.0)
    assert stories.counts()["done"] == 1


def test_an_attempt_never_begins_before_it_was_sent() -> None:
    stories = Stories(DESK)
    story = submit(stories)
    stories.sent(story, 1, WALL, 10.5)
    stories.ended(story, "done", 11.0, worker=1, took_s=900.0)

    assert story.attempts[-1].begun == 10.5


def test_a_task_that_is_told_to_run_runs_until_its_node_is_lost() -> None:
    stories = Stories(DESK)
    story = submit(stories)
    stories.sent(story, 1, WALL, 11.0)
    stories.waits(story, "it waits for units that others use")
    assert story.why

    stories.begun(story, 1, 11.5, 4711)
    assert (story.state, story.why, story.attempts[-1].begun) == ("runs", "", 11.5)
    stories.sent(story, 2, ROOF, 20.0)

    assert story.state == "waits"
    assert [(one.end, one.ended) for one in story.attempts] == [("lost", 20.0), ("", None)]
    stories.begun(story, 1, 11.5, 4711)
    assert story.state == "waits", "what an attempt says that is over does not count"


def test_an_attempt_that_fell_is_told_beside_the_one_that_came_after_it() -> None:
    stories = Stories(DESK)
    story = submit(stories)
    stories.sent(story, 1, WALL, 11.0)
    stories.fell(story, "died", "its worker was killed by signal 9", 12.0)
    stories.sent(story, 2, ROOF, 12.0)
    stories.ended(story, "done", 13.0)

    assert [one.end for one in story.attempts] == ["died", "done"]
    assert story.attempts[0].why == "its worker was killed by signal 9"
    assert (story.state, story.why) == ("done", "")


def test_only_the_last_attempts_are_remembered() -> None:
    stories = Stories(DESK)
    story = submit(stories)
    for number in range(1, limits.ATTEMPTS_MAX + 4):
        stories.sent(story, number, WALL, 10.0 + number)

    assert len(story.attempts) == limits.ATTEMPTS_MAX
    assert story.attempts_left_out == 3
    assert story.attempts[0].number == 4


def test_what_has_ended_first_is_forgotten_first_and_what_runs_never_is() -> None:
    stories = Stories(DESK, ended_max=2)
    runs = submit(stories, 1)
    for number in (4, 3, 2, 5):
        stories.ended(submit(stories, number), "done", 20.0)

    assert [one.number for one in stories.newest()] == [5, 2, 1]
    assert stories.find(4) is None
    assert stories.counts() == dict.fromkeys(STATES, 0) | {"waits": 1, "done": 2}
    assert stories.find(1) is runs


def test_text_counts_as_well_as_tasks() -> None:
    stories = Stories(DESK, characters_max=100)
    for number in range(1, 6):
        story = submit(stories, number)
        stories.wrote(story, 1, "x" * 40)
        stories.ended(story, "failed", 20.0, failure=Failure("E", "", "y" * 10))

    assert [one.number for one in stories.newest()] == [5, 4]


def test_one_task_with_more_text_than_all_may_have_is_forgotten_and_nothing_breaks() -> None:
    stories = Stories(DESK, characters_max=10)
    story = submit(stories)
    stories.wrote(story, 1, "x" * 40)
    stories.ended(story, "done", 20.0)

    assert list(stories.newest()) == []
    assert stories.counts()["done"] == 0


def test_a_durable_task_is_found_by_its_id_also_when_it_runs_again() -> None:
    stories = Stories(DESK, ended_max=1)
    durable_id = "a" * 32
    for number in (1, 2):
        story = stories.add(Story(number, Terms(), durable_id=durable_id), 10.0)
        stories.ended(story, "done", 11.0)

    found = stories.find(durable_id)
    assert found is not None
    assert found.number == 2
    stories.ended(submit(stories, 3), "done", 12.0)
    assert stories.find(durable_id) is None


def test_what_was_no_task_is_forgotten_and_whoever_follows_hears_it() -> None:
    stories = Stories(DESK)
    submit(stories, 1)
    heard: list[int] = []
    none = submit(stories, 2)
    before = stories.revision
    stories.changed = lambda: heard.append(stories.revision)
    stories.forget(none)

    assert [one.number for one in stories.newest()] == [1]
    assert stories.counts()["waits"] == 1
    assert heard == [stories.revision]
    assert stories.revision > before


def test_whoever_waits_for_a_change_is_called_once() -> None:
    stories, calls = Stories(DESK), []

    def changed() -> None:
        stories.changed = None
        calls.append(stories.revision)

    stories.changed = changed
    story = submit(stories)
    stories.sent(story, 1, WALL, 11.0)

    assert calls == [1]


@pytest.mark.parametrize(
    ("sought", "numbers"),
    [
        (Sought(), [4, 3, 2, 1]),
        (Sought(project="lab"), [3]),
        (Sought(states=frozenset({"done"})), [2]),
        (Sought(node=WALL), [2]),
        (Sought(node=DESK), [4, 3, 2, 1]),
        (Sought(function="train"), [4]),
        (Sought(text="GPU"), [1]),
        (Sought(text=f"{DESK}-3-4"), [4]),
        (Sought(text="roof"), []),
        (Sought(parent="x-1-1"), [3]),
        (Sought(project="nobody"), []),
    ],
)
def test_tasks_are_found_by_what_they_are(sought: Sought, numbers: list[int]) -> None:
    stories = Stories(DESK)
    submit(stories, 1, needs="gpu = 1")
    done = submit(stories, 2)
    submit(stories, 3, project="lab", parent="x-1-1")
    submit(stories, 4, name="train")
    stories.sent(done, 1, WALL, 11.0)
    stories.ended(done, "done", 12.0)

    found, has_more = page(stories, sought, 10, key)

    assert [one.number for one in found] == numbers
    assert not has_more


@given(total=st.integers(0, 30), limit=st.integers(1, 7))
def test_pages_tell_of_each_task_once_whatever_comes_meanwhile(total: int, limit: int) -> None:
    stories, numbers = Stories(DESK), count(1)
    for _ in range(total):
        submit(stories, next(numbers))  # all in the same instant
    told: list[int] = []
    before = None
    while True:
        found, has_more = page(stories, Sought(), limit, key, before)
        told += [one.number for one in found]
        submit(stories, next(numbers))
        if not has_more:
            break
        before = key(found[-1])

    assert told == list(range(total, 0, -1))


class Remembering(RuleBasedStateMachine):
    """Whatever happens to tasks: counts, limits and revisions hold."""

    def __init__(self) -> None:
        super().__init__()
        self.stories = Stories(DESK, ended_max=5, characters_max=300)
        self.numbers = count(1)
        self.now = 1.0
        self.open: dict[int, Story] = {}
        self.sent: Counter[int] = Counter()
        self.seen: dict[int, State] = {}
        self.revision = 0

    def one(self, choice: int) -> Story | None:
        self.now += 1.0
        rows = list(self.open.values())
        return rows[choice % len(rows)] if rows else None

    @rule(project=st.sampled_from(["default", "lab"]))
    def submit(self, project: str) -> None:
        number = next(self.numbers)
        self.open[number] = submit(self.stories, number, now=self.now, project=project)

    @rule(choice=st.integers(0, 100), node=st.sampled_from([WALL, ROOF]))
    def send(self, choice: int, node: NodeId) -> None:
        if (story := self.one(choice)) is not None:
            self.sent[story.number] += 1
            self.stories.sent(story, self.sent[story.number], node, self.now)

    @rule(choice=st.integers(0, 100))
    def begin(self, choice: int) -> None:
        if (story := self.one(choice)) is not None:
            self.stories.begun(story, self.sent[story.number], self.now, 7)

    @rule(choice=st.integers(0, 100), end=st.sampled_from(["refused", "died", "lost"]))
    def fall(self, choice: int, end: str) -> None:
        if (story := self.one(choice)) is not None:
            self.stories.fell(story, end, "", self.now)

    @rule(choice=st.integers(0, 100), text=st.text(min_size=1, max_size=90))
    def write(self, choice: int, text: str) -> None:
        if (story := self.one(choice)) is not None:
            self.stories.wrote(story, 1, text)
            self.stories.said(story, len(text) / 50, text)

    @rule(choice=st.integers(0, 100), state=st.sampled_from(STATES[2:]))
    def end(self, choice: int, state: State) -> None:
        if (story := self.one(choice)) is not None:
            self.stories.ended(story, state, self.now, took_s=0.5)
            del self.open[story.number]

    @invariant()
    def counts_are_those_of_what_is_remembered(self) -> None:
        rows = list(self.stories.newest())
        assert [one.number for one in rows] == sorted((o.number for o in rows), reverse=True)
        for project in ("", "default", "lab"):
            states = Counter(one.state for one in rows if project in ("", one.project))
            assert self.stories.counts(project) == {state: states[state] for state in STATES}
            assert list(self.stories.newest(project)) == [
                one for one in rows if project in ("", one.project)
            ]

    @invariant()
    def what_is_open_is_remembered_and_the_rest_is_bounded(self) -> None:
        rows = list(self.stories.newest())
        ended = [one for one in rows if one.ended is not None]
        assert {one.number for one in rows if one.ended is None} == set(self.open)
        assert len(ended) <= 5
        assert sum(one.characters for one in ended) <= 300
        for one in rows:
            assert one.progress is None or 0 <= one.progress[0] <= 1
            assert all(attempt.end for attempt in one.attempts[:-1])
            assert one.ended is None or all(attempt.end for attempt in one.attempts)

    @invariant()
    def whoever_follows_sees_all_that_changes(self) -> None:
        for story in changes(self.stories, self.revision, 10**6):
            self.seen[story.number] = story.state
        self.revision = self.stories.revision
        for story in self.stories.newest():
            assert self.seen[story.number] == story.state


TestRemembering = Remembering.TestCase

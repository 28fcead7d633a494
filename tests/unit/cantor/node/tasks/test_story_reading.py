"""What another node tells of its tasks: what this one tells can be read, nonsense is refused."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.tasks.stages import Stage, stages_from
from cantor.node.tasks.story_reading import (
    changes_from,
    counts_from,
    row_from,
    rows_from,
    story_from,
)
from cantor.node.tasks.story_values import NOBODY, Telling
from cantor.scheduling.tasks.stories import Stories
from cantor.scheduling.tasks.story import Failure, Story
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DESK, WALL = NodeId("d" * 32), NodeId("e" * 32)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.fixture
def told(tmp_path: Path) -> dict[str, Any]:
    """The story of a task that failed at its second attempt."""
    node = FakeMesh().add(DESK, tmp_path, name="desk")
    stories, telling = Stories(DESK), Telling(node)
    telling.look_at_clock()
    terms = Terms("detect", needs="GPU = 1", parent=f"{WALL}-1-1", deadline_s=60.0, retries=1)
    story = stories.add(Story(7, terms, "lab", python="3.12"), 10.0)
    assert telling.row(story)["why"] == NOBODY
    stories.sent(story, 1, WALL, 11.0)
    stories.fell(story, "died", "its worker was killed by signal 9", 12.0)
    stories.sent(story, 2, DESK, 13.0)
    stories.said(story, 0.5, "half")
    stories.wrote(story, 2, "hmm\n")
    failure = Failure("KeyError", "'x'", "Traceback")
    stories.ended(story, "failed", 15.0, why=failure.line, failure=failure, worker=9, took_s=1.0)
    return telling.story(story)


def test_a_story_is_read_as_it_was_told(told: dict[str, Any]) -> None:
    read: dict[str, Any] = story_from(DESK, told)

    row = read.pop("task")
    assert row.pop("home") == DESK
    assert row.pop("id") == f"{DESK}-{told['task']['life']}-7"
    assert row == told["task"]
    assert read == {name: value for name, value in told.items() if name != "task"}
    first, second = read["attempts"]
    assert (first["end"], first["started"]) == ("died", None)
    assert second["ended"] - second["started"] == pytest.approx(1.0)
    assert row["started"] == second["started"]


def test_text_is_cut_to_what_people_can_be_shown(told: dict[str, Any]) -> None:
    told["error"]["traceback"] = "x" * 10**6 + "end"
    told["task"]["name"] = "y" * 10**6

    read: dict[str, Any] = story_from(DESK, told)

    assert len(read["error"]["traceback"]) < 20_000
    assert len(read["task"]["name"]) == 300


@pytest.mark.parametrize(
    ("field", "value"),
    [("state", "melts"), ("number", True), ("number", -1), ("submitted", "now"),
     ("submitted", float("nan")), ("started", float("inf")), ("name", None), ("kind", [])],
)  # fmt: skip
def test_odd_fields_are_refused_by_name(told: dict[str, Any], field: str, value: object) -> None:
    told["task"][field] = value

    with pytest.raises(RemoteProtocolError, match=field):
        story_from(DESK, told)


@pytest.mark.parametrize(
    "read",
    [
        lambda value: row_from(DESK, value), lambda value: rows_from(DESK, value),
        lambda value: story_from(DESK, value), counts_from, stages_from,
        lambda value: changes_from(DESK, value if isinstance(value, dict) else {}),
    ],
)  # fmt: skip
@given(value=ANYTHING)
def test_nonsense_is_refused_and_breaks_nothing(
    read: Callable[[object], object], value: object
) -> None:
    with suppress(RemoteProtocolError):
        assert read(value) == [], value


def test_how_far_attempts_are_is_read_as_it_was_told() -> None:
    stages = [Stage(1, 2, 3, "runs", 4711, 2.5), Stage(1, 3, 1, "units")]

    assert stages_from([one.as_value() for one in stages]) == stages


@pytest.mark.parametrize(
    "row", [[1, 2, 3, "runs", 0], [1, 2, "3", "runs", 0, None], [1, 2, 3, "runs", 0, -1.0]]
)
def test_odd_words_about_attempts_are_refused(row: list[object]) -> None:
    with pytest.raises(RemoteProtocolError):
        stages_from([row])

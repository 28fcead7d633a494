"""What attempts tell is taken in its order, and what cannot be put in order ends them."""

from __future__ import annotations

from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.tasks.submits import Submits
from cantor.node.tasks.wording import ABORT, DONE, ENDED, FAILED, RUN, SAID, TOLD
from cantor.scheduling.actors import ordering
from cantor.scheduling.tasks.stories import Stories
from cantor.workers.failures import unpack_failure
from cantor.workers.units import Passed, Terms

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.tasks.codes import Codes
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message, Parts

ME = NodeId("0a" * 16)
LIFE = 1


class Desk:
    """A node, whose only task was sent to itself."""

    def __init__(self, folder: Path, *, retries: int = 0) -> None:
        node = self.node = FakeMesh().add(ME, folder)
        self.stories = Stories(ME)
        node.publish(
            "tasks",
            {"life": LIFE, "workers": 1, "python": "3.11", "code_run": "none", "load": 0.0},
        )
        self.sent: list[Message] = []
        self.heard: list[Message] = []
        lines = SimpleNamespace(tell=lambda _, message, __=(): self.sent.append(message))
        codes = SimpleNamespace(
            use=lambda _: None, release=lambda _: None, send_ahead=lambda _, __: None
        )
        self.submits = Submits(
            node, cast("Lines", lines), cast("Codes", codes), count(1), self.stories
        )
        terms = Terms(name="f", retries=retries)
        self.task = self.submits.submit(self, 5, Passed("c", b""), terms, "3.11", ())

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        assert unit == 5
        del parts
        self.heard.append(message)

    def tell(self, attempt: int, place: object, what: Message) -> None:
        """The attempt tells something."""
        self.submits.heard_told(ME, [TOLD, LIFE, self.task, attempt, place, what], ())

    @property
    def sent_kinds(self) -> list[int]:
        return [message[0] for message in self.sent]


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_what_comes_too_early_waits_for_what_is_before_it(desk: Desk) -> None:
    desk.tell(1, 2, [DONE])
    desk.tell(1, 1, [SAID, 0.5, ""])
    assert desk.heard == []

    desk.tell(1, 0, [SAID, 0.1, ""])

    assert desk.heard == [[SAID, 0.1, ""], [SAID, 0.5, ""], [DONE]]


async def test_what_came_early_of_an_attempt_that_died_is_not_taken_of_the_next(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path, retries=1)
    desk.tell(1, 1, [DONE])
    desk.tell(1, 0, [ENDED, "died", None])
    assert desk.heard == []

    desk.tell(2, 0, [SAID, 0.5, ""])
    desk.tell(2, 1, [DONE])

    assert desk.heard == [[SAID, 0.5, ""], [DONE]]


@pytest.mark.parametrize("place", [1 << 70, "1", -1])
async def test_one_that_does_not_tell_in_order_ends_and_is_lost(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, place: object
) -> None:
    monkeypatch.setattr(ordering, "EARLY_MAX", 2)
    desk.tell(1, 2, [SAID, 0.5, ""])
    desk.tell(1, 3, [SAID, 0.5, ""])

    with pytest.raises(RemoteProtocolError):
        desk.tell(1, place, [SAID, 0.5, ""])

    assert desk.sent_kinds == [RUN, ABORT]
    ((kind, failure),) = desk.heard
    assert kind == FAILED
    assert "was lost" in str(unpack_failure(failure))


@pytest.mark.parametrize("last", [[FAILED], [ENDED], [ENDED, "died"], [DONE, 1], [FAILED, None, 1]])
async def test_one_whose_last_word_is_odd_ends_and_is_lost(desk: Desk, last: Message) -> None:
    with pytest.raises(RemoteProtocolError, match="last word"):
        desk.tell(1, 0, last)

    assert desk.sent_kinds == [RUN, ABORT]
    ((kind, failure),) = desk.heard
    assert kind == FAILED
    assert "was lost" in str(unpack_failure(failure))


async def test_a_task_whose_node_was_lost_waits_again_until_another_has_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path, retries=1)
    (story,) = desk.stories.newest()
    desk.stories.begun(story, 1, None, 4711)
    assert story.state == "runs"

    desk.node.publish("tasks", None)  # it runs no tasks any more
    desk.submits.changed(frozenset({ME}))

    assert desk.sent_kinds == [RUN, ABORT]
    assert story.last is not None
    assert (story.state, story.last.end) == ("waits", "lost")

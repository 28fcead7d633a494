from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.workers.children import (
    ANSWER_DONE,
    ANSWER_ENDED,
    ANSWER_FAILED,
    ANSWER_ITEM,
    ChildListener,
    Children,
)
from cantor.workers.messages import CHILD, DROP, TAKEN
from cantor.workers.units import Death, End, Passed, Terms

if TYPE_CHECKING:
    from cantor.workers.messages import Message
    from cantor.workers.units import Listener

CODE = Passed("f", b"code")


class Parent:
    """A task that submits: what it tells its pool, and what it hears of the child."""

    def __init__(self) -> None:
        self.told: list[Message] = []
        self.heard: list[tuple[Any, ...]] = []
        self.children = Children(self.told.append, lambda: None, None, None, lambda: 7)

    def submit(self) -> int:
        return self.children.submit(CODE, b"", (), cast("Listener", self), Terms())

    def resolved(self, *told: object) -> None:
        self.heard.append(("resolved", *told))

    def failed(self, failure: object) -> None:
        self.heard.append(("failed", failure))

    def ended(self, *told: object) -> None:
        self.heard.append(("ended", *told))

    def item(self, body: bytes, _: object) -> None:
        self.heard.append(("item", body))


def test_code_goes_to_the_pool_once() -> None:
    parent = Parent()
    parent.submit()
    parent.submit()

    assert [[*message[:2], *message[3:5]] for message in parent.told] == [
        [CHILD, 1, "f", b"code"],
        [CHILD, 2, "f", None],
    ]


def test_items_come_until_the_end_and_nothing_is_said_after_it() -> None:
    parent = Parent()
    child = parent.submit()
    parent.children.answered(child, ANSWER_ITEM, b"1", ())
    parent.children.credit(child, 1)
    parent.children.answered(child, ANSWER_ITEM, b"2", ())
    parent.children.answered(child, ANSWER_DONE, b"", ())
    parent.children.answered(child, ANSWER_ITEM, b"3", ())
    parent.children.credit(child, 0)

    assert [what[0] for what in parent.heard] == ["item", "item", "resolved"]
    assert parent.told[1:] == [[TAKEN, child, 1]]


def test_a_child_that_is_dropped_is_heard_no_more() -> None:
    parent = Parent()
    child = parent.submit()
    parent.children.cancel(child)
    parent.children.answered(child, ANSWER_DONE, b"", ())

    assert parent.heard == []
    assert parent.told[-1] == [DROP, child]


@pytest.mark.parametrize("death", [None, Death(signal=9, code=None)])
def test_what_the_pool_tells_is_what_the_parent_hears(death: Death | None) -> None:
    parent = Parent()
    answers: list[tuple[int, Any]] = []
    listener = ChildListener(7, lambda _, outcome, content, __: answers.append((outcome, content)))
    listener.item(b"1", ())
    listener.failed(["error"])
    listener.ended(End.DIED, death)
    assert [outcome for outcome, _ in answers] == [ANSWER_ITEM, ANSWER_FAILED, ANSWER_ENDED]

    for outcome, content in answers:
        child = parent.submit()
        parent.children.answered(child, outcome, content, ())

    assert parent.heard == [("item", b"1"), ("failed", ["error"]), ("ended", End.DIED, death)]

"""Actors and the places of groups in what is remembered of tasks.

A place is a task of a group: it holds what the task needs until all begin, and runs one call. Calls
of actors are not remembered, for there are thousands a second of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.tasks.listening import LAST
from cantor.node.tasks.outcomes import outcome
from cantor.node.tasks.wording import SAID, WROTE
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.scheduling.tasks.story import Story

if TYPE_CHECKING:
    from cantor.node.actors.kept import Kept
    from cantor.node.services import Node
    from cantor.node.tasks.wording import Message
    from cantor.scheduling.tasks.records import Run
    from cantor.scheduling.tasks.stories import Stories
    from cantor.scheduling.tasks.story import Kind, State
    from cantor.workers.units import Terms

TOGETHER = "it waits for those that begin with it"
"""A place holds all that its task needs."""


class Remembering:
    """On the event loop only."""

    def __init__(self, node: Node, stories: Stories) -> None:
        self._node = node
        self._stories = stories

    def started(self, number: int, terms: Terms, python: str) -> Story:
        """Somebody wants an actor, or a place, to live."""
        project = terms.project or DEFAULT_PROJECT
        kind: Kind = "task" if terms.is_place else "actor"
        return self._stories.add(Story(number, terms, project, kind, python=python), self._now())

    def sent(self, kept: Kept, run: Run) -> None:
        """It is to live on a node."""
        self._stories.sent(kept.story, run.attempt, run.node, self._now())

    def lives(self, kept: Kept, attempt: int) -> None:
        """It lives there."""
        if kept.terms.is_place:
            self._stories.waits(kept.story, TOGETHER)
        else:
            self._stories.begun(kept.story, attempt, self._now(), 0)

    def called(self, kept: Kept, attempt: int) -> None:
        """A call of it begins: of a place, that is its task."""
        if kept.terms.is_place:
            self._stories.begun(kept.story, attempt, self._now(), 0)

    def told(self, kept: Kept, message: Message) -> None:
        """A call of it tells something: of a place, that is what its task tells."""
        story = kept.story
        if not kept.terms.is_place or story.ended is not None:
            return
        if message[0] in LAST:
            self._end(kept, message)
        elif message[0] == WROTE:
            self._stories.wrote(story, int(message[1]), str(message[2]))
        elif message[0] == SAID:
            self._stories.said(story, float(message[1]), str(message[2]))

    def left(self, kept: Kept, end: str, why: str = "") -> None:
        """A node that it was sent to has it no more, or has refused it: it waits again."""
        self._stories.fell(kept.story, end, why, self._now())

    def fell(self, kept: Kept) -> None:
        """Its life has ended, as ``kept.end`` says; it may begin another."""
        if kept.story.ended is None:
            state, why, _ = outcome(kept.end)
            self._stories.fell(kept.story, state, why, self._now())

    def over(self, kept: Kept, *, is_closed: bool = False) -> None:
        """It lives no more, as ``kept.end`` says. A place that is given back before its task began
        was none: its group asks for others.
        """
        if kept.story.ended is not None:
            return
        if not is_closed:
            self._end(kept, kept.end)
        elif kept.terms.is_place and kept.story.state == "waits":
            self._stories.forget(kept.story)
        else:
            state: State = "cancelled" if kept.terms.is_place else "done"
            self._stories.ended(kept.story, state, self._now())

    def _end(self, kept: Kept, message: Message) -> None:
        state, why, failure = outcome(message)
        self._stories.ended(kept.story, state, self._now(), why=why, failure=failure)

    def _now(self) -> float:
        return self._node.clock.monotonic()

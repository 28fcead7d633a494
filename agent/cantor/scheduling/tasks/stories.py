"""What is remembered of the tasks that were submitted at one node, and asked for later.

It is bounded and in memory: of tasks that have ended the newest are remembered, those that have not
ended always are.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.scheduling.tasks.story import (
    ATTEMPTS_MAX,
    ENDED_OUTPUT_CHARACTERS_MAX,
    STATES,
    WHY_CHARACTERS_MAX,
    Attempt,
    Tail,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cantor.base.ids import NodeId
    from cantor.scheduling.tasks.story import Failure, State, Story

ENDED_MAX = 10_000
"""So many tasks that have ended are remembered,"""
CHARACTERS_MAX = 16 * 1024 * 1024
"""and so much of what they printed and of their tracebacks."""
APART_S = 1e-6
"""Tasks are submitted at least so long after each other, so that their times put them in order."""


@dataclass(slots=True)
class _Project:
    stories: dict[int, Story] = field(default_factory=dict)
    """In the order in which they were submitted."""
    states: dict[State, int] = field(default_factory=lambda: dict.fromkeys(STATES, 0))


class Stories:
    """``home`` is the node: tasks that were submitted here are found by it."""

    def __init__(
        self, home: NodeId, *, ended_max: int = ENDED_MAX, characters_max: int = CHARACTERS_MAX
    ) -> None:
        self.home = home
        self.revision = 0
        self.changed: Callable[[], None] | None = None
        """Called at the next changes, until it is set to None."""
        self._ended_max = ended_max
        self._characters_max = characters_max
        self._stories: dict[int, Story] = {}
        self._durable: dict[str, int] = {}
        self._projects: dict[str, _Project] = {}
        self._ended: deque[Story] = deque()
        self._characters = 0
        self._submitted = 0.0

    def add(self, story: Story, now: float) -> Story:
        """A task was submitted."""
        self._submitted = story.submitted = max(now, self._submitted + APART_S)
        number = story.number
        self._stories[number] = story
        if story.durable_id:
            self._durable[story.durable_id] = number
        project = self._projects.get(story.project)
        if project is None:
            project = self._projects[story.project] = _Project()
        project.stories[number] = story
        project.states[story.state] += 1
        self._touch(story)
        return story

    def sent(self, story: Story, number: int, node: NodeId, now: float) -> None:
        """An attempt goes to a node; one before it that has not ended is lost."""
        if (last := story.last) is not None:
            self._end_attempt(last, "lost", now)
            self._set(story, "waits")
            if len(story.past) == ATTEMPTS_MAX - 1:
                story.past = story.past[1:]
                story.attempts_left_out += 1
            story.past = (*story.past, last)
        story.last = Attempt(number, node, now)
        story.why = ""
        self._touch(story)

    def begun(self, story: Story, attempt: int, begun: float | None, worker: int) -> None:
        """A node says that a worker has begun an attempt; since when, if it is known."""
        last = story.last
        if last is None or last.number != attempt or last.end or story.state != "waits":
            return
        last.begun = last.sent if begun is None else max(last.sent, begun)
        last.worker, story.why = worker, ""
        self._set(story, "runs")
        self._touch(story)

    def waits(self, story: Story, why: str) -> None:
        """What a task that has not begun waits for."""
        if story.state == "waits" and story.why != why:
            story.why = why[:WHY_CHARACTERS_MAX]
            self._touch(story)

    def fell(self, story: Story, end: str, why: str, now: float) -> None:
        """An attempt has ended, and the task may begin anew: so ended its last attempt."""
        last = story.last
        if last is not None:
            self._end_attempt(last, end, now, why)
            self._set(story, "waits")
            self._touch(story)

    def said(self, story: Story, fraction: float, text: str) -> None:
        """A task said how far it is."""
        story.progress = min(1.0, max(0.0, fraction)), text[:WHY_CHARACTERS_MAX]
        self._touch(story)

    def wrote(self, story: Story, descriptor: int, text: str) -> None:
        """A task wrote to its standard output (1) or error (2)."""
        if story.tail is None:
            story.tail = Tail()
        story.tail.add(descriptor, text)
        self._touch(story)

    def ended(
        self,
        story: Story,
        state: State,
        now: float,
        *,
        why: str = "",
        failure: Failure | None = None,
        worker: int = 0,
        took_s: float | None = None,
    ) -> None:
        """A task has ended; its worker and how long it took, if they are known."""
        last = story.last
        if last is not None and not last.end:
            if took_s is not None:
                last.begun, last.worker = max(last.sent, now - took_s), worker
            self._end_attempt(last, state, now, why)
        story.ended, story.failure, story.why = now, failure, why[:WHY_CHARACTERS_MAX]
        self._set(story, state)
        self._ended.append(story)
        if story.tail is not None:
            story.tail.cut(ENDED_OUTPUT_CHARACTERS_MAX)
        self._characters += story.characters
        self._touch(story)
        if len(self._ended) > self._ended_max or self._characters > self._characters_max:
            self._drop()

    def forget(self, story: Story) -> None:
        """A task that has not ended was none: nobody asks for it any more."""
        self._remove(story)
        if self.changed is not None:
            self.changed()

    def find(self, task: int | str) -> Story | None:
        """The task of that number, or the durable one of that id, if it is remembered."""
        number = self._durable.get(task, 0) if isinstance(task, str) else task
        return self._stories.get(number)

    def counts(self, project: str = "") -> dict[str, int]:
        """How many tasks are in each state, of a project or of all."""
        known = [one for name, one in self._projects.items() if project in ("", name)]
        return {state: sum(one.states[state] for one in known) for state in STATES}

    def newest(self, project: str = "") -> Iterator[Story]:
        """What is remembered, of a project or of all, what was submitted last first."""
        if not project:
            return reversed(self._stories.values())
        known = self._projects.get(project)
        return iter(()) if known is None else reversed(known.stories.values())

    def _set(self, story: Story, state: State) -> None:
        if story.state != state:
            states = self._projects[story.project].states
            states[story.state] -= 1
            states[state] += 1
            story.state = state

    def _touch(self, story: Story) -> None:
        self.revision += 1
        story.revision = self.revision
        if self.changed is not None:
            self.changed()

    @staticmethod
    def _end_attempt(attempt: Attempt, end: str, now: float, why: str = "") -> None:
        if not attempt.end:
            attempt.end, attempt.ended, attempt.why = end, now, why[:WHY_CHARACTERS_MAX]

    def _drop(self) -> None:
        """Forget what ended first."""
        while len(self._ended) > self._ended_max or self._characters > self._characters_max:
            story = self._ended.popleft()
            self._characters -= story.characters
            self._remove(story)

    def _remove(self, story: Story) -> None:
        del self._stories[story.number]
        if self._durable.get(story.durable_id) == story.number:
            del self._durable[story.durable_id]
        project = self._projects[story.project]
        del project.stories[story.number]
        project.states[story.state] -= 1
        if not project.stories:
            del self._projects[story.project]
        self.revision += 1

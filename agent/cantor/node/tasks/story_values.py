"""Stories of tasks as they travel: plain values, with times of the day in seconds since 1970."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.node.tasks.stages import WAITS
from cantor.scheduling.tasks.story import task_id
from cantor.workers.units import LOOP, PROCESS, THREAD

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.scheduling.tasks.story import Attempt, Failure, Story
    from cantor.wire.frame import Value
    from cantor.workers.units import Terms

MODES = {PROCESS: "process", THREAD: "thread", LOOP: "loop"}
NOBODY = "it waits for a node that has room"
"""Of a task that no node has."""
AT_NODE = WAITS["turn"]
"""Of one that a node has, and of which it has not said more."""
STEADY_S = 1.0
"""The time of day is taken anew if it was set by more than this."""


class Telling:
    """Tells the stories of one node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._offset_s = 0.0

    def look_at_clock(self) -> None:
        """Times of the day stay what they are unless the clock was set."""
        offset_s = self._node.wall() - self._node.clock.monotonic()
        if abs(offset_s - self._offset_s) > STEADY_S:
            self._offset_s = offset_s

    def key(self, story: Story) -> tuple[float, str]:
        """By which tasks of the mesh are put in order: when it was submitted, and its id."""
        return story.submitted + self._offset_s, self.id(story)

    def id(self, story: Story) -> str:
        """Its id in the mesh."""
        return task_id(self._node.node_id, self._node.life, story.number)

    def row(self, story: Story) -> dict[str, Value]:
        """What a list says of a task."""
        terms: Terms = story.about  # type: ignore[assignment] # which it was made of here
        last, why = story.last, story.why
        if story.state == "waits" and not why:
            why = NOBODY if last is None or last.end else AT_NODE
        return {
            "life": self._node.life, "number": story.number, "name": terms.name,
            "kind": story.kind, "state": story.state, "why": why, "project": story.project,
            "node": "" if last is None else last.node,
            "attempts": story.attempts_left_out + len(story.attempts),
            "submitted": story.submitted + self._offset_s,
            "started": self._at(_begun(story)), "ended": self._at(story.ended),
            "progress": None if story.progress is None else story.progress[0],
            "needs": terms.needs, "priority": terms.priority, "durable_id": story.durable_id,
            "parent": terms.parent, "group": terms.group, "actor": terms.actor,
        }  # fmt: skip

    def story(self, story: Story) -> dict[str, Value]:
        """All that is remembered of a task."""
        terms: Terms = story.about  # type: ignore[assignment]
        tail = story.tail
        return {
            "task": self.row(story),
            "principal": terms.origin or self._node.node_id,
            "mode": MODES[terms.mode],
            "python": story.python,
            "retries": terms.retries,
            "at_most_once": terms.at_most_once,
            "deadline_s": terms.deadline_s,
            "progress_text": "" if story.progress is None else story.progress[1],
            "attempts": [self._attempt(one) for one in story.attempts],
            "attempts_left_out": story.attempts_left_out,
            "error": None if story.failure is None else _error(story.failure),
            "output": [] if tail is None else [[number, text] for number, text in tail.pieces],
            "is_output_cut": tail is not None and tail.is_cut,
        }

    def _attempt(self, attempt: Attempt) -> Value:
        return {
            "number": attempt.number,
            "node": attempt.node,
            "worker": attempt.worker,
            "sent": self._at(attempt.sent),
            "started": self._at(attempt.begun),
            "ended": self._at(attempt.ended),
            "end": attempt.end,
            "why": attempt.why,
        }

    def _at(self, steady: float | None) -> float | None:
        return None if steady is None else steady + self._offset_s


def _begun(story: Story) -> float | None:
    begun = [one.begun for one in story.attempts if one.begun is not None]
    return begun[-1] if begun else None


def _error(failure: Failure) -> Value:
    return {"type": failure.type, "text": failure.text, "traceback": failure.traceback}

"""Tasks that were submitted on this node: sent where they run, and what comes back told on."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import RemoteProtocolError
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.object_holds import ObjectHolds, refs_of
from cantor.node.tasks.outcomes import check_last, failure_of, outcome, without_work
from cantor.node.tasks.places import hosts_of, named
from cantor.node.tasks.watch import Watch
from cantor.node.tasks.wording import (
    ABORT,
    ENDED,
    FAILED,
    RUN,
    SAID,
    TAKEN,
    WROTE,
    terms_value,
)
from cantor.scheduling.actors.ordering import Ordered
from cantor.scheduling.needs import parse
from cantor.scheduling.reach import never_met
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.scheduling.tasks.dispatch import Dispatch
from cantor.scheduling.tasks.records import (
    Abort,
    Cancelled,
    Commit,
    Died,
    Dropped,
    Ended,
    GiveUp,
    Job,
    Refused,
    Run,
    Submitted,
)
from cantor.scheduling.tasks.story import Story
from cantor.workers.errors import WorkerDiedError
from cantor.workers.failures import pack_failure
from cantor.workers.units import End

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.base.errors import CantorError
    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.tasks.codes import Codes
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.needs import Needs
    from cantor.scheduling.tasks.records import Effect, Event
    from cantor.scheduling.tasks.stories import Stories
    from cantor.workers.units import Passed, Terms

AGAIN = (End.DIED.value, End.PREEMPTED.value)
"""Ends of attempts after which a task may begin anew."""


class Caller(Protocol):
    """Who submitted; hears what becomes of it."""

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        """Something of a unit, as ``wording`` says; the last of each is its end."""


@dataclass(slots=True, eq=False)
class Submit:
    """One task of a caller, under the caller's number."""

    number: int
    caller: Caller
    unit: int
    code: Passed
    terms: Terms
    parts: Parts
    story: Story
    attempt: int = 0
    told: Ordered[tuple[Message, Parts]] = field(default_factory=Ordered)
    """What its current attempt tells, in the order in which it did."""
    last: tuple[Message, Parts] = ([], ())
    work: tuple[int, float | None] = (0, None)
    """The process that its result comes from, and the seconds that it took, if that is known."""


class Submits:
    """On the event loop only."""

    def __init__(
        self, node: Node, lines: Lines, codes: Codes, numbers: Iterator[int], stories: Stories
    ) -> None:
        """``numbers`` are those of tasks and actors of this life; ``stories`` remembers them."""
        self._node = node
        self._lines = lines
        self._codes = codes
        self._numbers = numbers
        self._stories = stories
        self._objects = ObjectHolds(node)
        self._core = Dispatch()
        self._tasks: dict[int, Submit] = {}
        self._watch = Watch(node, hosts_of, self._handle, lambda: not self._tasks)

    def close(self) -> None:
        """End everything."""
        for task in list(self._tasks.values()):
            self.cancel(task.number)
        self._watch.close()

    def rows(self) -> list[tuple[Submit, NodeId | None]]:
        """What was submitted here and has not ended, with the node that has it."""
        return [(task, self._core.where(number)[0]) for number, task in self._tasks.items()]

    def hosts(self) -> set[NodeId]:
        """The nodes that have tasks of which it is not known that they run."""
        return {
            node for task, node in self.rows() if node is not None and task.story.state == "waits"
        }

    def node_of(self, number: int) -> NodeId | None:
        """The node that has the task of that number, if it has not ended."""
        return self._core.where(number)[0] if number in self._tasks else None

    def find(self, number: int) -> Submit | None:
        """The task of that number, if it has not ended."""
        return self._tasks.get(number)

    def submit(
        self,
        caller: Caller,
        unit: int,
        code: Passed,
        terms: Terms,
        python: str,
        parts: Parts,
        *,
        is_nested: bool = False,
        durable_id: str = "",
        is_again: bool = False,
    ) -> int:
        """Take a task, ``is_nested`` if it is a task's, ``is_again`` if it was taken before a
        restart; its number on this node.

        Raises:
            ConfigError: its needs do not follow the grammar, or there is no such project.
        """
        needs, now = _parsed(terms.needs), self._now()
        if terms.project:
            self._node.shares.check(terms.project)
        if terms.is_nested != is_nested:
            terms = replace(terms, is_nested=is_nested)
        number, project = next(self._numbers), terms.project or DEFAULT_PROJECT
        story = Story(number, terms, project, python=python, durable_id=durable_id)
        self._stories.add(story, now)
        task = Submit(number, caller, unit, code, terms, parts, story)
        self._tasks[task.number] = task
        self._codes.use(code)
        self._watch.refresh()
        deadline = math.inf if terms.deadline_s is None else now + terms.deadline_s
        job = Job(
            task.number, needs, terms.needs, python, terms.priority, terms.retries,
            terms.at_most_once, deadline, is_nested, terms.project, is_again, _owners(terms),
        )  # fmt: skip
        if terms.objects:
            self._objects.begin(task.number, terms.objects)
        self._handle(Submitted(job))
        return task.number

    def cancel(self, number: int) -> None:
        """Nobody wants it any more."""
        self._handle(Cancelled(number))

    def credit(self, number: int, count: int) -> None:
        """The caller of a stream took so many items."""
        node, attempt = self._core.where(number)
        if node is not None:
            self._lines.tell(node, [TAKEN, self._node.life, number, attempt, count])

    def changed(self, lost: frozenset[NodeId]) -> None:
        """Facts or nodes have changed; ``lost`` can be reached no more."""
        self._watch.changed(is_urgent=bool(lost))

    def heard_told(self, node: NodeId, message: Message, parts: Parts) -> None:
        """An attempt tells something; only the current one counts, in the order that it spoke.

        Raises:
            RemoteProtocolError: that cannot be put in order, or is no last word; the attempt ends
                as one that was lost.
        """
        _, life, number, attempt, place, told = message
        task = self._tasks.get(number)
        if task is None or life != self._node.life:
            return
        if not self._core.counts(node, number, attempt):
            return
        try:
            for one in task.told.put(place, (told, parts)):
                if self._core.counts(node, number, attempt):  # what comes before may have ended it
                    self._take(node, task, *one)
        except RemoteProtocolError:
            self._handle(Dropped(node, number, attempt))
            raise

    def heard_refused(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node does not run an attempt."""
        _, life, number, attempt, why, text = message
        if life == self._node.life:
            is_busy = why == "busy"
            if self._core.counts(node, number, attempt):
                story, now = self._tasks[number].story, self._now()
                self._stories.fell(story, "refused", str(text), now)
            self._handle(Refused(node, number, attempt, "busy" if is_busy else "unfit", str(text)))

    def heard_dropped(self, node: NodeId, message: Message, _: Parts) -> None:
        """A node has ended an attempt, because it could not reach this one."""
        _, life, number, attempt = message
        if life == self._node.life:
            self._handle(Dropped(node, number, attempt))

    def _take(self, node: NodeId, task: Submit, told: Message, parts: Parts) -> None:
        if told[0] not in LAST:
            if told[0] == WROTE:
                self._stories.wrote(task.story, int(told[1]), str(told[2]))
            elif told[0] == SAID:
                self._stories.said(task.story, float(told[1]), str(told[2]))
            task.caller.told(task.unit, told, parts)
            return
        told, worker, took_s = without_work(told)
        check_last(told)
        task.work = worker, took_s
        task.last = told, parts
        is_again = told[0] == ENDED and told[1] in AGAIN
        if is_again:
            state, why, _ = outcome(told)
            self._stories.fell(task.story, state, why, self._now())
        self._handle((Died if is_again else Ended)(node, task.number, task.attempt))

    def _handle(self, event: Event) -> None:
        now = self._now()
        for effect in self._core.handle(event, now):
            self._carry_out(effect, now)
        self._watch.wake_at(self._core.due)

    def _carry_out(self, effect: Effect, now: float) -> None:
        match effect:
            case Run():
                self._run(self._tasks[effect.task], effect, now)
            case Abort(node, number, attempt):
                self._lines.tell(node, [ABORT, self._node.life, number, attempt])
                if number in self._tasks and self._core.where(number)[1]:  # it waits again
                    self._stories.fell(self._tasks[number].story, "lost", "", now)
            case Commit(number, _):
                task = self._forget(number)
                self._tell_end(task, *task.last, now)
            case GiveUp():
                task = self._forget(effect.task)
                self._give_up(task, effect, now)

    def _run(self, task: Submit, run: Run, now: float) -> None:
        task.attempt, task.told = run.attempt, Ordered()
        self._stories.sent(task.story, run.attempt, run.node, now)
        self._codes.send_ahead(run.node, task.code)
        terms = task.terms
        if terms.deadline_s is not None:
            left = terms.deadline_s - (now - task.story.submitted)
            terms = replace(terms, deadline_s=max(0.001, left))
            told = terms_value.__wrapped__(terms)  # each has its own
        else:
            told = terms_value(terms)
        attempt = (self._node.life, task.number, run.attempt)
        message = [RUN, *attempt, run.life, task.code.id, told, run.may_wait]
        self._lines.tell(run.node, message, task.parts)

    def _forget(self, number: int) -> Submit:
        task = self._tasks.pop(number)
        self._objects.end(number)
        self._codes.release(task.code)
        return task

    def _tell_end(self, task: Submit, message: Message, parts: Parts, now: float) -> None:
        state, why, failure = outcome(message)
        worker, took_s = task.work
        self._stories.ended(
            task.story, state, now, why=why, failure=failure, worker=worker, took_s=took_s
        )
        task.caller.told(task.unit, message, parts)

    def _give_up(self, task: Submit, end: GiveUp, now: float) -> None:
        """It ends without a word of the node that ran it."""
        error = self._reason(task, end)
        if error is None:
            self._tell_end(task, [ENDED, end.why, None], (), now)
            return
        packed = pack_failure(error)
        self._stories.ended(
            task.story, "lost" if end.why == "lost" else "failed", now, why=error.what,
            failure=failure_of(packed),
        )  # fmt: skip
        task.caller.told(task.unit, [FAILED, packed], ())

    def _reason(self, task: Submit, end: GiveUp) -> CantorError | None:
        """What its caller gets; None if that knows why."""
        if end.why == "never":
            return never_met(end.text, where=task.terms.name)
        if end.why == "lost":
            return WorkerDiedError(
                f"node {named(self._node, end.node)}, which ran it, was lost",
                where=task.terms.name,
                remedy="allow it more retries, if it may run again",
            )
        return None

    def _now(self) -> float:
        return self._node.clock.monotonic()


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Needs:
    return parse(text)


def _owners(terms: Terms) -> frozenset[NodeId]:
    """The nodes that keep the objects which a task has as arguments."""
    return frozenset(ref.owner for ref in refs_of(terms.objects)) if terms.objects else frozenset()

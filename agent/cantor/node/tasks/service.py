"""The tasks of a node: what its user's scripts submit, and what runs here for this node and others.

``Submits`` decides where a task runs and whose result counts, ``Running`` runs what this node was
asked to; both also where this is one and the same node.
"""

from __future__ import annotations

import asyncio
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.bundles.code import python_here
from cantor.bundles.wheels import target_here
from cantor.node.actors.callers import Calls
from cantor.node.actors.endings import answer_lost
from cantor.node.actors.keeper import Keeper
from cantor.node.settings import Work
from cantor.node.state.asks import Asks
from cantor.node.tasks.codes import Codes
from cantor.node.tasks.durable import Durable, KeptCaller
from cantor.node.tasks.intake import Intake
from cantor.node.tasks.lines import Lines
from cantor.node.tasks.nested import Nested
from cantor.node.tasks.places import FACT, hosts_of, named, targets_of
from cantor.node.tasks.running import Running
from cantor.node.tasks.secrets import TaskSecrets
from cantor.node.tasks.sessions import Sessions
from cantor.node.tasks.story_answers import StoryAnswers
from cantor.node.tasks.story_calls import StoryCalls
from cantor.node.tasks.submits import Submits
from cantor.node.tasks.wording import (
    ABORT,
    CALL,
    CALL_OFF,
    CALLED,
    CODE,
    DROPPED,
    INVOKE,
    INVOKE_OFF,
    INVOKED,
    LINE_LOST,
    NAME,
    NAMED,
    REFUSED,
    RUN,
    TAKEN,
    TOLD,
    UNNAME,
    WANTED,
)
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.scheduling.tasks.stories import Stories

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.services import Call, Node
    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.tasks.records import Host
    from cantor.wire.frame import Value

    Heard = Callable[[NodeId, Message, Parts], None]

LOAD_S = 0.5
"""Others hear of this node's load so often at most."""
LOADS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""What they hear: the largest of these that is not more."""


class Tasks:
    """The service."""

    def __init__(self, node: Node, work: Work | None = None) -> None:
        self._node = node
        self._work = work or Work()
        self._lines = Lines(node, self._heard, self._gave_up)
        codes, numbers = Codes(self._lines), count(1)
        self._codes = codes
        stories = Stories(node.node_id)
        self._submits = Submits(node, self._lines, codes, numbers, stories)
        self._keeper = Keeper(node, self._lines, codes, numbers, stories)
        naming = self._keeper.naming
        self._calls = Calls(node, self._lines, numbers, naming.find)
        intake = Intake(self._submits, self._calls, self._keeper, Asks(node, numbers))
        self._nested = Nested(node.node_id, intake)
        self._running = Running(node, self._work, self._lines, self._own, self._nested)
        self._secrets = TaskSecrets(node, self._submits, self._running)
        self._nested.secret = self._secrets.value
        self._answers = StoryAnswers(node, stories, self._submits, self._running, intake.cancel)
        self._asked = StoryCalls(node, self._answers)
        self._durable = Durable(node, self._submits)
        home = f"{node.node_id}/{node.life}"
        self._sessions = Sessions(node.folder, home, intake, self._durable)
        self._operations: dict[int, Heard] = {
            RUN: self._running.run,
            ABORT: self._running.abort,
            TAKEN: self._running.taken,
            CODE: self._running.learn,
            TOLD: self._of_life(self._submits.heard_told, self._keeper.heard_told),
            REFUSED: self._of_life(self._submits.heard_refused, self._keeper.heard_refused),
            DROPPED: self._of_life(self._submits.heard_dropped, self._keeper.heard_dropped),
            WANTED: codes.heard_wanted,
            CALL: self._keeper.heard_call,
            CALL_OFF: self._keeper.heard_off,
            CALLED: self._calls.heard_called,
            LINE_LOST: self._calls.heard_line_lost,
            INVOKE: self._running.lives.heard_invoke,
            INVOKE_OFF: self._running.lives.heard_off,
            INVOKED: self._keeper.heard_invoked,
            NAME: naming.heard_name,
            NAMED: naming.heard_named,
            UNNAME: naming.heard_unname,
        }
        self._alive: frozenset[NodeId] = frozenset()
        self._end: Callable[[], None] | None = None
        self._said: Value = None
        self._saying: asyncio.Task[None] | None = None
        self._here: Host | None = None

    async def start(self) -> None:
        """Take tasks."""
        self._lines.start()
        self._nested.start()
        self._secrets.start()
        self._running.start()
        self._alive = self._node.alive()
        self._end = self._node.subscribe(self._changed)
        self._saying = asyncio.ensure_future(self._say_load())
        self._durable.start()
        self._answers.start()
        await self._sessions.start()

    async def close(self) -> None:
        """End all tasks, and the workers."""
        if self._end is not None:
            self._end()
            self._end = None
        await self._sessions.close()
        await self._answers.close()
        await self._durable.close()
        self._submits.close()
        self._keeper.close()
        if self._saying is not None:
            self._saying.cancel()
            await asyncio.gather(self._saying, return_exceptions=True)
        await self._running.close()
        await self._lines.close()

    def calls(self) -> Mapping[str, Call]:
        """What programs of the same user may ask."""
        return {
            "tasks.hosts": lambda _: [host.name for host in hosts_of(self._node).hosts],
            "tasks.targets": lambda _: [*targets_of(self._node)],
            "tasks.list": self._call_list,
            **self._asked.calls(),
            **self._durable.calls(),
        }

    def figures(self) -> dict[str, float]:
        """How many tasks run here, and how many wait for a worker."""
        rows = list(self._running.rows())
        running = sum(one.unit is not None for one in rows)
        return {
            "cantor_tasks_running": float(running),
            "cantor_tasks_waiting": float(len(rows) - running),
        }

    def _heard(self, node: NodeId, message: Message, parts: Parts) -> None:
        operation = self._operations.get(message[0])
        if operation is None:
            raise RemoteProtocolError(f"message {message[0]} about tasks")
        operation(node, message, parts)

    def _gave_up(self, node: NodeId, message: Message) -> None:
        """A large message was given up: who waits for it hears that when it can be reached again.

        What this node submitted or called itself is known to be lost by then.
        """
        if message[0] in (TOLD, INVOKED):
            self._lines.tell(node, [DROPPED, *message[1:4]])
        elif message[0] == CALLED:
            self._lines.tell(node, [*message[:4], answer_lost()])

    def _of_life(self, of_task: Heard, of_actor: Heard) -> Heard:
        """Lives of actors are told of as attempts of tasks are; the number says which it is."""

        def heard(node: NodeId, message: Message, parts: Parts) -> None:
            (of_actor if self._keeper.is_kept(message[2]) else of_task)(node, message, parts)

        return heard

    def _changed(self) -> None:
        self._here = None
        alive = self._node.alive()
        lost = self._alive - alive
        self._alive = alive
        for node in lost:
            self._lines.lost(node)
            self._codes.lost(node)
            self._running.gone(node)
        self._submits.changed(lost)
        self._calls.changed(lost)
        self._keeper.changed(lost)

    def _own(self) -> Host | None:
        if self._here is None:
            me = self._node.node_id
            self._here = next((one for one in hosts_of(self._node).hosts if one.id == me), None)
        return self._here

    async def _say_load(self) -> None:
        """Say what this node runs tasks with, and how busy it is."""
        target = target_here().key
        while self._work.workers:
            told: Value = {
                "life": self._node.life,
                "workers": self._work.workers,
                "python": python_here(),
                **self._for_whom(),
                "actors": True,
                "target": target,
                "load": max(load for load in LOADS if load <= self._running.load),
            }
            if told != self._said:
                self._node.publish(FACT, told)
                self._said = told
            if self._work.code_run != "none" and not self._node.sandboxes.is_tried:
                await self._node.sandboxes.tried()
                continue
            await asyncio.sleep(LOAD_S)

    def _for_whom(self) -> dict[str, Value]:
        """Who may run tasks here: of others nobody, as long as they could not be closed in."""
        sandboxes, code_run = self._node.sandboxes, self._work.code_run
        if code_run == "none" or not sandboxes.is_tried:
            return {"code_run": "none"}
        why = sandboxes.why_not_others()
        if why:
            return {"code_run": "none", "why": why}
        return {"code_run": code_run, "sandbox": sandboxes.rules.others}

    def _call_list(self, _args: dict[str, Value]) -> Value:
        now, me = self._node.clock.monotonic(), self._node.node_id
        submitted: list[Value] = [
            {
                "task": task.number,
                "name": task.terms.name,
                "needs": task.terms.needs,
                "project": task.terms.project or DEFAULT_PROJECT,
                "state": "waits" if node is None else "runs",
                "node": "" if node is None else named(self._node, node),
                "attempt": task.attempt,
                "age_s": round(now - task.story.submitted, 3),
                "id": task.caller.kept.id if isinstance(task.caller, KeptCaller) else "",
            }
            for task, node in self._submits.rows()
        ]
        foreign: list[Value] = [
            {
                "task": one.key.task,
                "name": one.terms.name,
                "needs": one.terms.needs,
                "project": one.terms.project or DEFAULT_PROJECT,
                "state": "waits" if one.unit is None else "runs",
                "from": named(self._node, one.key.node),
                "attempt": one.key.attempt,
            }
            for one in self._running.rows()
            if one.key.node != me
        ]
        return {"submitted": submitted, "for_others": foreign}

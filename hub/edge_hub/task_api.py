"""The tasks of a project: listed, told one by one, and cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.scheduling.tasks.finding import EVERYWHERE, place_of
from cantor.scheduling.tasks.story import STATES, read_task_id
from edge_hub.cursors import decode_cursor, encode_cursor
from edge_hub.events import Happening, record
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import moment, rfc3339
from edge_hub.task_schemas import (
    Task,
    TaskAttempt,
    TaskError,
    TaskList,
    TaskOutput,
    TaskStory,
)
from edge_hub.task_window import place, task

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.clock import Clock
    from cantor.wire.frame import Value
    from edge_hub.database import Database
    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.task_control import TaskControl

Row = dict[str, Any]
TEXT_CHARS_MAX = 200
_STDERR = 2


class TaskApi:
    """Without ``control`` the hub's node has no tasks: 503."""

    def __init__(
        self, control: TaskControl | None, database: Database, fleet: Fleet, clock: Clock
    ) -> None:
        self._given = control
        self._database = database
        self._fleet = fleet
        self._clock = clock
        self.changed: Callable[[], None] = lambda: None

    def routes(self) -> list[Route]:
        """Every operation on tasks; all may answer 503."""
        one, unheard = "/tasks/{task_id}", (502, 503)
        query = ("state", "node", "function", "text", "parent", "limit", "cursor")
        return [
            Route("GET", "/tasks", "List tasks, newest first", self.list_tasks, reply=TaskList,
                  query=query, errors=(404, *unheard)),
            Route("GET", one, "The story of a task", self.get_task, reply=TaskStory,
                  errors=unheard),
            Route("POST", one + "/cancel", "End a task, also where it runs", self.cancel_task,
                  reply=Task, errors=(409, *unheard)),
        ]  # fmt: skip

    async def list_tasks(self, call: Call) -> Reply:
        scope, query = call.signed_in.scope, call.request.query
        known = await self._names(scope)
        node = query.get("node", "")
        if node and node not in known:
            raise ProblemError(404, "no-such-node", f"this project has no node {node[:40]!r}")
        before = decode_cursor(query.get("cursor"), tuple[float, str])
        asked: dict[str, Value] = {
            "at": EVERYWHERE, "project": scope.project, "node": node, "limit": call.limit,
            "states": _states(query.get("state", "")), "before": list(before) if before else None,
            **{name: _text(name, query.get(name, "")) for name in ("function", "text", "parent")},
        }  # fmt: skip
        told = await self._of(scope).ask("page", **asked)
        following = place_of(told["rows"][-1]) if told["more"] and told["rows"] else None
        missing = [place(one["node"], known) for one in told["missing"]]
        items = [task(row, known) for row in told["rows"]]
        return Reply(TaskList(items, encode_cursor(following), told["counts"], missing))

    async def get_task(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        story = await self._story(call)
        return Reply(_story(story, await self._names(scope)))

    async def cancel_task(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        name = (await self._story(call))["task"]["id"]
        told = await self._ask(scope, "cancel", name)
        if not told["was_open"]:
            raise ProblemError(409, "task-ended", "it has ended already")
        happening = Happening(
            "task.cancelled", name,
            {"name": told["name"], "task": name, "by": call.signed_in.user},
        )  # fmt: skip
        async with self._database.write() as connection:
            await record(connection, scope, happening, now=self._clock.wall())
        self.changed()
        return Reply(task(told["row"], await self._names(scope)))

    async def _story(self, call: Call) -> Row:
        """That of the task that a call is about, which this project has."""
        scope, name = call.signed_in.scope, call.request.match_info["task_id"]
        if read_task_id(name) is None:
            self._of(scope)
            raise _no_such(name)
        story = await self._ask(scope, "story", name)
        if story["task"]["project"] != scope.project:
            raise _no_such(name)
        return story

    async def _ask(self, scope: Scope, call: str, name: str) -> Row:
        try:
            told: Row = await self._of(scope).ask(call, task=name)
        except ConfigError as error:
            raise _no_such(name) from error
        return told

    def _of(self, scope: Scope) -> TaskControl:
        """What knows the tasks of a tenant."""
        if self._given is None:
            raise ProblemError(503, "no-tasks", "the node of this hub has no tasks")
        if scope.tenant != self._given.tenant:
            raise ProblemError(404, "other-tenant", "the hub's node sees tasks of its own tenant")
        return self._given

    async def _names(self, scope: Scope) -> dict[str, str]:
        known = await self._fleet.all(scope)
        return {node.id: node.name for node, _ in known.values()}


def _no_such(name: str) -> ProblemError:
    return ProblemError(404, "no-such-task", f"this project has no task {name[:80]!r}")


def _states(text: str) -> list[Value]:
    states = [state for state in text.split(",") if state]
    if any(state not in STATES for state in states):
        detail = f"state is one or more of {', '.join(STATES)}, with commas between"
        raise ProblemError(400, "bad-state", detail)
    return list(states)


def _text(name: str, text: str) -> str:
    if len(text) > TEXT_CHARS_MAX:
        raise ProblemError(400, "bad-text", f"{name} has at most {TEXT_CHARS_MAX} characters")
    return text


def _story(story: Row, names: Mapping[str, str]) -> TaskStory:
    error = story["error"]
    return TaskStory(
        task=task(story["task"], names),
        principal=place(story["principal"], names),
        mode=story["mode"],
        python=story["python"],
        retries=story["retries"],
        at_most_once=story["at_most_once"],
        deadline_s=story["deadline_s"],
        progress_text=story["progress_text"],
        attempts=[_attempt(one, names) for one in story["attempts"]],
        attempts_left_out=story["attempts_left_out"],
        error=None if error is None else TaskError(**error),
        output=[
            TaskOutput("stderr" if stream == _STDERR else "stdout", text)
            for stream, text in story["output"]
        ],
        is_output_cut=story["is_output_cut"],
    )


def _attempt(one: Row, names: Mapping[str, str]) -> TaskAttempt:
    return TaskAttempt(
        number=one["number"],
        node=place(one["node"], names),
        worker=one["worker"],
        sent_at=rfc3339(one["sent"]),
        started_at=moment(one["started"]),
        ended_at=moment(one["ended"]),
        end=one["end"],
        why=one["why"],
    )

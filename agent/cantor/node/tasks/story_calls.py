"""What the command line and the hub ask about tasks, of this node or of all nodes of the tenant."""

from __future__ import annotations

import asyncio
from heapq import merge
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, ConfigError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.tasks.story_answers import CHANGES, END, PAGE, STORY, WAIT_S_MAX
from cantor.node.tasks.story_reading import (
    changes_from,
    counts_from,
    row_from,
    rows_from,
    story_from,
)
from cantor.node.tenants import alive_of_tenant
from cantor.node.view import find_node
from cantor.scheduling.tasks.finding import EVERYWHERE, PAGE_MAX, place_of
from cantor.scheduling.tasks.story import STATES, read_task_id
from cantor.stores.task_records import is_task_id

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.services import Call, Node
    from cantor.node.tasks.story_answers import StoryAnswers
    from cantor.wire.frame import Value

    Args = dict[str, Value]
    Row = dict[str, Any]

ASK_TIMEOUT_S = 3.0
"""A node says within this what it remembers."""
ASKED_MAX = 64
"""So many nodes are asked at once."""
_FILTERS = ("project", "states", "function", "text", "parent", "before")


class StoryCalls:
    """The calls of one node."""

    def __init__(self, node: Node, answers: StoryAnswers) -> None:
        self._node = node
        self._answers = answers
        self._line = asyncio.Semaphore(ASKED_MAX)

    def calls(self) -> Mapping[str, Call]:
        """Each call with its name."""
        return {
            "tasks.page": self._page,
            "tasks.story": self._story,
            "tasks.changes": self._changes,
            "tasks.cancel": self._cancel,
            "tasks.logs": self._logs,
        }

    async def _page(self, args: Args) -> Value:
        """A page of the tasks that ``at`` has: a node, this one if blank, or ``*`` for all.

        ``states``, ``project``, ``node`` (submitted at that one or sent to it), ``function``,
        ``text`` and ``parent`` choose among them; ``before`` is where the page before has ended.
        """
        _check_states(args.get("states"))
        limit = args.get("limit")
        count = limit if isinstance(limit, int) and 0 < limit <= PAGE_MAX else PAGE_MAX
        asked: Args = {name: args[name] for name in _FILTERS if name in args}
        asked["limit"] = count
        if node := str(args.get("node") or ""):
            asked["node"] = find_node(self._node.nodes(), node).id
        homes = self._homes(str(args.get("at") or ""))
        told = await asyncio.gather(*(self._page_of(home, asked) for home in homes))
        return self._merged(dict(zip(homes, told, strict=True)), count)

    async def _story(self, args: Args) -> Value:
        """The story of one task: ``task`` is its number here, its id, or that of a durable one."""
        story = await self._told_story(args)
        names = self._names()
        story["task"] = _named(story["task"], names)
        story["principal_name"] = names.get(story["principal"], "")
        for attempt in story["attempts"]:
            attempt["node_name"] = names.get(attempt["node"], "")
        return story

    async def _changes(self, args: Args) -> Value:
        """What has changed at the node ``at`` since ``since``, a revision of its life ``life``.

        Of the ``window`` tasks that were submitted there last; waits ``wait_s`` seconds for it.
        """
        home = NodeId(str(args.get("at") or self._node.node_id))
        wait_s = args.get("wait_s")
        for_s = min(float(wait_s), WAIT_S_MAX) if isinstance(wait_s, int | float) else 0.0
        names = ("since", "life", "project", "window")
        asked = {name: args[name] for name in names if name in args}
        told = await self._ask(home, CHANGES, {**asked, "wait_s": for_s}, for_s + ASK_TIMEOUT_S)
        return changes_from(home, told)

    async def _cancel(self, args: Args) -> Value:
        """End a task, wherever it was submitted; whether it had not ended before."""
        home, which = self._which(args)
        told = await self._ask(home, END, which)
        if told.get("row") is None:
            raise _unknown(args)
        row = _named(row_from(home, told["row"]), self._names())
        return {"task": row["id"], "name": row["name"], "was_open": told.get("was_open") is True,
                "row": row}  # fmt: skip

    async def _logs(self, args: Args) -> Value:
        """What a task has printed, the end of it."""
        story = await self._told_story(args)
        output = "".join(text for _, text in story["output"])
        return {"task": story["task"]["id"], "name": story["task"]["name"], "output": output}

    async def _told_story(self, args: Args) -> Row:
        home, which = self._which(args)
        told = await self._ask(home, STORY, which)
        if told.get("story") is None:
            raise _unknown(args)
        return story_from(home, told["story"])

    async def _page_of(self, home: NodeId, asked: Args) -> Row:
        """What a node answers; ``missing`` says why it does not."""
        try:
            told = await self._ask(home, PAGE, asked)
            return {
                "rows": rows_from(home, told.get("rows")),
                "more": told.get("more") is True,
                "counts": counts_from(told.get("counts")),
            }
        except CantorError as error:
            return {"missing": error.what}

    def _merged(self, told: Mapping[NodeId, Row], limit: int) -> Value:
        """The pages of nodes as one: what was submitted last is first."""
        names = self._names()
        rows = list(
            merge(*(one.get("rows", ()) for one in told.values()), key=place_of, reverse=True)
        )
        counted = [one["counts"] for one in told.values() if "counts" in one]
        counts: Row = {state: sum(one[state] for one in counted) for state in STATES}
        missing: list[Value] = [
            {"node": home, "name": names.get(home, ""), "why": one["missing"]}
            for home, one in told.items()
            if "missing" in one
        ]
        return {
            "rows": [_named(row, names) for row in rows[:limit]],
            "more": len(rows) > limit or any(one.get("more") for one in told.values()),
            "counts": counts,
            "missing": missing,
        }

    async def _ask(
        self, home: NodeId, topic: str, asked: Args, timeout_s: float = ASK_TIMEOUT_S
    ) -> Row:
        if home == self._node.node_id:
            return await self._answers.by_topic[topic](asked)
        if home not in self._node.alive():
            raise UnavailableError(
                "it cannot be reached from here",
                where=self._names().get(home, home[:8]),
                remedy="see that its agent runs and its network works",
            )
        if topic == CHANGES:  # it may take its time
            return (await self._node.request(home, topic, asked, timeout_s=timeout_s)).headers
        async with self._line:
            return (await self._node.request(home, topic, asked, timeout_s=timeout_s)).headers

    def _homes(self, at: str) -> list[NodeId]:
        node = self._node
        if not at:
            return [node.node_id]
        if at != EVERYWHERE:
            return [find_node(node.nodes(), at).id]
        return sorted(alive_of_tenant(node))

    def _which(self, args: Args) -> tuple[NodeId, Args]:
        """Where a task was submitted, and which one it is there."""
        node, task = self._node, args.get("task")
        if isinstance(task, int):
            return node.node_id, {"life": node.life, "number": task}
        text = str(task or "")
        if is_task_id(text):
            return node.node_id, {"durable_id": text}
        if text.isascii() and text.isdecimal() and len(text) < 16:
            return node.node_id, {"life": node.life, "number": int(text)}
        known = read_task_id(text)
        if known is None:
            raise ConfigError(
                f"not a task: {text[:80]!r}",
                remedy="give a number or an id as cantor task list shows them",
            )
        home, life, number = known
        return find_node(node.nodes(), home).id, {"life": life, "number": number}

    def _names(self) -> dict[str, str]:
        return {view.id: view.name for view in self._node.nodes()}


def _named(row: Row, names: Mapping[str, str]) -> Row:
    """With the names of its nodes."""
    home, node = names.get(row["home"], ""), names.get(row["node"], "")
    return {**row, "home_name": home, "node_name": node}


def _check_states(states: Value) -> None:
    told = states if isinstance(states, list) else []
    odd = [str(state) for state in told if state not in STATES]
    if odd:
        raise ConfigError(
            f"no state of a task: {odd[0][:40]!r}", remedy=f"one of {', '.join(STATES)}"
        )


def _unknown(args: Args) -> ConfigError:
    return ConfigError(
        f"no task {str(args.get('task'))[:80]!r} is remembered",
        remedy="cantor task list shows those that are; cantor task kept: results of durable ones",
    )

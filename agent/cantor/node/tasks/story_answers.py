"""What this node tells of the tasks that were submitted at it, to itself and to other nodes."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.node.services import Reply
from cantor.node.tasks.stages import RUNS, STAGES_MAX, STAGES_TOPIC, WAITS, stages_from
from cantor.node.tasks.story_values import Telling
from cantor.node.tenants import check_tenant
from cantor.scheduling.tasks.finding import PAGE_MAX, Sought, changes, page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.services import Message, Node
    from cantor.node.tasks.running import Running
    from cantor.node.tasks.stages import Stage
    from cantor.node.tasks.submits import Submits
    from cantor.scheduling.tasks.stories import Stories
    from cantor.scheduling.tasks.story import Story
    from cantor.wire.frame import Value

    Args = Mapping[str, Value]
    Told = dict[str, Value]

PAGE, STORY, CHANGES, END = "tasks.page", "tasks.story", "tasks.changes", "tasks.end"
"""What is asked of a node."""
STAGES_EVERY_S = 0.5
"""Nodes that run tasks are asked so often at most how far these are, while somebody looks."""
STAGES_TIMEOUT_S = 1.0
WAIT_S_MAX = 20.0
"""Who follows changes is answered after so long if there are none."""
WAITING_MAX = 64
"""So many follow them at once."""
_TEXT_CHARACTERS_MAX = 200


class StoryAnswers:
    """On the event loop only."""

    def __init__(
        self,
        node: Node,
        stories: Stories,
        submits: Submits,
        running: Running,
        cancel: Callable[[int], None],
    ) -> None:
        """``cancel`` ends what was submitted here under a number."""
        self._node = node
        self._stories = stories
        self._submits = submits
        self._running = running
        self._cancel = cancel
        self._telling = Telling(node)
        self._asking: asyncio.Task[None] | None = None
        self._stale_at = 0.0
        self._waiting: set[asyncio.Future[None]] = set()
        self.by_topic: Mapping[str, Callable[[Args], Awaitable[Told]]] = {
            PAGE: self._page,
            STORY: self._story,
            CHANGES: self._changes,
            END: self._end,
        }

    def start(self) -> None:
        """Answer other nodes of the same tenant."""
        for topic, answer in self.by_topic.items():
            self._node.answer(topic, self._guarded(topic, answer))
        self._node.answer(STAGES_TOPIC, self._stages_asked)

    async def close(self) -> None:
        """Ask and answer nothing more."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _page(self, args: Args) -> Told:
        """Those tasks of a list that were submitted last."""
        sought, limit = _sought(args), _count(args, "limit", PAGE_MAX)
        await self._look()
        key = self._telling.key
        found, has_more = page(self._stories, sought, limit, key, _before(args.get("before")))
        return {
            "rows": [self._telling.row(story) for story in found],
            "more": has_more,
            "counts": {**self._stories.counts(sought.project)},
        }

    async def _story(self, args: Args) -> Told:
        """All that is remembered of a task; nothing if it is not."""
        await self._look()
        story = self._find(args)
        return {"story": None if story is None else self._telling.story(story)}

    async def _changes(self, args: Args) -> Told:
        """What has changed since a revision of this life, of the tasks that were submitted last.

        Waits for ``wait_s`` seconds until something has.
        """
        since = _count(args, "since") if args.get("life") == self._node.life else 0
        window, project = _count(args, "window", PAGE_MAX), _text(args, "project")
        wait_s = args.get("wait_s")
        now = self._node.clock.monotonic()
        until = now + min(wait_s if isinstance(wait_s, int | float) else 0.0, WAIT_S_MAX)
        await self._look()
        while self._stories.revision <= since and now < until:
            await self._changed_within(until - now)
            await self._look()
            now = self._node.clock.monotonic()
        return self._since(since, window, project)

    def _since(self, since: int, window: int, project: str) -> Told:
        stories = self._stories
        return {
            "life": self._node.life,
            "revision": stories.revision,
            "rows": [self._telling.row(one) for one in changes(stories, since, window, project)],
            "counts": {**stories.counts(project)},
            "window": [one.number for one in islice(stories.newest(project), window)],
        }

    async def _end(self, args: Args) -> Told:
        """End a task; whether it had not ended before."""
        story = self._find(args)
        was_open = story is not None and story.ended is None
        if story is not None and was_open:
            self._cancel(story.number)
        return {
            "was_open": was_open,
            "row": None if story is None else self._telling.row(story),
        }

    def _find(self, args: Args) -> Story | None:
        """The task of ``life`` and ``number``, or the durable one of an id."""
        if durable_id := _text(args, "durable_id"):
            return self._stories.find(durable_id)
        number = args.get("number")
        is_ours = args.get("life") == self._node.life and type(number) is int
        return self._stories.find(number) if is_ours and isinstance(number, int) else None

    async def _look(self) -> None:
        """Know how far the tasks are that nodes have, if that was not asked a moment ago."""
        self._telling.look_at_clock()
        if self._asking is None or self._asking.done():
            if self._node.clock.monotonic() < self._stale_at:
                return
            self._asking = asyncio.ensure_future(self._ask_stages())
        await asyncio.shield(self._asking)

    async def _ask_stages(self) -> None:
        me, hosts = self._node.node_id, self._submits.hosts()
        self._stale_at = self._node.clock.monotonic() + STAGES_EVERY_S
        if me in hosts:
            self._take(me, self._running.stages(me))
        others = sorted(hosts - {me})
        told = await asyncio.gather(*map(self._stages_of, others))
        for node, stages in zip(others, told, strict=True):
            self._take(node, stages)

    async def _stages_of(self, host: NodeId) -> list[Stage]:
        """How far tasks are at another node; what it does not tell stays unknown."""
        try:
            answer = await self._node.request(host, STAGES_TOPIC, timeout_s=STAGES_TIMEOUT_S)
            return stages_from(answer.headers.get("stages"))
        except CantorError:
            return []

    def _take(self, host: NodeId, stages: list[Stage]) -> None:
        now = self._node.clock.monotonic()
        for one in stages:
            task = self._submits.find(one.task) if one.life == self._node.life else None
            last = None if task is None else task.story.last
            if task is None or last is None or (last.node, last.number) != (host, one.attempt):
                continue
            if one.stage == RUNS:
                begun = None if one.for_s is None else now - one.for_s
                self._stories.begun(task.story, one.attempt, begun, one.worker)
            else:
                self._stories.waits(task.story, WAITS.get(one.stage, ""))

    async def _changed_within(self, seconds: float) -> None:
        """Return when a story has changed, or after a while if tasks may have begun meanwhile."""
        if len(self._waiting) >= WAITING_MAX:
            raise RemoteProtocolError(f"{WAITING_MAX} follow the tasks of this node already")
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(changed)
        self._stories.changed = self._wake
        pause_s = STAGES_EVERY_S if self._submits.hosts() else seconds
        try:
            await asyncio.wait([changed], timeout=min(pause_s, seconds))
        finally:
            self._waiting.discard(changed)

    def _wake(self) -> None:
        self._stories.changed = None
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_result(None)

    def _guarded(
        self, topic: str, answer: Callable[[Args], Awaitable[Told]]
    ) -> Callable[[Message], Awaitable[Reply]]:
        async def asked(message: Message) -> Reply:
            self._check(message.source, topic)
            return Reply(await answer(message.headers))

        return asked

    def _stages_asked(self, message: Message) -> Reply:
        self._check(message.source, STAGES_TOPIC)
        stages = self._running.stages(message.source)[:STAGES_MAX]
        return Reply({"stages": [one.as_value() for one in stages]})

    def _check(self, source: NodeId, topic: str) -> None:
        """Tasks are told to nodes of the same tenant, as certificates say whose they are."""
        check_tenant(self._node, self._node.tenant, topic, source)


def _sought(args: Args) -> Sought:
    states = args.get("states")
    return Sought(
        project=_text(args, "project"),
        states=frozenset(map(str, states)) if isinstance(states, list) else frozenset(),
        node=_text(args, "node"),
        function=_text(args, "function"),
        text=_text(args, "text"),
        parent=_text(args, "parent"),
    )


def _text(args: Args, name: str) -> str:
    value = args.get(name)
    return value[:_TEXT_CHARACTERS_MAX] if isinstance(value, str) else ""


def _count(args: Args, name: str, most: int | None = None) -> int:
    value = args.get(name)
    count = value if isinstance(value, int) and value > 0 else most or 0
    return count if most is None else min(count, most)


def _before(value: Value) -> tuple[float, str] | None:
    """The place of a task, from which on the page has been told."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    at, name = value
    return (float(at), str(name)) if isinstance(at, int | float) else None

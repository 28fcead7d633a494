"""What the hub asks about the tasks of its mesh, and a fake that a test moves by hand."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, Protocol

from cantor.base.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.services import Call
    from cantor.wire.frame import Value

    Row = dict[str, Any]


class TaskControl(Protocol):
    """The tasks of the tenant of the hub's own node."""

    @property
    def tenant(self) -> str:
        """Whose tasks they are."""

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (what that call gives)
        """What ``tasks.CALL`` answers: see :mod:`cantor.node.tasks.story_calls`.

        Raises:
            ConfigError: there is no such task.
            UnavailableError, RemoteProtocolError: a node does not answer, or not so.
        """

    def homes(self) -> Collection[NodeId]:
        """The nodes of that tenant which can be reached now."""


class NodeTasks:
    """The same by the calls of a node; ``calls`` are those of its service ``tasks``."""

    def __init__(
        self,
        calls: Mapping[str, Call],
        tenant: str,
        homes: Callable[[], Collection[NodeId]],
    ) -> None:
        self.tenant = tenant
        self._calls = calls
        self._homes = homes

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        answer = self._calls[f"tasks.{call}"](args)
        return await answer if inspect.isawaitable(answer) else answer

    def homes(self) -> Collection[NodeId]:
        return self._homes()


class FakeTasks:
    """Tasks that are what a test says; ``asked`` tells what was wanted of them.

    ``answers`` are those of each call: a value, or an error that is raised. ``news`` are what each
    node tells who follows it, one after the other.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.asked: list[tuple[str, Row]] = []
        self.answers: dict[str, object] = {}
        self._news: dict[str, asyncio.Queue[Row | Exception]] = {}

    def homes(self) -> Collection[NodeId]:
        return list(self._news)  # type: ignore[arg-type] # ids that a test has made

    def tell(self, home: NodeId, told: Row | Exception) -> None:
        """Let a node say this to who follows it."""
        self._news.setdefault(home, asyncio.Queue()).put_nowait(told)

    def lose(self, home: NodeId) -> None:
        """Let a node be out of reach."""
        self._news.pop(home, None)

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        self.asked.append((call, args))
        if call == "changes":
            answer: object = await self._news_of(str(args["at"])).get()
        else:
            answer = self.answers.get(call, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _news_of(self, home: str) -> asyncio.Queue[Row | Exception]:
        if home not in self._news:
            raise UnavailableError("it cannot be reached from here", where=home[:8])
        return self._news[home]

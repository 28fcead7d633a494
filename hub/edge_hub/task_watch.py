"""Follows the tasks of projects while somebody watches them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from edge_hub.task_schemas import WINDOW_MAX
from edge_hub.task_window import TaskWindow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cantor.base.ids import NodeId
    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.task_control import TaskControl
    from edge_hub.task_schemas import Task, TaskCounts

REST_S = 0.5
"""A node is asked for news so long after it told some,"""
RETRY_S = 5.0
"""and so long after it did not answer."""
WAIT_S = 15.0
"""A node that has no news answers after so long."""
LOOK_S = 5.0
"""The nodes of a project, and their names, are looked at so often."""
_log = logging.getLogger(__name__)


class TaskWatch:
    """The newest tasks of each project that is watched; ``refreshed`` is called after changes."""

    def __init__(self, control: TaskControl | None, fleet: Fleet) -> None:
        self._control = control
        self._fleet = fleet
        self._projects: dict[Scope, _Project] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.refreshed: Callable[[], None] = lambda: None

    def watch(self, scopes: Collection[Scope]) -> None:
        """These projects are watched from now on."""
        if self._control is None:
            return
        for scope in [scope for scope in self._projects if scope not in scopes]:
            self._end(self._projects.pop(scope))
        for scope in scopes:
            if scope not in self._projects and scope.tenant == self._control.tenant:
                self._projects[scope] = _Project(
                    self._control, self._fleet, scope, lambda: self.refreshed()  # noqa: PLW0108
                )  # fmt: skip

    def items(self, scope: Scope) -> dict[str | int, Task | TaskCounts]:
        """The newest tasks of a project, and how many there are, as far as is known."""
        project = self._projects.get(scope)
        return (TaskWindow({}) if project is None else project.window).items()

    async def close(self) -> None:
        """Follow nothing more."""
        while self._projects:
            self._end(self._projects.popitem()[1])
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _end(self, project: _Project) -> None:
        """Its tasks are waited for at the end, for they may read the database."""
        for task in project.tasks:
            task.cancel()
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


class _Project:
    """One that is watched."""

    def __init__(
        self, control: TaskControl, fleet: Fleet, scope: Scope, changed: Callable[[], None]
    ) -> None:
        self.window = TaskWindow({})
        self._control = control
        self._fleet = fleet
        self._scope = scope
        self._changed = changed
        self._following: dict[NodeId, asyncio.Task[None]] = {}
        self._task = asyncio.create_task(self._run())

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What follows it."""
        return [self._task, *self._following.values()]

    async def _run(self) -> None:
        """Follow the nodes that there are."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 (the watch outlives one failure, and logs it)
                _log.exception("the nodes of a project could not be looked at")
            await asyncio.sleep(LOOK_S)

    async def _look(self) -> None:
        known = await self._fleet.all(self._scope)
        self.window.name({node.id: node.name for node, _ in known.values()})
        homes = set(self._control.homes())
        for home in [home for home in self._following if home not in homes]:
            self._following.pop(home).cancel()
            self.window.miss(home)
        for home in homes - self._following.keys():
            self._following[home] = asyncio.create_task(self._follow(home))
        self._changed()

    async def _follow(self, home: NodeId) -> None:
        life, since = 0, 0
        while True:
            try:
                told = await self._control.ask(
                    "changes", at=home, life=life, since=since, window=WINDOW_MAX,
                    project=self._scope.project, wait_s=WAIT_S,
                )  # fmt: skip
            except CantorError as error:
                _log.info("a node does not tell its tasks", extra={"reason": str(error)})
                self.window.miss(home)
                self._changed()
                await asyncio.sleep(RETRY_S)
                continue
            if told["life"] != life:
                self.window.forget(home)
            is_new = told["life"] != life or told["revision"] != since
            life, since = told["life"], told["revision"]
            self.window.take(home, told["rows"], told["counts"], told["window"])
            if is_new:
                self._changed()
            await asyncio.sleep(REST_S)

"""Watches deployments: wakes the consoles, and records what people want to know later."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from edge_hub.events import Happening, record

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from edge_hub.board import Board
    from edge_hub.database import Database
    from galaxy.deployments.views import DeploymentView

_log = logging.getLogger(__name__)


class DeploymentWatch:
    """Runs from construction until ``close``; changes that come together are looked at once.

    What the mesh knows when the watch begins is not news.
    """

    def __init__(
        self,
        board: Board,
        database: Database,
        clock: Clock,
        *,
        alive: Callable[[], Collection[str]],
        changed: Callable[[], None],
    ) -> None:
        self._board = board
        self._database = database
        self._clock = clock
        self._alive = alive
        self._changed = changed
        self._wake = asyncio.Event()
        self._before = self._now()
        self._unsubscribe = board.control.subscribe(self._wake.set)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the watch."""
        self._unsubscribe()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _now(self) -> dict[str, DeploymentView]:
        return {view.id: view for view in self._board.known()}

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                await self._compare()
            except Exception:  # noqa: BLE001 (the watch outlives one failure, and logs it)
                _log.exception("a change of a deployment could not be recorded")
            self._changed()

    async def _compare(self) -> None:
        before, self._before = self._before, self._now()
        alive, name_of = self._alive(), self._board.node_name
        told: list[tuple[DeploymentView, Happening]] = []
        for view in self._before.values():
            told += [(view, one) for one in news(before.get(view.id), view, alive, name_of)]
        told += [
            (view, Happening("deployment.removed", view.id, {"name": view.name}))
            for view in before.values()
            if view.id not in self._before
        ]
        if not told:
            return
        async with self._database.write() as connection:
            for view, happening in told:
                scope = self._board.scope_of(view)
                await record(connection, scope, happening, now=self._clock.wall())


def news(
    before: DeploymentView | None,
    now: DeploymentView,
    alive: Collection[str],
    name_of: Callable[[str], str],
) -> Iterator[Happening]:
    """What is new about a deployment; ``alive`` are the nodes that answer."""
    if before is not None and now.wanted == "running":
        yield from _moves(before, now, alive, name_of)
    state = _state(now)
    if before is not None and _state(before) == state:
        return
    about = {"name": now.name}
    if state == "running":
        nodes = ", ".join(sorted({name_of(node) for node in now.nodes.values()}))
        yield Happening("deployment.started", now.id, {**about, "nodes": nodes})
    elif state == "failed":
        reason = next((group.error for group in now.groups if group.error), "no reason was given")
        yield Happening("deployment.failed", now.id, {**about, "reason": reason})
    elif state in {"finished", "stopped"}:
        yield Happening(f"deployment.{state}", now.id, about)
    elif state == "waiting":
        name, why = next(iter(now.reasons.items()))
        yield Happening("deployment.waiting", now.id, {**about, "filter": name, "reason": why})


def _state(view: DeploymentView) -> str:
    """Its state; one that no keeper has looked at yet does not wait for anything that is known."""
    return "starting" if view.state == "waiting" and not view.reasons else view.state


def _moves(
    before: DeploymentView,
    now: DeploymentView,
    alive: Collection[str],
    name_of: Callable[[str], str],
) -> Iterator[Happening]:
    """The nodes that a deployment lost, and where its filters went."""
    left: dict[NodeId, list[str]] = {}
    for name, node in before.nodes.items():
        if now.nodes.get(name) != node:
            left.setdefault(node, []).append(name)
    for node in sorted(left):
        filters = ", ".join(left[node])
        about = {"name": now.name, "filters": filters}
        if node not in alive:
            lost = {"name": now.name, "node": name_of(node), "filters": filters}
            yield Happening("deployment.node_lost", now.id, lost)
        targets = sorted({now.nodes[name] for name in left[node] if name in now.nodes})
        if targets:
            target = ", ".join(name_of(one) for one in targets)
            moved = {**about, "source": name_of(node), "target": target}
            yield Happening("deployment.moved", now.id, moved)

"""Watches the mesh: wakes the consoles, records what happened there without the hub's doing."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.mesh_view import MeshView
    from edge_hub.policy_api import PolicyApi

_log = logging.getLogger(__name__)


class MeshWatch:
    """Runs from construction until ``close``; changes that come together are looked at once."""

    def __init__(
        self,
        mesh_view: MeshView,
        fleet: Fleet,
        policy: PolicyApi,
        *,
        home: Scope,
        changed: Callable[[], None],
    ) -> None:
        self._mesh_view = mesh_view
        self._fleet = fleet
        self._policy = policy
        self._home = home
        self._changed = changed
        self._wake = asyncio.Event()
        self._states = self._now()
        self._unsubscribe = mesh_view.subscribe(self._wake.set)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """End the watch."""
        self._unsubscribe()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def _now(self) -> dict[str, str]:
        return {node.id: node.state for node in self._mesh_view.nodes().values()}

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._changed()  # what people see waits for no disk
            try:
                was_lost = await self._compare()
                if await self._policy.note() or was_lost:
                    self._changed()  # there are events now
            except Exception:  # noqa: BLE001 (the watch outlives one failure, and logs it)
                _log.exception("a change of the mesh could not be recorded")

    async def _compare(self) -> bool:
        """Record which nodes were lost; whether any was."""
        before, self._states = self._states, self._now()
        lost = [
            node_id
            for node_id, state in self._states.items()
            if state == "offline" and before.get(node_id) in {"online", "stale"}
        ]
        if not lost:
            return False
        known, live = await self._fleet.all(self._home), self._mesh_view.nodes()
        for node_id in lost:
            if node_id in known:
                await self._fleet.note_lost(self._home, known[node_id][0])
        seen = {one.id: one.seen_at_s for one in live.values() if one.seen_at_s is not None}
        await self._fleet.note_seen(
            self._home, {key: seen_s for key, seen_s in seen.items() if key in lost}
        )
        return True

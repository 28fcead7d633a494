"""The groups of one deployment that are apart on this node, each in a worker of its own: they are
closed in, or run pushed filters.

Its devices are those whose units it holds, so a worker is started when they are held, and another
for the next run.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, UnavailableError
from cantor.node.device_nodes import device_nodes
from cantor.workers.sandbox.levels import Limits
from galaxy.deployments.workers import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.scheduling.grants.records import Lease
    from cantor.wire.frame import Buffer, Value
    from cantor.workers.sandbox.levels import Level
    from galaxy.deployments.workers import WorkerListener

    Headers = dict[str, Value]


@dataclass(slots=True)
class _Closed:
    worker: WorkerProcess
    epoch: int
    has_devices: bool
    starting: asyncio.Task[None] | None = None
    routes: dict[str, list[Value]] = field(default_factory=dict)


class ClosedGroups:
    """On the event loop only. ``gone`` is called with leader and epoch when a process has ended
    that was to end: then others may have its units.
    """

    def __init__(
        self,
        node: Node,
        listener_of: Callable[[str, int], WorkerListener],
        gone: Callable[[str, int], None],
    ) -> None:
        self._node = node
        self._listener_of = listener_of
        self._gone = gone
        self._closed: dict[str, _Closed] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._closed))

    def __contains__(self, leader: object) -> bool:
        return leader in self._closed

    def holds(self, leader: str, epoch: int) -> bool:
        """Whether a run has devices as long as its process lives, whatever that says."""
        one = self._closed.get(leader)
        return one is not None and one.epoch == epoch and one.has_devices

    def begin(
        self,
        leader: str,
        epoch: int,
        level: Level,
        lease: Lease | None,
        wish: Headers,
        files: Iterable[Path] = (),
    ) -> None:
        """Start a worker for a run, at a level, with the devices of its lease; soon.

        It sees these files and folders of the box besides.
        """
        devices = device_nodes(self._node, lease)
        memory_bytes = int(lease.taken.get("Memory", 0)) if lease else 0
        limits = Limits(data_bytes=memory_bytes or None)
        sandbox = self._node.sandboxes.of(
            level, readable=tuple(files), devices=devices, limits=limits
        )
        listener = self._listener_of(leader, epoch)
        worker = WorkerProcess(listener, sandbox)
        worker.tell("run", wish)
        self.end(leader)
        one = self._closed[leader] = _Closed(worker, epoch, bool(devices))
        one.starting = asyncio.ensure_future(self._start(leader, level, one, listener))

    def route(self, leader: str, routes: dict[str, list[Value]], node_id: NodeId) -> None:
        """Tell a worker its routes, if they are others than before."""
        one = self._closed.get(leader)
        said: Headers = {"routes": cast("Value", routes), "node_id": node_id}
        if one is not None and one.routes != routes and one.worker.tell("routes", said):
            one.routes = routes

    def routes(self, leader: str) -> dict[str, list[Value]]:
        """What a worker was told last."""
        one = self._closed.get(leader)
        return one.routes if one is not None else {}

    def runs(self, leader: str, epoch: int) -> bool:
        """Whether this run of a group has a process, or will have one."""
        one = self._closed.get(leader)
        return one is not None and one.epoch == epoch

    def hand_on(self, leader: str, headers: Headers, body: tuple[Buffer, ...]) -> None:
        """Give a worker a message of an edge; one that is not there yet hears it again."""
        one = self._closed.get(leader)
        if one is not None and one.worker.pid is not None:
            one.worker.tell("edge", headers, body)

    async def ask(
        self, leader: str, what: str, args: Headers | None = None, *, timeout_s: float
    ) -> tuple[Headers, tuple[Buffer, ...]]:
        """Ask one of them.

        Raises:
            UnavailableError: it does not run, or does not answer in time.
        """
        one = self._closed.get(leader)
        if one is None or one.worker.pid is None:
            raise UnavailableError("it does not run on this node now", where=leader)
        return await one.worker.ask(what, args, timeout_s=timeout_s)

    def end(self, leader: str) -> None:
        """End the process of a group; ``gone`` is called when that has happened."""
        one = self._closed.pop(leader, None)
        if one is not None:
            task = asyncio.ensure_future(self._end(leader, one))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def ended(self, leader: str) -> None:
        """It has ended by itself."""
        self._closed.pop(leader, None)

    async def close(self) -> None:
        """End all, and wait until they have ended."""
        for leader in self:
            self.end(leader)
        await asyncio.gather(*self._ending)

    async def _start(
        self, leader: str, level: Level, one: _Closed, listener: WorkerListener
    ) -> None:
        try:
            await self._former_have_ended()
            await self._node.sandboxes.tried()
            if why := self._node.sandboxes.why_not(level):
                raise UnavailableError(f"its filters cannot run here: {why}", where=leader)
            if self._closed.get(leader) is one:
                await one.worker.start()
        except CantorError as error:
            if self._closed.get(leader) is one:
                del self._closed[leader]
                listener.state(leader, one.epoch, "failed", str(error))

    async def _former_have_ended(self) -> None:
        """A device may be open once only."""
        if self._ending:
            await asyncio.wait(set(self._ending))

    async def _end(self, leader: str, one: _Closed) -> None:
        if one.starting is not None:
            await one.starting  # not cancelled: a process that is being started must not be lost
        await one.worker.close()
        self._gone(leader, one.epoch)

"""Contents from the disks of other nodes to this one's, by the chunk, from whoever has them.

Chunks are bulk, so that they never hold up what is urgent. A few are under way at once: what is in
memory does not grow with the object. Who fetches gives on what it has so far; a node asks the
nearest of those who have a chunk, and its owner last.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.node.services import Reply
from cantor.node.tenants import check_tenant
from cantor.stores.contents import CHUNK_BYTES
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.node.services import Message, Node
    from cantor.node.state.objects.shelf import Shelf
    from cantor.stores.contents import Content

TOPIC = "objects.chunk"
BULK = 2
LANES = 8
"""Chunks under way to this node for one content."""
CHUNK_S_MIN, CHUNK_S_MAX = 5.0, 120.0
"""A chunk that takes longer is asked for again: frames may be lost when ways change. How long it
may take follows the line."""
REST_S = 0.2
GIVE_UP_S = 30.0
"""No chunk came for so long."""
NEAR, FAR, OWNER = 1.0, 4.0, 2.0
ABSENT, SOON = "absent", "soon"


@dataclass(slots=True)
class Coming:
    """A content on its way here, in a draft with holes."""

    content: Content
    owner: NodeId
    descriptor: int
    wanted: list[int]
    holders: dict[NodeId, float]
    busy: dict[NodeId, int] = field(default_factory=dict)
    have: set[int] = field(default_factory=set)
    lacks: dict[NodeId, set[int]] = field(default_factory=dict)
    liars: set[NodeId] = field(default_factory=set)
    moved_at: float = 0.0
    patience_s: float = CHUNK_S_MIN
    reason: str = ""

    @property
    def bytes_here(self) -> int:
        """How much of it is here."""
        return min(self.content.size, len(self.have) * CHUNK_BYTES)

    def choice(self, chunk: int) -> NodeId | None:
        """Whom to ask for a chunk."""
        good = [
            node
            for node in self.holders
            if node not in self.liars and chunk not in self.lacks.get(node, ())
        ]
        return min(good, key=self._price, default=None)

    def _price(self, node: NodeId) -> tuple[float, str]:
        return self.holders[node] * (1 + self.busy.get(node, 0)), node


class Fetching:
    """On the event loop; hashing and files in threads."""

    def __init__(self, node: Node, shelf: Shelf) -> None:
        self._node = node
        self._shelf = shelf
        self.coming: dict[str, Coming] = {}
        self.chunks_given = 0
        self._tasks: dict[str, asyncio.Task[None]] = {}
        node.answer(TOPIC, self._asked)

    async def close(self) -> None:
        """Fetch no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def fetch(
        self, content: Content, owner: NodeId, others: Iterable[NodeId], *, is_copy: bool
    ) -> None:
        """Have it here; it goes on if nobody waits any more.

        Raises:
            UnavailableError: nobody gives it.
            StoreError: the disk of its owner has damaged it, or this one refuses.
        """
        coming = self.coming.get(content.id)
        holders = self._costs(owner, others)
        if coming is not None:
            coming.holders |= holders
        task = self._tasks.get(content.id)
        if task is None:
            work = self._fetch(content, owner, holders, is_copy=is_copy)
            task = self._tasks[content.id] = asyncio.get_running_loop().create_task(work)
            task.add_done_callback(lambda _: self._tasks.pop(content.id, None))
            task.add_done_callback(_looked_at)
        await asyncio.shield(task)
        if not is_copy:
            await self._shelf.secure(content)

    async def _fetch(
        self, content: Content, owner: NodeId, holders: dict[NodeId, float], *, is_copy: bool
    ) -> None:
        contents = self._shelf.contents
        draft = await asyncio.to_thread(contents.draft, content.size)
        descriptor = os.open(draft, os.O_RDWR | os.O_CLOEXEC)
        wanted = list(range(content.chunks))
        if len(holders) > 1 or owner != self._node.node_id:
            Random(self._node.node_id + content.id).shuffle(wanted)  # noqa: S311 (its own order)
        coming = Coming(content, owner, descriptor, wanted, holders)
        coming.moved_at = self._node.clock.monotonic()
        self.coming[content.id] = coming
        try:
            async with asyncio.TaskGroup() as lanes:
                for _ in range(min(LANES, len(wanted))):
                    lanes.create_task(self._lane(coming))
            await self._shelf.keep(draft, content, is_copy=is_copy)
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from failed  # the first of several that say the same
        finally:
            del self.coming[content.id]
            os.close(descriptor)
            draft.unlink(missing_ok=True)

    async def _lane(self, coming: Coming) -> None:
        while coming.wanted:
            chunk = coming.wanted.pop()
            while not await self._got(coming, chunk):
                pass

    async def _got(self, coming: Coming, chunk: int) -> bool:
        """Try to get a chunk from somebody."""
        node = coming.choice(chunk)
        if node is None:
            await self._rest(coming)
            return False
        coming.busy[node] = coming.busy.get(node, 0) + 1
        now = self._node.clock.monotonic
        began, patience_s = now(), coming.patience_s
        try:
            reply = await self._node.request(
                node, TOPIC, {"c": coming.content.id, "n": chunk},
                timeout_s=patience_s, priority=BULK,
            )  # fmt: skip
        except (UnavailableError, RemoteProtocolError) as error:
            if now() - began >= patience_s:
                coming.patience_s = min(CHUNK_S_MAX, max(coming.patience_s, 2 * patience_s))
            coming.reason = str(error)
            coming.lacks.setdefault(node, set()).add(chunk)
            return False
        finally:
            coming.busy[node] -= 1
        coming.patience_s = min(CHUNK_S_MAX, max(coming.patience_s, 4 * (now() - began)))
        if len(reply.body) != 1 or ABSENT in reply.headers:
            told = reply.headers.get("error")
            coming.reason = str(told) if told else "it has it no more"
            if SOON in reply.headers:
                coming.lacks.setdefault(node, set()).add(chunk)
            else:
                coming.holders.pop(node, None)
            return False
        return await self._take(coming, node, chunk, reply.body[0])

    async def _take(self, coming: Coming, node: NodeId, chunk: int, data: object) -> bool:
        if not await asyncio.to_thread(self._written, coming, chunk, data):
            coming.liars.add(node)
            if node == coming.owner:
                raise StoreError(
                    f"chunk {chunk} of an object is damaged on the disk of its owner",
                    where=f"node {short_name(node)}",
                    remedy="put the object again, and look after the disk",
                )
            return False
        coming.have.add(chunk)
        coming.moved_at = self._node.clock.monotonic()
        return True

    def _written(self, coming: Coming, chunk: int, data: object) -> bool:
        view = memoryview(data)  # type: ignore[arg-type] # a buffer of the frame
        if view.nbytes != coming.content.bytes_of(chunk) or not coming.content.has(chunk, view):
            return False
        self._shelf.contents.write(coming.descriptor, view, chunk * CHUNK_BYTES)
        return True

    async def _rest(self, coming: Coming) -> None:
        """Nobody has a chunk now; somebody may have it soon."""
        givers = (set(coming.holders) - coming.liars) & self._node.alive()
        waited_s = self._node.clock.monotonic() - coming.moved_at
        if not givers or waited_s >= max(GIVE_UP_S, 2 * coming.patience_s):
            raise UnavailableError(
                f"nobody gives {len(coming.wanted) + 1} chunks of an object: {coming.reason}",
                where=f"node {short_name(coming.owner)}", remedy="try again when it is back",
            )  # fmt: skip
        await asyncio.sleep(REST_S)
        coming.lacks.clear()

    async def _asked(self, message: Message) -> Reply:
        """Give a chunk to a node of the same tenant."""
        check_tenant(self._node, self._node.tenant, "an object of this node", message.source)
        content_id, chunk = message.headers.get("c"), message.headers.get("n")
        if type(content_id) is not str or type(chunk) is not int or len(content_id) != 64:
            raise RemoteProtocolError("a question about no chunk")
        if set(content_id) - set("0123456789abcdef") or chunk < 0:
            raise RemoteProtocolError("a question about no chunk")
        coming = self.coming.get(content_id)
        if coming is not None and chunk not in coming.have:
            return Reply({ABSENT: True, SOON: True})
        try:
            data = await asyncio.to_thread(self._read, content_id, chunk, coming)
        except CantorError as error:
            return Reply({ABSENT: True, "error": str(error)})
        if not data:
            return Reply({ABSENT: True})
        self.chunks_given += 1
        self._shelf.used(content_id)
        return Reply({}, (data,))

    def _read(self, content_id: str, chunk: int, coming: Coming | None) -> bytes:
        contents = self._shelf.contents
        if coming is not None:
            return contents.read(coming.descriptor, CHUNK_BYTES, chunk * CHUNK_BYTES)
        try:
            descriptor = os.open(contents.path(content_id), os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return b""
        try:
            return contents.read(descriptor, CHUNK_BYTES, chunk * CHUNK_BYTES)
        finally:
            os.close(descriptor)

    def _costs(self, owner: NodeId, others: Iterable[NodeId]) -> dict[NodeId, float]:
        """What it costs to ask each; the owner has enough to do if another has it."""
        sites = {view.id: view.labels.get("site", "") for view in self._node.nodes()}
        mine, alive = self._node.labels.get("site", ""), self._node.alive()
        them = {node for node in others if node in alive} - {self._node.node_id, owner}
        costs = {node: NEAR if sites.get(node, "") == mine else FAR for node in them}
        if owner in alive and owner != self._node.node_id:
            near = NEAR if sites.get(owner, "") == mine else FAR
            costs[owner] = near * (OWNER if costs else 1.0)
        return costs


def _looked_at(task: asyncio.Task[None]) -> None:
    """Nobody may wait for it any more when it fails."""
    if not task.cancelled():
        task.exception()

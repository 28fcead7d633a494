"""Chunks of blobs between this node and others: the rules of ``fetching`` with messages and files.

Chunks are bulk, so that they never hold up what is urgent. They are read and written on the event
loop: 256 KiB from or to the system's cache.
"""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, UnavailableError, reason_of
from cantor.bundles.fetching.fetch import Done, Failed, Fetch, Keep, Say
from cantor.bundles.fetching.giving import Give, Giving, Tell
from cantor.bundles.fetching.manifest import CHUNK_BYTES
from cantor.bundles.fetching.messages import Absent, Chunk
from cantor.node.bundles.wording import answer_from, answer_headers, ask_from, ask_headers

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.bundles.fetching.fetch import Effect
    from cantor.bundles.fetching.manifest import Part
    from cantor.node.services import Message, Node

ASK_TOPIC, ANSWER_TOPIC = "bundles.ask", "bundles.answer"
BULK = 2
CHUNK_TIMEOUT_S = 60.0
OWED_MAX = 64
"""Chunks that one node waits for here; who asks for more is told that they are not here."""
TO_ONE_MAX, TO_ALL_MAX = 8, 128
"""Chunks in memory on their way, 256 KiB each: to one node and to all. Others wait on the disk."""
TICK_S = 1.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Coming:
    """A part on its way here, in a file with holes."""

    part: Part
    fetch: Fetch
    descriptor: int
    done: asyncio.Future[None]


@dataclass(slots=True)
class _Asker:
    """A node that chunks are on their way to."""

    owed: set[Give] = field(default_factory=set)
    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(TO_ONE_MAX))


class Exchange:
    """What this node gives and gets; on the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._giving = Giving(node.node_id)
        self._files: dict[str, Path] = {}
        self._coming: dict[str, _Coming] = {}
        self._askers: dict[NodeId, _Asker] = {}
        self._places = asyncio.Semaphore(TO_ALL_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self.chunks_given = 0

    def start(self) -> None:
        """Answer who asks."""
        self._node.on_message(ASK_TOPIC, self._asked)
        self._node.on_message(ANSWER_TOPIC, self._answered)
        self._run(self._tick())

    async def close(self) -> None:
        """Stop giving and getting; who waits for a part hears that it does not come."""
        for coming in self._coming.values():
            coming.done.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def offer(self, part: Part, file: Path) -> None:
        """Give the blob in ``file`` to who asks."""
        self._files[part.id] = file
        self._giving.offer(part)

    async def fetch(self, part: Part, file: Path, holders: Mapping[NodeId, float]) -> None:
        """Write a part into ``file``; ``holders`` have it, at these costs.

        Raises:
            UnavailableError: nobody gives it, or the disk does not take it.
        """
        now = self._node.clock.monotonic()
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise disk_refuses(error, file) from error
        future = asyncio.get_running_loop().create_future()
        coming = _Coming(part, Fetch(self._node.node_id, part, now), descriptor, future)
        self._coming[part.id], self._files[part.id] = coming, file
        self._giving.expect(part)
        try:
            self._follow(coming, coming.fetch.start(holders, now))
            await coming.done
        finally:
            del self._coming[part.id]
            os.close(descriptor)

    def withdraw(self, blob: str) -> None:
        """Give it no more: it will not be here, or is not here any more."""
        self._files.pop(blob, None)
        for tell in self._giving.withdraw(blob):
            self._tell(tell)

    def found(self, blob: str, holders: Mapping[NodeId, float]) -> None:
        """More nodes have a blob that may be on its way here."""
        coming = self._coming.get(blob)
        if coming is not None:
            now = self._node.clock.monotonic()
            self._follow(coming, coming.fetch.start(holders, now))

    def gone(self, node: NodeId) -> None:
        """A node cannot be reached."""
        self._giving.gone(node)
        for coming in list(self._coming.values()):
            self._follow(coming, coming.fetch.gone(node, self._node.clock.monotonic()))

    def _follow(self, coming: _Coming, effects: list[Effect]) -> None:
        for effect in effects:
            if coming.done.done():
                return
            match effect:
                case Say(to, ask):
                    if not self._node.send(to, ASK_TOPIC, ask_headers(ask)):
                        loop = asyncio.get_running_loop()
                        loop.call_soon(self._unreachable, coming, to)
                case Keep(chunk, data):
                    self._keep(coming, chunk, memoryview(data))
                case Done():
                    coming.done.set_result(None)
                case Failed(reason):
                    error = UnavailableError(
                        reason, remedy="start a node that has the bundle, or submit it again"
                    )
                    coming.done.set_exception(error)

    def _unreachable(self, coming: _Coming, node: NodeId) -> None:
        self._follow(coming, coming.fetch.gone(node, self._node.clock.monotonic()))

    def _keep(self, coming: _Coming, chunk: int, data: memoryview) -> None:
        try:
            _write(coming.descriptor, data, chunk * CHUNK_BYTES)
        except OSError as error:
            coming.done.set_exception(disk_refuses(error, self._files[coming.part.id]))
            return
        for give in self._giving.arrived(coming.part.id, chunk):
            self._owe(give)

    def _asked(self, message: Message) -> None:
        match self._giving.asked(message.source, ask_from(message)):
            case Give() as give:
                self._owe(give)
            case Tell() as tell:
                self._tell(tell)

    def _tell(self, tell: Tell) -> None:
        self._node.send(tell.to, ANSWER_TOPIC, answer_headers(tell.message))

    def _owe(self, give: Give) -> None:
        """Give it when it is its turn; once, however often it is asked for meanwhile."""
        asker = self._askers.setdefault(give.to, _Asker())
        if give in asker.owed:
            return
        if len(asker.owed) >= OWED_MAX:
            self._tell(Tell(give.to, Absent(give.blob, give.chunk)))
            return
        asker.owed.add(give)
        self._run(self._give_in_turn(asker, give))

    async def _give_in_turn(self, asker: _Asker, give: Give) -> None:
        try:
            async with asker.places, self._places:
                await self._give(give)
        finally:
            asker.owed.discard(give)
            if not asker.owed:
                del self._askers[give.to]

    async def _give(self, give: Give) -> None:
        try:
            data = read_chunk(self._files[give.blob], give.chunk)
        except (OSError, KeyError):  # the cache has made room
            self.withdraw(give.blob)
            self._tell(Tell(give.to, Absent(give.blob, give.chunk)))
            return
        self.chunks_given += 1
        headers = answer_headers(Chunk(give.blob, give.chunk, data))
        try:
            await self._node.send_reliable(
                give.to, ANSWER_TOPIC, headers, (data,), priority=BULK, timeout_s=CHUNK_TIMEOUT_S
            )
        except CantorError as error:  # who wants it asks again
            _log.info("a chunk was not taken", extra={"node": give.to, "reason": str(error)})

    def _answered(self, message: Message) -> None:
        answer = answer_from(message)
        coming = self._coming.get(answer.blob)
        if coming is not None:
            now = self._node.clock.monotonic()
            self._follow(coming, coming.fetch.heard(message.source, answer, now))

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for coming in list(self._coming.values()):
                self._follow(coming, coming.fetch.tick(self._node.clock.monotonic()))

    def _run(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def read_chunk(file: Path, chunk: int) -> bytes:
    """The bytes of a chunk in the file of its blob."""
    with file.open("rb") as opened:
        opened.seek(chunk * CHUNK_BYTES)
        return opened.read(CHUNK_BYTES)


def _write(descriptor: int, data: memoryview, at: int) -> None:
    """Write all of it: a disk that becomes full takes a part first, and refuses then."""
    while data:
        written = os.pwrite(descriptor, data, at)
        data, at = data[written:], at + written


def disk_refuses(error: OSError, file: Path) -> UnavailableError:
    """What to say when a file of the cache cannot be written."""
    return UnavailableError(
        f"a bundle cannot be kept: {reason_of(error)}",
        where=str(file.parent),
        remedy="make room on the disk",
    )

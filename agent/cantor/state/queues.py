"""``cantor.queue``: message queues that a node keeps, for programs on any node of its tenant.

    with cantor.connect():
        jobs = cantor.queue("jobs", "berlin-1")
        jobs.create()
        jobs.put({"photo": 7})
        for message in jobs:  # waits for the next one; acknowledges it when the block has ended
            print(message.value)

``cantor.aio.queue`` is the same for ``await`` and ``async for``.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.state.asking import ask
from cantor.state.messages import AsyncMessage, Message
from cantor.state.queue_asks import WAIT_S, Done, QueueAsks, Stats, all_stats
from cantor.stores.queue_records import QueueTerms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from cantor.tasks.future import Future

_DEFAULT = QueueTerms()


class Queue(QueueAsks[Message]):
    """A queue, for code that waits."""

    _message = Message

    def create(
        self,
        *,
        durable: bool = _DEFAULT.durable,
        messages_max: int = _DEFAULT.messages_max,
        bytes_max: int = _DEFAULT.bytes_max,
        visible_s: float = _DEFAULT.visible_s,
        tries_max: int = _DEFAULT.tries_max,
        dead_letters: str = _DEFAULT.dead_letters,
    ) -> bool:
        """Make it, if it is not there; whether it was made. The queue of its ``dead_letters`` is
        made, too, if it is not there. See :class:`cantor.stores.queue_records.QueueTerms`.

        Raises:
            ConflictError: it is there with other terms.
            ConfigError: a queue cannot be so.
            StoreError: the disk does not take it.
            UnavailableError: the node cannot be reached.
        """
        return self._create(
            QueueTerms(durable, messages_max, bytes_max, float(visible_s), tries_max, dead_letters)
        ).result()

    def delete(self) -> bool:
        """Delete it with all its messages; whether it was there. Raises as :meth:`create`."""
        return self._delete().result()

    def put(self, value: object, *, delay_s: float = 0.0, wait_s: float = 0.0) -> str:
        """Put a message; its id. When this returns, a durable queue has it on the disk of its node.

        It can be taken after ``delay_s``. If the queue is full, wait ``wait_s`` for room.

        Raises:
            StoreError: the queue is full, or the disk does not take it.
            NotFoundError: there is no such queue.
            NotSerialisable: the value cannot travel, or takes more than 1 MiB.
            UnavailableError: the node cannot be reached; the error says whether it may be done.
        """
        return self._put_parcel([self._packed(value)], delay_s, wait_s)[0]

    def put_all(
        self, values: Iterable[object], *, delay_s: float = 0.0, wait_s: float = 0.0
    ) -> list[str]:
        """Put messages in this order, some hundreds at a time; their ids. Raises as :meth:`put`:
        then those before may have been put.
        """
        ids: list[str] = []
        for parcel in self._parcels(values):
            ids += self._put_parcel(parcel, delay_s, wait_s)
        return ids

    def take(self, *, wait_s: float | None = 0.0, count: int = 1) -> list[Message]:
        """Take the next messages, ``count`` at most; none if there is none in ``wait_s``, which
        may be None: for ever. Each must be acknowledged in the queue's ``visible_s``.

        Raises:
            NotFoundError: there is no such queue.
            StoreError: the disk does not give them back.
            UnavailableError: the node cannot be reached; what it gave out comes again.
        """
        end = time.monotonic() + (float("inf") if wait_s is None else wait_s)
        while True:
            left_s = max(0.0, end - time.monotonic())
            messages = self._take(count, min(left_s, WAIT_S)).result()
            if messages or left_s <= WAIT_S:
                return messages

    def ack_all(self, messages: Sequence[Message]) -> None:
        """Acknowledge messages at once. Raises as :meth:`Message.ack`, when all others are done."""
        if messages:
            self._settle("ack", messages).result()

    def messages(self, count: int = 1) -> Iterator[Message]:
        """Messages for ever, each acknowledged when its turn of the loop ends well, and given back
        on an error or a ``break``, with those behind it. They are taken ``count`` at a time.

        Raises as :meth:`take` and :meth:`Message.ack`.
        """
        settled: list[Future[None]] = []
        try:
            while True:
                batch = self.take(wait_s=None, count=count)
                for one in settled:
                    one.result()
                settled.clear()
                yield from self._each(batch, settled)
        finally:
            for one in settled:
                with suppress(CantorError):
                    one.result()

    def __iter__(self) -> Iterator[Message]:
        """As :meth:`messages`, one at a time."""
        return self.messages()

    def stats(self, *, wait_s: float = 0.0) -> Stats:
        """What it holds; with ``wait_s`` when something has changed, or that time is over."""
        return self._stats(wait_s).result()

    def _each(self, batch: list[Message], settled: list[Future[None]]) -> Iterator[Message]:
        left, done = deque(batch), Done(self)
        try:
            while left:
                yield left[0]
                done.add(left.popleft(), settled)
        finally:
            done.tell(left, settled)

    def _put_parcel(self, bodies: list[bytes], delay_s: float, wait_s: float) -> list[str]:
        end = time.monotonic() + wait_s
        while (ids := self._put(bodies, delay_s).result()) is None:
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise self._full()
            self._room(bodies, min(left_s, WAIT_S)).result()
        return ids


class AsyncQueue(QueueAsks[AsyncMessage]):
    """A queue, for coroutines: as :class:`Queue`."""

    _message = AsyncMessage

    async def create(
        self,
        *,
        durable: bool = _DEFAULT.durable,
        messages_max: int = _DEFAULT.messages_max,
        bytes_max: int = _DEFAULT.bytes_max,
        visible_s: float = _DEFAULT.visible_s,
        tries_max: int = _DEFAULT.tries_max,
        dead_letters: str = _DEFAULT.dead_letters,
    ) -> bool:
        """As :meth:`Queue.create`."""
        return await self._create(
            QueueTerms(durable, messages_max, bytes_max, float(visible_s), tries_max, dead_letters)
        )

    async def delete(self) -> bool:
        """As :meth:`Queue.delete`."""
        return await self._delete()

    async def put(self, value: object, *, delay_s: float = 0.0, wait_s: float = 0.0) -> str:
        """As :meth:`Queue.put`."""
        return (await self._put_parcel([self._packed(value)], delay_s, wait_s))[0]

    async def put_all(
        self, values: Iterable[object], *, delay_s: float = 0.0, wait_s: float = 0.0
    ) -> list[str]:
        """As :meth:`Queue.put_all`."""
        ids: list[str] = []
        for parcel in self._parcels(values):
            ids += await self._put_parcel(parcel, delay_s, wait_s)
        return ids

    async def take(self, *, wait_s: float | None = 0.0, count: int = 1) -> list[AsyncMessage]:
        """As :meth:`Queue.take`."""
        end = time.monotonic() + (float("inf") if wait_s is None else wait_s)
        while True:
            left_s = max(0.0, end - time.monotonic())
            messages = await self._take(count, min(left_s, WAIT_S))
            if messages or left_s <= WAIT_S:
                return messages

    async def ack_all(self, messages: Sequence[AsyncMessage]) -> None:
        """As :meth:`Queue.ack_all`."""
        if messages:
            await self._settle("ack", messages)

    async def messages(self, count: int = 1) -> AsyncIterator[AsyncMessage]:
        """As :meth:`Queue.messages`."""
        while True:
            left = deque(await self.take(wait_s=None, count=count))
            settled: list[Future[None]] = []
            done = Done(self)
            try:
                while left:
                    yield left[0]
                    done.add(left.popleft(), settled)
            finally:
                done.tell(left, settled)
            for one in settled:
                await one

    def __aiter__(self) -> AsyncIterator[AsyncMessage]:
        """As :meth:`messages`, one at a time."""
        return self.messages()

    async def stats(self, *, wait_s: float = 0.0) -> Stats:
        """As :meth:`Queue.stats`."""
        return await self._stats(wait_s)

    async def _put_parcel(self, bodies: list[bytes], delay_s: float, wait_s: float) -> list[str]:
        end = time.monotonic() + wait_s
        while (ids := await self._put(bodies, delay_s)) is None:
            left_s = end - time.monotonic()
            if left_s <= 0:
                raise self._full()
            await self._room(bodies, min(left_s, WAIT_S))
        return ids


def queues(node: str = "") -> list[Stats]:
    """The queues of a node.

    Raises:
        UnavailableError: it cannot be reached.
    """
    return ask("queue", "queues", node, {}, read=all_stats).result()


async def async_queues(node: str = "") -> list[Stats]:
    """As :func:`queues`."""
    return await ask("queue", "queues", node, {}, read=all_stats)

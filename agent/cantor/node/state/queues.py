"""The message queues of this node, for every program of its tenant.

Operations, with what they bring and what comes back; ``b`` is the name of the queue,
``m`` are ``[n, take]`` of messages that ``of`` this shelf were taken:

create  b, terms                      ``made``: whether it was not there
delete  b                             ``was``: whether it was there
put     b, delay, values              ``of``, ``n`` of the first; or ``full``: count and bytes
room    b, count, size, wait          ``room``: whether so much can be put now
take    b, count, ask, wait           ``of``, values, and of each in ``rows``:
                                      [n, take, tries, put at, source, why]
ack     b, of, m                      ``refused``: n of those that are held by these takes no more
give    b, of, m, s                   ``refused``
extend  b, of, m, s                   ``refused``
stats   b, wait                       what it holds, when something has changed or the wait is over
queues                                ``rows``: [name, terms, stats]

Values are one part: packed values one after the other (``cantor.stores.packed``). ``ask`` is a
number that who takes has thrown: asked twice, it is given the same messages.
"""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import (
    ConfigError,
    ConflictError,
    NotFoundError,
    RemoteProtocolError,
    UnavailableError,
)
from cantor.node.loop import soon_on
from cantor.node.state.queue_desk import QueueDesk
from cantor.node.state.queue_shelves import MemoryShelf
from cantor.node.state.wording import VALUE_BYTES_MAX, Answer, checked_text
from cantor.stores.errors import StoreError
from cantor.stores.packed import pack_parts, unpack_parts
from cantor.stores.queue_records import (
    DROP,
    FILE_NAME,
    MAKE,
    SPAN_MAX_S,
    Part,
    QueueTerms,
    terms_from,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.node.services import Node
    from cantor.node.state.queue_desk import Given
    from cantor.node.state.queue_shelves import Shelf
    from cantor.node.state.wording import Question
    from cantor.stores.queue_store import QueueStore
    from cantor.wire.frame import Value

QUEUES_MAX = 1000
DISK_BYTES_MAX = 1 << 30
MEMORY_BYTES_MAX = 64 << 20
MESSAGES_AT_ONCE_MAX = 1000


class Queues:
    """On the event loop only. The disk is not touched before a durable queue is made, or was."""

    changing = frozenset({"create", "delete", "put", "ack", "give", "extend"})

    def __init__(self, node: Node) -> None:
        self._node = node
        self._memory = MemoryShelf(node.clock.monotonic)
        self._store: QueueStore | None = None
        self._desks: dict[str, QueueDesk] = {}
        self._making: dict[str, asyncio.Future[QueueDesk]] = {}
        self._operations: dict[str, Callable[[Question], Answer | Awaitable[Answer]]] = {
            "create": self._create,
            "delete": self._delete,
            "put": self._put,
            "room": self._room,
            "take": self._take,
            "ack": self._acknowledge,
            "give": self._give_back,
            "extend": self._extend,
            "stats": self._stats,
            "queues": self._queues,
        }

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer a question about them."""
        operation = self._operations.get(question.operation)
        if operation is None:
            raise RemoteProtocolError(f"nobody can {question.operation[:40]!r} a queue")
        self._look_for_file()
        return operation(question)

    def has(self, name: str) -> bool:
        """Whether there is a queue of that name here."""
        self._look_for_file()
        return name in self._desks

    async def close(self) -> None:
        """Write what is left."""
        ends = UnavailableError("the node ends", where=self._node.name, remedy="try again later")
        for desk in self._desks.values():
            desk.close(ends)
        if self._store is not None:
            await asyncio.to_thread(self._store.close)

    def _look_for_file(self) -> None:
        if self._store is None and (self._node.folder / FILE_NAME).exists():
            self._open()

    def _open(self) -> QueueStore:
        if self._store is None:
            from cantor.stores.queue_store import QueueStore  # SQLite, which few nodes need

            self._store = QueueStore(
                self._node.folder, soon_on(asyncio.get_running_loop()),
                monotonic=self._node.clock.monotonic,
            )  # fmt: skip
            for kept in self._store.kept():
                desk = self._desk(kept.number, kept.name, kept.terms)
                desk.dropped = kept.dropped
                desk.order.load(kept.count, kept.bytes, kept.last, kept.tried)
            for desk in self._desks.values():
                desk.open()
        return self._store

    def _shelf(self, terms: QueueTerms) -> Shelf:
        return self._open() if terms.durable else self._memory

    def _desk(self, number: int, name: str, terms: QueueTerms) -> QueueDesk:
        desk = self._desks[name] = QueueDesk(
            number, name, terms, self._shelf(terms), lambda: self._desks.get(terms.dead_letters)
        )
        return desk

    def _find(self, question: Question) -> QueueDesk:
        name = question.text("b", "queue")
        desk = self._desks.get(name)
        if desk is None:
            raise NotFoundError(
                "there is no such queue", where=f"{self._node.name}: {name}",
                remedy="create it, or look at cantor queue list",
            )  # fmt: skip
        return desk

    async def _create(self, question: Question) -> Answer:
        name = question.text("b", "queue")
        told = question.args.get("terms")
        if not isinstance(told, dict):
            raise RemoteProtocolError("a queue without terms", where=name)
        terms = terms_from(told, name)
        if terms.dead_letters:
            checked_text(terms.dead_letters, "queue")
            plain = QueueTerms(durable=terms.durable, tries_max=0)
            letters, _ = await self._made(terms.dead_letters, plain, is_exact=False)
            if letters.terms.durable != terms.durable:
                raise ConfigError(
                    "its dead letters are not as durable as the queue", where=name,
                    remedy="give it other dead letters, or make both durable",
                )  # fmt: skip
        _, is_made = await self._made(name, terms, is_exact=True)
        return Answer({"made": is_made})

    async def _made(
        self, name: str, terms: QueueTerms, *, is_exact: bool
    ) -> tuple[QueueDesk, bool]:
        """The desk of a queue, and whether it was not there."""
        while name in self._making:
            with suppress(StoreError):
                await asyncio.shield(self._making[name])
        desk = self._desks.get(name)
        if desk is None:
            return await self._make(name, terms), True
        if is_exact and desk.terms != terms:
            raise ConflictError(
                f"it is there with other terms: {_difference(desk.terms, terms)}", where=name,
                remedy="use those, another name, or delete it first",
            )  # fmt: skip
        return desk, False

    async def _make(self, name: str, terms: QueueTerms) -> QueueDesk:
        if len(self._desks) + len(self._making) >= QUEUES_MAX:
            raise StoreError(
                f"{QUEUES_MAX} queues are there, as many as may be", where=self._node.name,
                remedy="delete some",
            )  # fmt: skip
        shelf = self._shelf(terms)
        making: asyncio.Future[QueueDesk] = asyncio.get_running_loop().create_future()
        self._making[name] = making

        def tell(outcome: Any) -> None:  # noqa: ANN401 (its number, or a StoreError)
            del self._making[name]
            if isinstance(outcome, Exception):
                making.set_exception(outcome)
                making.exception()  # who waits may have gone
            else:
                making.set_result(self._desk(outcome, name, terms))

        try:
            shelf.write(Part(MAKE, (name, terms), tell))
        except StoreError:
            self._making.pop(name, None)
            raise
        return await asyncio.shield(making)

    async def _delete(self, question: Question) -> Answer:
        name = question.text("b", "queue")
        desk = self._desks.get(name)
        if desk is None:
            return Answer({"was": False})
        for other in self._desks.values():
            if other.terms.dead_letters == name:
                raise ConflictError(
                    f"it has the dead letters of {other.name}", where=name,
                    remedy="delete that queue first",
                )  # fmt: skip
        desk.close(NotFoundError("the queue was deleted", where=f"{self._node.name}: {name}"))
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def tell(outcome: Any) -> None:  # noqa: ANN401 (None, or a StoreError)
            if isinstance(outcome, Exception):
                desk.open()
                told.set_exception(outcome)
                told.exception()  # who waits may have gone
            else:
                self._desks.pop(name, None)
                told.set_result(None)

        self._shelf(desk.terms).write(Part(DROP, desk.number, tell))
        await asyncio.shield(told)
        return Answer({"was": True})

    async def _put(self, question: Question) -> Answer:
        desk = self._find(question)
        bodies = _values(question)
        delay_s = _span(question, "delay")
        terms, size = desk.terms, sum(len(body) for body in bodies)
        if len(bodies) > terms.messages_max or size > terms.bytes_max:
            raise StoreError(
                f"{len(bodies)} messages with {size} bytes never fit", where=desk.name,
                remedy="put fewer at once, or make the queue larger",
            )  # fmt: skip
        self._check_room(desk, size)
        first = await desk.put(bodies, self._node.wall(), delay_s)
        if first is None:
            return Answer({"full": [desk.order.count, desk.order.bytes]})
        return Answer({"of": self._shelf(terms).id, "n": first})

    def _check_room(self, desk: QueueDesk, size: int) -> None:
        """Of all queues of this node together."""
        durable = desk.terms.durable
        used = sum(one.order.bytes for one in self._desks.values() if one.terms.durable == durable)
        most = DISK_BYTES_MAX if durable else MEMORY_BYTES_MAX
        if used + size > most:
            raise StoreError(
                f"the queues of this node hold {used} bytes, as many as may be",
                where=desk.name,
                remedy="take messages, or delete queues",
            )

    async def _room(self, question: Question) -> Answer:
        desk = self._find(question)
        count, size = question.get("count", int), question.get("size", int)
        has_room = await _until(question, desk, lambda: desk.order.has_room(count, size))
        return Answer({"room": has_room})

    async def _take(self, question: Question) -> Answer:
        desk = self._find(question)
        count = min(max(1, question.get("count", int, 1)), MESSAGES_AT_ONCE_MAX)
        given = await desk.take(question.get("ask", int), count, question.wait_s)
        rows: list[Value] = [_row(one) for one in given]
        body = pack_parts([message.body for _, message in given])
        return Answer({"of": self._shelf(desk.terms).id, "rows": rows}, (body,))

    async def _acknowledge(self, question: Question) -> Answer:
        desk = self._find(question)
        takes, others = self._takes(question, desk)
        return _refused(others, await desk.acknowledge(takes))

    def _give_back(self, question: Question) -> Answer:
        desk = self._find(question)
        takes, others = self._takes(question, desk)
        return _refused(others, desk.give_back(takes, _span(question, "s")))

    def _extend(self, question: Question) -> Answer:
        desk = self._find(question)
        takes, others = self._takes(question, desk)
        return _refused(others, desk.extend(takes, _span(question, "s")))

    def _takes(
        self, question: Question, desk: QueueDesk
    ) -> tuple[list[tuple[int, int]], list[int]]:
        """The takes that the question is about, and n of those that cannot be of this queue."""
        told = question.args.get("m")
        if type(told) is not list or not 0 < len(told) <= MESSAGES_AT_ONCE_MAX:
            raise RemoteProtocolError("not takes of messages", where=desk.name)
        for one in told:
            if type(one) is not list or [type(number) for number in one] != [int, int]:
                raise RemoteProtocolError("not takes of messages", where=desk.name)
        takes = [(n, take) for n, take in cast("list[list[int]]", told)]
        if question.get("of", str) != self._shelf(desk.terms).id:
            return [], [n for n, _ in takes]
        return takes, []

    async def _stats(self, question: Question) -> Answer:
        desk = self._find(question)
        if question.wait_s:
            before = desk.stats()
            await _until(question, desk, lambda: desk.stats() != before)
        return Answer({"terms": desk.terms.as_value(), "stats": desk.stats()})

    def _queues(self, _: Question) -> Answer:
        rows: list[Value] = [
            [desk.name, desk.terms.as_value(), desk.stats()]
            for _, desk in sorted(self._desks.items())
        ]
        return Answer({"rows": rows})


async def _until(question: Question, desk: QueueDesk, is_so: Callable[[], bool]) -> bool:
    """Wait for it as long as who asks waits; whether it is so."""
    try:
        async with asyncio.timeout(question.wait_s):
            while not is_so():
                await desk.changed()
    except TimeoutError:
        return False
    return True


def _values(question: Question) -> list[bytes]:
    size = sum(memoryview(part).nbytes for part in question.parts)
    if len(question.parts) != 1 or size > 2 * VALUE_BYTES_MAX:
        raise RemoteProtocolError("not values to put", where=question.operation)
    try:
        bodies = list(unpack_parts(question.parts[0]))
    except StoreError as error:
        raise RemoteProtocolError(error.what, where=question.operation) from error
    if not 0 < len(bodies) <= MESSAGES_AT_ONCE_MAX:
        raise RemoteProtocolError("not values to put", where=question.operation)
    return bodies


def _row(given: Given) -> Value:
    held, message = given
    return [held.n, held.take, held.tries, message.put_at, message.source, message.why]


def _refused(*refused: list[int]) -> Answer:
    numbers: list[Value] = [n for some in refused for n in some]
    return Answer({"refused": numbers})


def _span(question: Question, name: str) -> float:
    value = question.args.get(name, 0.0)
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise RemoteProtocolError(f"{name} is no time", where=question.operation)
    if not 0 <= cast("float", value) <= SPAN_MAX_S:
        raise ConfigError(
            f"a time that is not from 0 to {SPAN_MAX_S:.0f} s", where=question.operation
        )
    return float(cast("float", value))


def _difference(there: QueueTerms, wanted: QueueTerms) -> str:
    before, after = there.as_value(), wanted.as_value()
    return ", ".join(
        f"{name} is {value}, not {after[name]}"
        for name, value in before.items()
        if value != after[name]
    )

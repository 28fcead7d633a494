"""The questions about queues, and what their answers mean."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from cantor.base.errors import ConflictError, RemoteProtocolError
from cantor.bundles.known import Known
from cantor.bundles.values import pack, unpack
from cantor.node.state.wording import ASK_S, VALUE_BYTES_MAX, WAIT_MAX_S, check_value
from cantor.state.asking import ask
from cantor.state.messages import Taken
from cantor.stores.errors import StoreError
from cantor.stores.packed import pack_parts, unpack_parts
from cantor.stores.queue_records import QueueTerms, terms_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from cantor.node.state.wording import Answer, Args
    from cantor.tasks.future import Future
    from cantor.wire.frame import Buffer, Value

WAIT_S = WAIT_MAX_S / 4
"""One question waits so long: who has gone is not waited for longer."""
AT_ONCE = 500
"""Messages of one question."""
TOGETHER_S = 0.1
"""What is done is acknowledged that soon, with what is done meanwhile."""
_ROW = (int, int, int, float, str, str)
M = TypeVar("M", bound=Taken)


@dataclass(frozen=True, slots=True)
class Stats:
    """What a queue holds: ``messages`` of ``bytes``; of those, ``taken`` are with somebody, and
    ``delayed`` wait for their time. ``takers`` wait for one. Since its agent started, so many were
    ``put``, ``done``, ``came_again``, and became ``dead`` letters; ``dropped`` are of its life.
    """

    name: str
    terms: QueueTerms
    messages: int
    bytes: int
    taken: int
    delayed: int
    takers: int
    put: int
    done: int
    came_again: int
    dead: int
    dropped: int


class QueueAsks(Generic[M]):
    """The questions about one queue of one node."""

    _message: type[M]

    def __init__(
        self, name: str, node: str = "", *, types: Known | None = None, timeout_s: float = ASK_S
    ) -> None:
        """``node`` is the name or the id of the node that keeps it, the own one if it is empty;
        ``types`` are the classes that values may be of; others come as records. ``timeout_s`` is
        how long a question may take.
        """
        self.name = name
        self.node = node
        self._types = types or Known()
        self._timeout_s = timeout_s

    def _ask(
        self,
        operation: str,
        read: Callable[[Answer], Any],
        value: Sequence[Buffer] = (),
        **args: Value,
    ) -> Future[Any]:
        given: Args = {"b": self.name, **args}
        return ask(
            "queue", operation, self.node, given, value, read=read, timeout_s=self._timeout_s
        )

    def _create(self, terms: QueueTerms) -> Future[bool]:
        terms.check(self.name)
        return self._ask("create", lambda answer: _is(answer, "made"), terms=terms.as_value())

    def _delete(self) -> Future[bool]:
        return self._ask("delete", lambda answer: _is(answer, "was"))

    def _put(self, bodies: Sequence[bytes], delay_s: float) -> Future[list[str] | None]:
        """Their ids; None if the queue is full."""

        def read(answer: Answer) -> list[str] | None:
            if "full" in answer.headers:
                return None
            first = answer.headers.get("n")
            if type(first) is not int:
                raise RemoteProtocolError("messages without their numbers", where=self.name)
            return [f"{_shelf(answer)}-{n}" for n in range(first, first + len(bodies))]

        return self._ask("put", read, (pack_parts(bodies),), delay=delay_s)

    def _room(self, bodies: Sequence[bytes], wait_s: float) -> Future[bool]:
        size = sum(map(len, bodies))
        return self._ask(
            "room", lambda answer: _is(answer, "room"), count=len(bodies), size=size, wait=wait_s
        )

    def _take(self, count: int, wait_s: float) -> Future[list[M]]:
        number = secrets.randbits(62)
        return self._ask("take", self._taken, count=count, ask=number, wait=wait_s)

    def _settle(
        self, operation: str, messages: Sequence[Taken], seconds: float = 0.0
    ) -> Future[None]:
        """Acknowledge them, give them back, or keep them for longer."""
        if operation != "extend":
            for message in messages:
                message.is_settled = True
        places: Value = [message._place for message in messages]  # type: ignore[misc]
        of = messages[0].id.rpartition("-")[0]

        def read(answer: Answer) -> None:
            refused = answer.headers.get("refused")
            if refused:
                raise ConflictError(
                    f"{len(refused)} of {len(messages)} messages are no longer with this taker"  # type: ignore[arg-type]
                    ": their time is over",
                    where=self.name, remedy="extend() what takes long, or create it with more "
                    "visible_s",
                )  # fmt: skip

        return self._ask(operation, read, of=of, m=places, s=seconds)

    def _stats(self, wait_s: float) -> Future[Stats]:
        return self._ask("stats", lambda answer: _stats(self.name, answer.headers), wait=wait_s)

    def _taken(self, answer: Answer) -> list[M]:
        rows, of = _rows(answer, _ROW), _shelf(answer)
        if len(answer.parts) != 1:
            raise RemoteProtocolError("not messages of a queue", where=self.name)
        bodies = unpack_parts(answer.parts[0])
        return [
            self._message(
                self._value(body), f"{of}-{n}", tries, at, source, why, False, self, n, take
            )
            for (n, take, tries, at, source, why), body in zip(rows, bodies, strict=True)
        ]

    def _value(self, body: bytes) -> Any:  # noqa: ANN401 (its own)
        parts = unpack_parts(body)
        return unpack(parts[0], parts[1:], classes=self._types)

    def _packed(self, value: object) -> bytes:
        buffers: list[Buffer] = []
        parts = (pack(value, buffers, names=(self.name,), types=self._types), *buffers)
        check_value(parts, self.name)
        return pack_parts(parts)

    def _parcels(self, values: Iterable[object]) -> Iterator[list[bytes]]:
        """Packed values in parcels of which each is one question."""
        parcel: list[bytes] = []
        size = 0
        for value in values:
            body = self._packed(value)
            if parcel and (len(parcel) == AT_ONCE or size + len(body) > VALUE_BYTES_MAX):
                yield parcel
                parcel, size = [], 0
            parcel.append(body)
            size += len(body)
        if parcel:
            yield parcel

    def _full(self) -> StoreError:
        return StoreError(
            "the queue is full", where=self.name,
            remedy="take messages from it, or wait for room: put(..., wait_s=10)",
        )  # fmt: skip


class Done:
    """Messages of one loop that are done: acknowledged some at a time, while the next are worked
    on.
    """

    def __init__(self, queue: QueueAsks[Any]) -> None:
        self._queue = queue
        self._messages: list[Taken] = []
        self._told_at = time.monotonic()

    def add(self, message: Taken, settled: list[Future[None]]) -> None:
        """One is done; ``settled`` gets what is asked about it."""
        if not message.is_settled:
            self._messages.append(message)
        if self._messages and time.monotonic() - self._told_at > TOGETHER_S:
            self._tell(settled)

    def tell(self, left: Iterable[Taken], settled: list[Future[None]]) -> None:
        """The loop has ended: what is left is given back."""
        if self._messages:
            self._tell(settled)
        open_ones = [message for message in left if not message.is_settled]
        if open_ones:
            settled.append(self._queue._settle("give", open_ones))

    def _tell(self, settled: list[Future[None]]) -> None:
        settled.append(self._queue._settle("ack", self._messages))
        self._messages = []
        self._told_at = time.monotonic()


def all_stats(answer: Answer) -> list[Stats]:
    """The queues of a node."""
    rows = _rows(answer, (str, dict, dict))
    return [_stats(name, {"terms": terms, "stats": told}) for name, terms, told in rows]


def _stats(name: str, headers: Args) -> Stats:
    terms, told = headers.get("terms"), headers.get("stats")
    if not isinstance(terms, dict) or not isinstance(told, dict):
        raise RemoteProtocolError("a queue without what it holds", where=name)
    known = {key: int(told.get(key, 0)) for key in _COUNTS}  # type: ignore[arg-type]
    return Stats(name, terms_from(terms, name), **known)


_COUNTS = (
    "messages", "bytes", "taken", "delayed", "takers", "put", "done", "came_again", "dead",
    "dropped",
)  # fmt: skip


def _is(answer: Answer, name: str) -> bool:
    return answer.headers.get(name) is True


def _shelf(answer: Answer) -> str:
    of = answer.headers.get("of")
    if type(of) is not str:
        raise RemoteProtocolError("messages of nowhere")
    return of


def _rows(answer: Answer, types: tuple[type, ...]) -> list[list[Any]]:
    rows = answer.headers.get("rows")
    if type(rows) is not list or any(
        type(row) is not list or tuple(map(type, row)) != types for row in rows
    ):
        raise RemoteProtocolError("not an answer about queues")
    return rows  # type: ignore[return-value]

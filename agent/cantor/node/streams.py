"""Streams of this node on its event loop: messages that arrive once and in order."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.mesh.stream_receiver import StreamReceiver
from cantor.mesh.stream_sender import LABEL_MASK, StreamSender
from cantor.node.large import PIECE, Assembler, Doors, is_large, pieces, size_of
from cantor.node.services import Message
from cantor.wire.frame import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from cantor.mesh.plane import DataPlane
    from cantor.mesh.stream_receiver import Taken
    from cantor.node.services import Handler, StreamHandler
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer, Value

QUIET_S = 60.0
ANSWER_WAIT_S = 0.01
"""What may wait for other frames to the same node is answered after so long at the latest."""
_log = logging.getLogger(__name__)


class Stream:
    """Messages to one node under one topic: see :class:`cantor.node.services.Stream`."""

    def __init__(self, streams: Streams, sender: StreamSender) -> None:
        self._streams = streams
        self.sender = sender
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()
        self.has_room = asyncio.Event()
        self.has_room.set()
        self.quiet_since = 0.0
        self.turn = asyncio.Lock()
        """Held by who posts one message, so that the pieces of a large one stay together."""

    @property
    def where(self) -> str:
        """Which stream it is, for people."""
        return f"{self.sender.topic} on node {short_name(self.sender.destination)}"

    def write(self, message: Buffer) -> None:
        """Send a message; keep to ``drain`` when many follow each other."""
        self.sender.write(message)
        self._streams.has_work(self)

    async def drain(self) -> None:
        """Wait until so little waits that it makes sense to write more."""
        if self.sender.is_full:
            self.has_room.clear()
            await self.has_room.wait()

    async def flush(self, timeout_s: float | None = None) -> None:
        """Wait until the other node has taken everything that was written so far.

        Its answer may take :data:`ANSWER_WAIT_S` longer than the way there and back.

        Raises:
            UnavailableError: it has not in time; what waits is still sent.
        """
        if not self.sender.is_done:
            async with limit(self.where, timeout_s):
                await self._streams.taken(self, self.sender.written_total)

    def close(self) -> None:
        """Write no more; what the other node has not taken yet is still sent."""
        self._streams.let_go(self)


class Streams:
    """The streams that begin or end at this node."""

    def __init__(
        self, plane: DataPlane, epoch: int, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self._plane = plane
        self._clock = clock
        self._wake = wake
        self._numbers = itertools.count((epoch % 2**24) << 32)
        self._streams: dict[int, Stream] = {}
        self._closing: set[int] = set()
        self._shared: dict[tuple[NodeId, str, int], Stream] = {}
        self._active: dict[int, Stream] = {}
        self._receiver = StreamReceiver(plane.node)
        self._answering: asyncio.TimerHandle | None = None
        self._transfers = itertools.count(1)
        self._doors = Doors()
        self._assembler = Assembler(plane.counters)
        self._handlers: dict[str, Handler] = {}
        self._stream_handlers: dict[str, StreamHandler] = {}

    @property
    def is_stirred(self) -> bool:
        """Whether ``fill`` has something to do."""
        return bool(self._active) or self._receiver.has_answers

    @property
    def is_active(self) -> bool:
        """Whether a stream has something to send."""
        return bool(self._active)

    def on_message(self, topic: str, handler: Handler) -> None:
        """Call ``handler`` for every reliable message of this topic."""
        self._handlers[topic] = handler

    def on_stream(self, topic: str, handler: StreamHandler) -> None:
        """Call ``handler`` for the plain messages of streams of this topic."""
        self._stream_handlers[topic] = handler

    def open(self, destination: NodeId, topic: str, priority: int) -> Stream:
        """A stream of its own to a node."""
        number = next(self._numbers)
        sender = StreamSender(self._plane.node, destination, number, topic, priority)
        stream = self._streams[number] = Stream(self, sender)
        return stream

    async def send(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value],
        body: tuple[Buffer, ...],
        *,
        priority: int,
        timeout_s: float | None,
    ) -> None:
        """Send one message and wait until it was taken. Raises as ``Node.send_reliable`` says."""
        key = (destination, topic, priority)
        stream = self._shared.get(key)
        if stream is None:
            stream = self._shared[key] = self.open(destination, topic, priority)
        async with limit(stream.where, timeout_s):
            if is_large(headers, body):
                await self._send_pieces(stream, headers, body)
                return
            async with stream.turn:
                await stream.drain()
                place = stream.sender.post(headers, body)
            self.has_work(stream)
            await self.taken(stream, place)

    async def _send_pieces(
        self, stream: Stream, headers: dict[str, Value], body: tuple[Buffer, ...]
    ) -> None:
        """Send a message in pieces; again from the first if the other end was started anew."""
        passing = self._doors.passing(stream.sender.destination, size_of(body))
        async with stream.turn, passing:
            number, place = None, 0
            while number != stream.sender.number:
                number = stream.sender.number
                for told, piece in pieces(headers, body, next(self._transfers)):
                    await stream.drain()
                    place = stream.sender.post(told, (piece,))
                    self.has_work(stream)
                await self.taken(stream, place)

    def has_work(self, stream: Stream) -> None:
        """A stream has something to send."""
        if stream.sender.number not in self._active:
            self._active[stream.sender.number] = stream
            self._wake()

    async def taken(self, stream: Stream, place: int) -> None:
        """Wait until the other end has taken the messages up to this place."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stream.waiting.append((place, future))
        await future

    def let_go(self, stream: Stream) -> None:
        """Forget a stream when the other end has taken everything."""
        if stream.sender.is_done:
            self._streams.pop(stream.sender.number, None)
        else:
            self._closing.add(stream.sender.number)

    def received(self, frame: DataFrame) -> None:
        """Take a frame of a stream that begins or ends here.

        What is odd in it is logged: its source may be any node, so no link is to blame.
        """
        try:
            if frame.kind == Kind.STREAM_ACK:
                self._acknowledged(frame)
                return
            for taken in self._receiver.received(frame):
                self._hand_over(taken)
            if self._answering is None and self._receiver.has_patient_answers:
                loop = asyncio.get_running_loop()
                self._answering = loop.call_later(ANSWER_WAIT_S, self._answer_all)
        except RemoteProtocolError as error:
            _log.warning(
                "an odd frame of a stream",
                extra={"source": short_name(frame.source), "reason": str(error)},
            )

    def fill(self) -> None:
        """Send what may go, and answer what has come: at the end of a batch and with new room."""
        now = self._clock.monotonic()
        for number, stream in list(self._active.items()):
            sender = stream.sender
            label = sender.number & LABEL_MASK
            room = self._plane.room(sender.destination, sender.priority, label)
            while room > 0 and (frame := sender.next_frame(now)) is not None:
                self._plane.send(frame)
                self._receiver.hurry(sender.destination)
                room -= sum(len(buffer) for buffer in frame.body) + 100
            if not sender.has_work:
                del self._active[number]
            if not stream.has_room.is_set() and not sender.is_full:
                stream.has_room.set()
        for answer in self._receiver.take_answers():
            self._plane.send(answer)

    def _answer_all(self) -> None:
        self._answering = None
        self._receiver.hurry()
        if self._receiver.has_answers:
            self._wake()

    def ways_changed(self, nodes: Iterable[NodeId]) -> None:
        """These nodes are reached another way: what was under way to them may be lost."""
        changed, now = set(nodes), self._clock.monotonic()
        for stream in self._streams.values():
            if stream.sender.destination in changed:
                stream.sender.way_changed(now)
                self._active[stream.sender.number] = stream
        if self._active:
            self._wake()

    def tick(self, now: float) -> None:
        """Let time pass: send again, and let go of streams that are over."""
        self._receiver.tick(now)
        self._assembler.tick(now)
        for number, stream in list(self._streams.items()):
            sender = stream.sender
            if not sender.is_done:
                stream.quiet_since = now
                sender.tick(now)
                if sender.has_work:
                    self._active[number] = stream
            elif number in self._closing:
                self._closing.discard(number)
                del self._streams[number]
        for key, stream in list(self._shared.items()):
            if stream.sender.is_done and now - stream.quiet_since > QUIET_S and not stream.waiting:
                del self._shared[key]
                self._streams.pop(stream.sender.number, None)
        if self._active:
            self._wake()

    def _acknowledged(self, frame: DataFrame) -> None:
        number, expected = frame.headers.get("s"), frame.headers.get("n")
        stream = self._streams.get(number) if isinstance(number, int) else None
        if stream is None or stream.sender.destination != frame.source:
            return
        sender = stream.sender
        if frame.headers.get("u"):
            self._begin_anew(stream)
        elif isinstance(expected, int):
            sender.taken(expected, bool(frame.headers.get("g")), self._clock.monotonic())
            while stream.waiting and stream.waiting[0][0] <= sender.taken_total:
                _, future = stream.waiting.popleft()
                if not future.done():
                    future.set_result(None)
        if sender.has_work or not stream.has_room.is_set():
            self._active[sender.number] = stream

    def _begin_anew(self, stream: Stream) -> None:
        before, after = stream.sender.number, next(self._numbers)
        stream.sender.begin_anew(after)
        self._active.pop(before, None)
        del self._streams[before]
        self._streams[after] = self._active[after] = stream
        if before in self._closing:
            self._closing.discard(before)
            self._closing.add(after)

    def _hand_over(self, taken: Taken) -> None:
        if taken.headers is not None:
            handler = self._handlers.get(taken.topic)
            if handler is None:
                return
            message: Message | None = Message(taken.source, taken.headers, taken.body)
            if PIECE in taken.headers:
                message = self._assembler.take(taken)
            if message is not None:
                handler(message)
            return
        stream_handler = self._stream_handlers.get(taken.topic)
        if stream_handler is not None:
            stream_handler(taken.source, taken.body)


@asynccontextmanager
async def limit(where: str, timeout_s: float | None) -> AsyncIterator[None]:
    """Let what is inside take so long at most.

    Raises:
        UnavailableError: it took longer.
    """
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError as error:
        raise UnavailableError(f"not taken in {timeout_s:g} s", where=where) from error

"""Reliable messages too large for one frame: sent in pieces, and put together where they end.

Nothing is held twice: pieces are views into the body of who sends, of which a few leave at a time,
and the other end writes them straight into the body that it hands over. Each piece is a message of
the stream, whose header ``""`` says ``[transfer, offset, sizes of the buffers]``; the first brings
the headers of the message as well. What the other end holds grows with what has come, whatever was
announced; it keeps so much of one node, and nodes send no more at once to each other.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.node.services import Message
from cantor.wire.frame import BUFFERS_MAX, pack_headers
from cantor.wire.reader import unpack_headers

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import AsyncIterator, Iterator

    from cantor.base.ids import NodeId
    from cantor.mesh.stream_receiver import Taken
    from cantor.wire.frame import Buffer, Value

PIECE = ""
PIECE_BYTES = 1024 * 1024
WHOLE_BYTES_MAX = 8 * 1024 * 1024
"""A message up to this size is one frame."""
BODY_BYTES_MAX = 4 * 1024**3
UNDER_WAY_MAX = 8
"""From one node to another at once; the others wait at their source."""
UNDER_WAY_BYTES_MAX = BODY_BYTES_MAX
"""Of them together."""
FORGET_S = 600.0


def is_large(headers: dict[str, Value], body: tuple[Buffer, ...]) -> bool:
    """Whether a message is to be sent in pieces.

    Raises:
        LocalProtocolError: it is larger than any may be, or uses the header of pieces.
    """
    size = size_of(body)
    if PIECE in headers:
        raise LocalProtocolError("a header without a name", remedy="give it one")
    if size > BODY_BYTES_MAX or len(body) > BUFFERS_MAX:
        raise LocalProtocolError(
            f"a message of {size} bytes in {len(body)} buffers",
            remedy=f"send at most {BODY_BYTES_MAX} bytes in {BUFFERS_MAX} buffers at once",
        )
    return size > WHOLE_BYTES_MAX


def size_of(body: tuple[Buffer, ...]) -> int:
    """The bytes in a body."""
    return sum(memoryview(buffer).nbytes for buffer in body)


def pieces(
    headers: dict[str, Value], body: tuple[Buffer, ...], transfer: int
) -> Iterator[tuple[dict[str, Value], Buffer]]:
    """The messages, as headers and one buffer each, that bring a large one."""
    views = [memoryview(buffer).cast("B") for buffer in body]
    sizes: list[Value] = [view.nbytes for view in views]
    offset = 0
    for view in views:
        for start in range(0, view.nbytes, PIECE_BYTES):
            piece = view[start : start + PIECE_BYTES]
            about: list[Value] = [transfer, offset, sizes if not offset else []]
            yield ({**headers, PIECE: about} if not offset else {PIECE: about}), piece
            offset += piece.nbytes


@dataclass(slots=True)
class _Door:
    """What goes in to one node: the sizes of what is under way, and whose turn it is."""

    sizes: list[int] = field(default_factory=list)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    has_left: asyncio.Event = field(default_factory=asyncio.Event)

    def has_room(self, size: int) -> bool:
        is_full = len(self.sizes) >= UNDER_WAY_MAX
        return not is_full and sum(self.sizes) + size <= UNDER_WAY_BYTES_MAX


class Doors:
    """Lets so many large messages leave for each node at once as it keeps of this one."""

    def __init__(self) -> None:
        self._doors: dict[NodeId, _Door] = {}

    @asynccontextmanager
    async def passing(self, destination: NodeId, size: int) -> AsyncIterator[None]:
        """Wait until a message of ``size`` bytes may leave; who came first goes first."""
        door = self._doors.setdefault(destination, _Door())
        async with door.turn:
            while not door.has_room(size):
                door.has_left.clear()
                await door.has_left.wait()
            door.sizes.append(size)
        try:
            yield
        finally:
            door.sizes.remove(size)
            door.has_left.set()


@dataclass(slots=True)
class _Transfer:
    headers: bytes
    sizes: list[int]
    buffers: tuple[bytearray, ...]
    heard_at: float
    taken: int = 0
    buffer: int = 0

    def take(self, piece: memoryview) -> bool:
        """Write a piece where it belongs; False if it does not fit there."""
        self._skip_full()
        if self.is_whole:
            return False
        target = self.buffers[self.buffer]
        if len(target) + piece.nbytes > self.sizes[self.buffer]:
            return False
        target += piece
        self.taken += piece.nbytes
        self._skip_full()
        return True

    @property
    def is_whole(self) -> bool:
        return self.buffer == len(self.buffers)

    def _skip_full(self) -> None:
        while not self.is_whole and len(self.buffers[self.buffer]) == self.sizes[self.buffer]:
            self.buffer += 1


_UnderWay = OrderedDict[tuple[str, int, int], _Transfer]
"""By topic, priority and transfer; what was heard of last stands last."""


class Assembler:
    """The large messages on their way to this node; ``counters`` holds what was dropped.

    A source that keeps to the rules never has more under way than is kept of it. Of one that does
    not, what was silent for longest is dropped and counted as ``large_refused``.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._transfers: dict[NodeId, _UnderWay] = {}
        self._now = 0.0

    def take(self, taken: Taken) -> Message | None:
        """Take one piece; the message, once it is whole.

        A piece without those before it belongs to a message that begins anew, and is dropped.

        Raises:
            RemoteProtocolError: it is no piece of a message.
        """
        transfer, offset, sizes = _read(taken)
        under_way = self._transfers.setdefault(taken.source, OrderedDict())
        stream = taken.topic, taken.priority
        key = (*stream, transfer)
        if not offset:
            for other in [known for known in under_way if known[:2] == stream]:
                del under_way[other]  # it was given up: a stream brings one after the other
            headers = {name: value for name, value in (taken.headers or {}).items() if name}
            buffers = tuple(bytearray() for _ in sizes)
            under_way[key] = _Transfer(pack_headers(headers), sizes, buffers, self._now)
        known = under_way.get(key)
        if known is None or known.taken != offset:
            return None
        known.heard_at = self._now
        under_way.move_to_end(key)
        piece = memoryview(taken.body[0]).cast("B")
        self._make_room(under_way, piece.nbytes)
        if not known.take(piece):
            del under_way[key]
            raise RemoteProtocolError("a piece of a message that does not fit into it")
        if not known.is_whole:
            return None
        del under_way[key]
        return Message(taken.source, unpack_headers(known.headers), known.buffers)

    def tick(self, now: float) -> None:
        """Let time pass: what nobody went on with is dropped."""
        self._now = now
        for source, under_way in list(self._transfers.items()):
            for key, known in list(under_way.items()):
                if known.heard_at < now - FORGET_S:
                    del under_way[key]
            if not under_way:
                del self._transfers[source]

    def _make_room(self, under_way: _UnderWay, size: int) -> None:
        """Drop what was silent for longest, but never the last: for so many more bytes of it."""
        held = sum(transfer.taken for transfer in under_way.values())
        while len(under_way) > 1 and (
            len(under_way) > UNDER_WAY_MAX or held + size > UNDER_WAY_BYTES_MAX
        ):
            _, dropped = under_way.popitem(last=False)
            held -= dropped.taken
            self._counters["large_refused"] += 1


def _read(taken: Taken) -> tuple[int, int, list[int]]:
    about = (taken.headers or {}).get(PIECE)
    if not isinstance(about, list) or len(about) != 3 or len(taken.body) != 1:
        raise RemoteProtocolError("a piece of a message of the wrong shape")
    transfer, offset, told = about
    if type(transfer) is not int or type(offset) is not int or not isinstance(told, list):
        raise RemoteProtocolError("a piece of a message without numbers")
    sizes = [size for size in told if type(size) is int and size >= 0]
    if len(sizes) != len(told) or len(sizes) > BUFFERS_MAX or sum(sizes) > BODY_BYTES_MAX:
        raise RemoteProtocolError("a message larger than any may be")
    return transfer, offset, sizes

"""Records: how frames share one connection, so that a large one never holds up an urgent one.

    prefix  u32    bit 31      more of this frame follows in a later record
                   bits 30-29  channel: 0, 1 or 2, the priority of the frame
                   bit 28      the frame concerns this link alone and has the short header
                   bits 27-0   bytes that follow
    size    u32    only in the first of several records: bytes of the whole frame
    bytes          the frame, or a part of it

Each channel carries one frame at a time; records of different channels mix freely. A frame in one
record costs four bytes. The short header of frames that concern one link leaves out who sends and
who receives, because the connection tells: kind u8, flags u8, number of buffers u16, length of the
headers u32; then table, headers and body as in every frame.
"""

from __future__ import annotations

import struct
from sys import getrefcount
from typing import TYPE_CHECKING, TypeAlias

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.base.ids import BROADCAST
from cantor.wire.frame import (
    HEADER,
    LENGTH,
    MESH_HEADERS_BYTES_MAX,
    ROUTED_KIND_MIN,
    VERSION,
    DataFrame,
    Kind,
    encode,
    pack_headers,
    packed_parts,
)
from cantor.wire.reader import FRAME_BYTES_MAX, parse_frame, read_parts

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

CHANNELS = 3
SMALL_BYTES_MAX = 16 * 1024
"""A frame up to this size is one piece of memory and one record."""
INNER_BYTES_MAX = FRAME_BYTES_MAX - 64 * 1024
"""A frame of a node, so that another can hold it with what seals or signs it."""
PREFIX_SIZE = LENGTH.size
MORE = 1 << 31
CHANNEL_SHIFT = 29
LOCAL = 1 << 28
LENGTH_MASK = LOCAL - 1
SCRATCH_BYTES = 64 * 1024
KEPT_MAX = 4
_UNUSED_REFERENCES = 3
"""Of memory that only the list of kept memory, a name for it and the question refer to."""
_LOCAL_HEADER = struct.Struct(">BBHI")
_RECORD_HEADER = struct.Struct(">I" + HEADER.format[1:])
_FULL_HEADER_KINDS = (Kind.HELLO, Kind.HELLO_ACK)
_OUTER_KINDS = (Kind.SEALED, Kind.SIGNED)
_REMEDY = "the other side is broken or speaks another protocol"

Record: TypeAlias = bytes | bytearray
"""A whole frame behind the room of a prefix, whose channel and LOCAL bit are right."""


class Parts:
    """A frame too large for one piece of memory: its buffers, which are cut into records.

    ``size`` counts the bytes of the frame, ``channel`` and ``local`` go into each prefix.
    """

    __slots__ = ("buffers", "channel", "local", "size")

    def __init__(self, buffers: list[memoryview], channel: int, local: int) -> None:
        self.buffers = buffers
        self.channel = channel
        self.local = local
        self.size = sum(buffer.nbytes for buffer in buffers)


def pack(frame: DataFrame) -> bytes | Parts:
    """A frame ready to be queued: one record, or parts to be cut. Bodies are not copied into parts.

    Raises:
        LocalProtocolError: a field lies outside its limits.
    """
    kind = frame.kind
    if kind >= ROUTED_KIND_MIN or kind in _FULL_HEADER_KINDS:
        local = 0
        if len(frame.body) < 2 and (record := _pack_small(frame)):
            return record
        head, *body = encode(frame, MESH_HEADERS_BYTES_MAX)
        first = head[PREFIX_SIZE:]
    else:
        local, body = LOCAL, [*frame.body]
        parts, _ = packed_parts(
            frame,
            lambda size, count: _LOCAL_HEADER.pack(frame.kind, frame.flags, count, size),
        )
        first = b"".join(parts)
    size = len(first) + sum(memoryview(part).nbytes for part in body)
    if size <= SMALL_BYTES_MAX:
        prefix = LENGTH.pack(frame.priority << CHANNEL_SHIFT | local | size)
        return b"".join((prefix, first, *body))
    most = FRAME_BYTES_MAX if kind in _OUTER_KINDS else INNER_BYTES_MAX
    if size > most:
        raise LocalProtocolError(
            f"a frame of {size} bytes", remedy=f"send at most {most} bytes at once"
        )
    views = [memoryview(part).cast("B") for part in (first, *body) if len(part)]
    return Parts(views, frame.priority, local)


def _pack_small(frame: DataFrame) -> bytes:
    """The one record of a frame with at most one buffer; empty if it is too large or unsound.

    The most frequent frame by far: everything in one go.
    """
    body = frame.body[0] if frame.body else b""
    if len(body) > SMALL_BYTES_MAX // 2 or type(body) is memoryview:
        return b""
    try:
        headers = pack_headers(frame.headers)
        count = len(frame.body)
        table = LENGTH.pack(len(body)) if count else b""
        size = HEADER.size + len(table) + len(headers) + len(body)
        if size > SMALL_BYTES_MAX:
            return b""
        head = _RECORD_HEADER.pack(
            frame.priority << CHANNEL_SHIFT | size,
            VERSION,
            frame.kind,
            frame.priority,
            frame.ttl,
            frame.flags,
            frame.area,
            bytes.fromhex(frame.source),
            bytes.fromhex(frame.destination),
            frame.message_id,
            frame.hlc,
            len(headers),
            count,
        )
    except (struct.error, TypeError, ValueError, OverflowError, RecursionError):
        return b""  # ``encode`` says what is wrong
    return b"".join((head, table, headers, body))


def repack(record: Record) -> bytes | Parts:
    """A frame that was received, ready to be queued again."""
    if isinstance(record, bytes):
        return record
    local = LOCAL if record[0] & LOCAL >> 24 else 0
    return Parts([memoryview(record)[PREFIX_SIZE:]], channel_of(record), local)


def channel_of(record: Record) -> int:
    """The channel that a record came over."""
    return record[0] >> (CHANNEL_SHIFT - 24) & 3


def is_local(record: Record) -> bool:
    """Whether its frame concerns this link alone."""
    return bool(record[0] & LOCAL >> 24)


def unpack(record: Record, peer: NodeId = BROADCAST) -> DataFrame:
    """The frame in a record; ``peer`` becomes the source of one with the short header.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    if not is_local(record):
        frame = parse_frame(record, PREFIX_SIZE, MESH_HEADERS_BYTES_MAX)
        if frame.priority != channel_of(record):
            raise RemoteProtocolError("a frame on the channel of another priority", remedy=_REMEDY)
        return frame
    if len(record) < PREFIX_SIZE + _LOCAL_HEADER.size:
        raise RemoteProtocolError("a frame without its header", remedy=_REMEDY)
    kind, flags, count, size = _LOCAL_HEADER.unpack_from(record, PREFIX_SIZE)
    headers, body = read_parts(record, PREFIX_SIZE + _LOCAL_HEADER.size, count, size)
    return DataFrame(
        kind,
        peer,
        BROADCAST,
        priority=min(channel_of(record), CHANNELS - 1),
        ttl=1,
        flags=flags,
        headers=headers,
        body=body,
    )


class RecordReader:
    """Cuts the bytes of one connection into records, each a whole frame.

    Bytes are written into :meth:`buffer` and told by :meth:`filled`, so that a large frame is read
    from the system into its own memory and never copied.
    """

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._memory = bytearray(SCRATCH_BYTES)
        self._scratch = memoryview(self._memory)
        self._used = 0
        self._partial: list[bytearray | None] = [None] * CHANNELS
        self._have = [0] * CHANNELS
        self._channel = 0
        self._left = 0
        self._is_last = True
        self._kept: list[bytearray] = []

    def buffer(self) -> memoryview:
        """Where the next bytes belong; never empty."""
        frame = self._partial[self._channel]
        if self._left and frame is not None:
            have = self._have[self._channel]
            return memoryview(frame)[have : have + self._left]
        return self._scratch[self._used :]

    def filled(self, count: int) -> list[Record]:
        """The frames that the first ``count`` bytes of the buffer complete.

        Raises:
            RemoteProtocolError: the bytes are not records; the stream is of no more use.
        """
        if not self._left:
            self._used = used = self._used + count
            if used >= PREFIX_SIZE and used <= SMALL_BYTES_MAX:
                # Most often just one whole small frame has come.
                (prefix,) = LENGTH.unpack_from(self._memory)
                channel = prefix >> CHANNEL_SHIFT
                if (
                    (prefix & LENGTH_MASK) + PREFIX_SIZE == used
                    and channel < CHANNELS
                    and self._partial[channel] is None
                    and used <= self._frame_bytes_max
                ):
                    self._used = 0
                    return [bytes(self._scratch[:used])]
            return self._cut()
        self._have[self._channel] += count
        self._left -= count
        if self._left or not self._is_last:
            return []
        return [self._finished(self._channel)]

    def receive(self, data: bytes | bytearray | memoryview) -> list[Record]:
        """The frames that ``data`` completes.

        Raises:
            RemoteProtocolError: the bytes are not records; the stream is of no more use.
        """
        records: list[Record] = []
        rest = memoryview(data)
        while rest.nbytes:
            room = self.buffer()
            count = min(rest.nbytes, room.nbytes)
            room[:count] = rest[:count]
            records += self.filled(count)
            rest = rest[count:]
        return records

    def _cut(self) -> list[Record]:
        """Take the records out of the scratch memory; parts of large frames go to theirs."""
        records: list[Record] = []
        memory, used, start = self._memory, self._used, 0
        while used - start >= PREFIX_SIZE:
            (prefix,) = LENGTH.unpack_from(memory, start)
            length = prefix & LENGTH_MASK
            end = start + PREFIX_SIZE + length
            channel = prefix >> CHANNEL_SHIFT & 3
            is_whole = not prefix & MORE and channel < CHANNELS and self._partial[channel] is None
            if is_whole and end <= used and length <= self._frame_bytes_max:
                records.append(bytes(self._scratch[start:end]))
                start = end
                continue
            if (
                is_whole
                and end - start <= SMALL_BYTES_MAX + PREFIX_SIZE
                and length <= self._frame_bytes_max
            ):
                break  # it fits here: wait for the rest
            begin = self._begin_part(prefix, channel, length, start)
            if begin < 0:
                break
            taken = min(used - begin, self._left)
            frame, have = self._partial[channel], self._have[channel]
            if frame is not None:
                frame[have : have + taken] = self._scratch[begin : begin + taken]
            self._have[channel] += taken
            self._left -= taken
            start = begin + taken
            if not self._left and self._is_last:
                records.append(self._finished(channel))
        left = used - start
        if start and left:
            memory[:left] = memory[start:used]
        self._used = left
        return records

    def _begin_part(self, prefix: int, channel: int, length: int, start: int) -> int:
        """Prepare for one record of a large frame; where its bytes begin, -1 if more are needed."""
        if channel >= CHANNELS:
            raise RemoteProtocolError(f"a record on channel {channel}", remedy=_REMEDY)
        begin = start + PREFIX_SIZE
        frame = self._partial[channel]
        if frame is None:
            total = length
            if prefix & MORE:
                if self._used - begin < LENGTH.size:
                    return -1
                (total,) = LENGTH.unpack_from(self._memory, begin)
                begin += LENGTH.size
                length -= LENGTH.size
            if not 0 < length <= total <= self._frame_bytes_max:
                raise RemoteProtocolError(
                    f"a frame of {total} bytes (limit {self._frame_bytes_max})", remedy=_REMEDY
                )
            frame = self._partial[channel] = self._room_for(PREFIX_SIZE + total)
            LENGTH.pack_into(frame, 0, prefix & ~MORE)
            self._have[channel] = PREFIX_SIZE
        self._is_last = not prefix & MORE
        missing = len(frame) - self._have[channel]
        if length > missing or (self._is_last and length != missing) or not length:
            raise RemoteProtocolError("the records of a frame do not add up", remedy=_REMEDY)
        self._channel, self._left = channel, length
        return begin

    def _room_for(self, size: int) -> bytearray:
        """Memory for a large frame: that of an earlier one which nobody looks at any more, or new.

        New memory is zeroed and its pages come one by one, which costs a tenth of the time that
        it takes to read a megabyte.
        """
        for place in range(len(self._kept)):
            memory = self._kept[place]
            if len(memory) == size and getrefcount(memory) <= _UNUSED_REFERENCES:
                try:
                    memory.append(0)
                except BufferError:  # somebody still has a view of it
                    continue
                memory.pop()
                del self._kept[place]
                return memory
        return bytearray(size)

    def _finished(self, channel: int) -> bytearray:
        frame = self._partial[channel]
        self._partial[channel] = None
        if frame is None:
            raise LocalProtocolError("no frame is being read on this channel")
        self._kept.append(frame)
        if len(self._kept) > KEPT_MAX:
            del self._kept[0]
        return frame

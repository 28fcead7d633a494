"""Bytes in, frames out. Whatever the bytes are, the outcome is frames or RemoteProtocolError."""

from __future__ import annotations

import struct
from typing import cast

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.wire.frame import (
    BUFFERS_MAX,
    HEADER,
    HEADERS_BYTES_MAX,
    LENGTH,
    PRIORITY_MAX,
    VERSION,
    DataFrame,
    Value,
)

FRAME_BYTES_MAX = 64 * 1024 * 1024
SCRATCH_BYTES = 64 * 1024
_REMEDY = "the other side is broken or speaks another protocol"


class FrameReader:
    """Cuts a stream of bytes into frames of at most ``frame_bytes_max`` bytes.

    Bytes are written into :meth:`buffer` and told by :meth:`filled`, so that a large frame is read
    from the system into its own memory and never copied; :meth:`receive` takes bytes as they are.
    """

    def __init__(self, frame_bytes_max: int = FRAME_BYTES_MAX) -> None:
        self._frame_bytes_max = frame_bytes_max
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._used = 0
        self._frame: bytearray | None = None
        self._have = 0

    def buffer(self) -> memoryview:
        """Where the next bytes belong; never empty."""
        if self._frame is not None:
            return memoryview(self._frame)[self._have :]
        return self._scratch[self._used :]

    def filled(self, count: int) -> list[DataFrame]:
        """The frames that the first ``count`` bytes of the buffer complete.

        Raises:
            RemoteProtocolError: the bytes are not frames; the stream is of no more use.
        """
        if self._frame is None:
            self._used += count
            return self._cut()
        self._have += count
        if self._have < len(self._frame):
            return []
        whole, self._frame = self._frame, None
        return [parse_frame(whole)]

    def receive(self, data: bytes | bytearray | memoryview) -> list[DataFrame]:
        """The frames that ``data`` completes.

        Raises:
            RemoteProtocolError: the bytes are not frames; the stream is of no more use.
        """
        frames: list[DataFrame] = []
        rest = memoryview(data)
        while rest.nbytes:
            room = self.buffer()
            count = min(rest.nbytes, room.nbytes)
            room[:count] = rest[:count]
            frames += self.filled(count)
            rest = rest[count:]
        return frames

    def _cut(self) -> list[DataFrame]:
        """Take the whole frames out of the scratch memory; a large one gets memory of its own."""
        frames: list[DataFrame] = []
        start = 0
        while self._used - start >= LENGTH.size:
            (length,) = LENGTH.unpack_from(self._scratch, start)
            if not HEADER.size <= length <= self._frame_bytes_max:
                raise RemoteProtocolError(
                    f"a frame of {length} bytes (limit {self._frame_bytes_max})", remedy=_REMEDY
                )
            begin, end = start + LENGTH.size, start + LENGTH.size + length
            if self._used >= end:
                frames.append(parse_frame(bytes(self._scratch[begin:end])))
                start = end
                continue
            if end > SCRATCH_BYTES:
                self._have = self._used - begin
                self._frame = bytearray(length)
                self._frame[: self._have] = self._scratch[begin : self._used]
                start = self._used
            break
        left = self._used - start
        self._scratch[:left] = bytes(self._scratch[start : self._used])
        self._used = left
        return frames


def parse_frame(data: bytes | bytearray) -> DataFrame:
    """The frame in ``data``, which is what follows its length; the body's buffers are views of it.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    (
        version,
        kind,
        priority,
        ttl,
        flags,
        area,
        source,
        destination,
        message_id,
        hlc,
        size,
        count,
    ) = HEADER.unpack_from(data)
    if version != VERSION or priority > PRIORITY_MAX:
        raise RemoteProtocolError(
            f"a frame of version {version} and priority {priority}", remedy=_REMEDY
        )
    table_end = HEADER.size + 4 * count
    if count > BUFFERS_MAX or size > HEADERS_BYTES_MAX or table_end + size > len(data):
        raise RemoteProtocolError(
            f"a frame of {len(data)} bytes with {count} buffers and {size} bytes of headers",
            remedy=_REMEDY,
        )
    sizes = struct.unpack_from(f">{count}I", data, HEADER.size)
    if table_end + size + sum(sizes) != len(data):
        raise RemoteProtocolError("the lengths inside a frame do not add up", remedy=_REMEDY)
    view = memoryview(data)
    return DataFrame(
        kind=kind,
        source=NodeId(source.hex()),
        destination=NodeId(destination.hex()),
        message_id=message_id,
        priority=priority,
        ttl=ttl,
        flags=flags,
        area=area,
        hlc=hlc,
        headers=_headers(view[HEADER.size + 4 * count : table_end + size]),
        body=_buffers(view, table_end + size, sizes),
    )


def _headers(data: memoryview) -> dict[str, Value]:
    try:
        headers = msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(
            f"headers that are not msgpack: {error}", remedy=_REMEDY
        ) from error
    if not isinstance(headers, dict) or not all(isinstance(key, str) for key in headers):
        raise RemoteProtocolError("headers that are not a map with text keys", remedy=_REMEDY)
    return cast("dict[str, Value]", headers)


def _buffers(view: memoryview, start: int, sizes: tuple[int, ...]) -> tuple[memoryview, ...]:
    buffers = []
    for size in sizes:
        buffers.append(view[start : start + size])
        start += size
    return tuple(buffers)

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
    MESH_HEADERS_BYTES_MAX,
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


def parse_frame(
    data: bytes | bytearray, start: int = 0, headers_bytes_max: int = HEADERS_BYTES_MAX
) -> DataFrame:
    """The frame in ``data`` from ``start`` to the end, without its length.

    The body's buffers are views of ``data``.

    Raises:
        RemoteProtocolError: the bytes are no frame.
    """
    if len(data) < start + HEADER.size:
        raise RemoteProtocolError("a frame without its header", remedy=_REMEDY)
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
    ) = HEADER.unpack_from(data, start)
    if version != VERSION or priority > PRIORITY_MAX:
        raise RemoteProtocolError(
            f"a frame of version {version} and priority {priority}", remedy=_REMEDY
        )
    headers, body = read_parts(data, start + HEADER.size, count, size, headers_bytes_max)
    return DataFrame(
        kind,
        NodeId(source.hex()),
        NodeId(destination.hex()),
        message_id,
        priority,
        ttl,
        flags,
        area,
        hlc,
        headers,
        body,
    )


def read_parts(
    data: bytes | bytearray,
    start: int,
    count: int,
    size: int,
    headers_bytes_max: int = MESH_HEADERS_BYTES_MAX,
) -> tuple[dict[str, Value], tuple[memoryview, ...]]:
    """The headers (``size`` bytes) and the ``count`` buffers behind the header of a frame.

    Raises:
        RemoteProtocolError: the lengths do not add up, or the headers are not msgpack.
    """
    begin = start + 4 * count
    end = begin + size
    if count > BUFFERS_MAX or size > headers_bytes_max or end > len(data):
        raise RemoteProtocolError(
            f"a frame of {len(data)} bytes with {count} buffers and {size} bytes of headers",
            remedy=_REMEDY,
        )
    if not count:
        if end != len(data):
            raise RemoteProtocolError("the lengths inside a frame do not add up", remedy=_REMEDY)
        return unpack_headers(data[begin:end]), ()
    view = memoryview(data)
    buffers = []
    place = end
    for buffer_size in struct.unpack_from(f">{count}I", data, start):
        buffers.append(view[place : place + buffer_size])
        place += buffer_size
    if place != len(data):
        raise RemoteProtocolError("the lengths inside a frame do not add up", remedy=_REMEDY)
    return unpack_headers(data[begin:end]), tuple(buffers)


def unpack_headers(data: bytes | bytearray) -> dict[str, Value]:
    """The headers in these bytes.

    Raises:
        RemoteProtocolError: they are no msgpack map with text keys.
    """
    if not data:
        return {}
    try:
        headers = msgpack.unpackb(data)
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise RemoteProtocolError(
            f"headers that are not msgpack: {error}", remedy=_REMEDY
        ) from error
    if not isinstance(headers, dict):
        raise RemoteProtocolError("headers that are not a map", remedy=_REMEDY)
    for key in headers:
        if type(key) is not str:
            raise RemoteProtocolError("headers whose keys are not text", remedy=_REMEDY)
    return cast("dict[str, Value]", headers)

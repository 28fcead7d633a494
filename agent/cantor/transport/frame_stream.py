"""Frames between two processes of one machine: parsing in, coalesced writing out."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, cast

from cantor.base.errors import RemoteProtocolError
from cantor.wire import DataFrame, FrameReader, encode
from cantor.wire.reader import FRAME_BYTES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_BYTES_MAX = 32 * 1024 * 1024
SOCKET_BYTES = 2 * 1024 * 1024
"""What the system may hold of what was sent, as far as it lets: a large frame then wakes the other
side once and not for every part.
"""


class FrameStream(asyncio.BufferedProtocol):
    """Whole frames over one stream socket, one after the other.

    ``on_frame(stream, frame)`` runs for each frame, ``on_lost(stream, reason)`` exactly once at the
    end. Writes made in one turn of the event loop leave together.
    """

    def __init__(
        self,
        on_frame: Callable[[FrameStream, DataFrame], None],
        on_lost: Callable[[FrameStream, str], None],
        *,
        frame_bytes_max: int = FRAME_BYTES_MAX,
        queue_bytes_max: int = QUEUE_BYTES_MAX,
    ) -> None:
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader(frame_bytes_max)
        self._queue_bytes_max = queue_bytes_max
        self._pending: list[bytes | bytearray | memoryview] = []
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reason = "the other side closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        try:
            for frame in self._reader.filled(nbytes):
                self._on_frame(self, frame)
        except RemoteProtocolError as error:
            self.close(str(error))

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._reason = f"{self._reason} ({exc})"
        self._pending.clear()
        self._transport = None
        self._on_lost(self, self._reason)

    def send(self, frame: DataFrame) -> bool:
        """Queue a frame; False if the connection is closed or its queue is full."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > self._queue_bytes_max:
            return False
        if not self._pending:
            self._loop.call_soon(self._flush)
        self._pending.extend(encode(frame))
        return True

    def _flush(self) -> None:
        if self._transport is not None and not self._transport.is_closing() and self._pending:
            self._transport.writelines(self._pending)
        self._pending.clear()

    def close(self, reason: str) -> None:
        """Close after what is queued has left; the reason goes to ``on_lost`` and the log."""
        if self._transport is None or self._transport.is_closing():
            return
        self._reason = reason
        self._flush()
        self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once, dropping what is queued."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

"""One TLS connection that carries frames: parsing in, coalesced writing out."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from cantor.base.errors import RemoteProtocolError
from cantor.wire import DataFrame, FrameReader, encode

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

_log = logging.getLogger(__name__)

QUEUE_BYTES_MAX = 32 * 1024 * 1024


class Connection(asyncio.BufferedProtocol):
    """Frames over one TLS stream.

    ``on_open(connection)`` runs when TLS is done, ``on_frame(connection, frame)`` for each frame,
    ``on_lost(connection, reason)`` exactly once at the end of a connection that was open.
    Writes made in one turn of the event loop leave together.
    """

    def __init__(
        self,
        on_open: Callable[[Connection], None],
        on_frame: Callable[[Connection, DataFrame], None],
        on_lost: Callable[[Connection, str], None],
    ) -> None:
        self._on_open = on_open
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader()
        self._pending: list[bytes | bytearray | memoryview] = []
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._reason = "the other side closed the connection"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._on_open(self)

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

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS session, for the peer's certificate."""
        if self._transport is None:
            raise RemoteProtocolError("the connection closed during its handshake")
        return cast("ssl.SSLObject", self._transport.get_extra_info("ssl_object"))

    @property
    def remote_address(self) -> str:
        """``host:port`` of the other side; empty once closed."""
        name = self._transport.get_extra_info("peername") if self._transport else None
        return f"{name[0]}:{name[1]}" if name else ""

    @property
    def queued_bytes(self) -> int:
        """What was sent and has not left this process yet."""
        written = self._transport.get_write_buffer_size() if self._transport else 0
        return written + sum(len(part) for part in self._pending)

    def send(self, frame: DataFrame) -> bool:
        """Queue a frame; False if the connection is closed or its queue is full."""
        if self._transport is None or self._transport.is_closing():
            return False
        if self._transport.get_write_buffer_size() > QUEUE_BYTES_MAX:
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

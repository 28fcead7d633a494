"""One TLS connection that carries records: cut out of the stream, and written in batches."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.errors import RemoteProtocolError
from cantor.mesh.links import STANDSTILL_MAX_S
from cantor.transport.tcp import (
    LineSpeed,
    acknowledged_ago_s,
    chunk_for,
    give_up_after,
    keep_unsent,
    tcp_figures,
)
from cantor.transport.tls_socket import TlsSocket
from cantor.wire.records import Parts, RecordReader, pack

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import Callable

    from cantor.transport.tcp import TcpFigures
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer
    from cantor.wire.records import Record

ACKNOWLEDGED_S = 0.7  # longer than the pause between two heartbeats
JOIN_BYTES_MAX = 32 * 1024
"""Buffers below this are copied into one write: each write is a TLS record of its own."""
GIVE_UP_S = STANDSTILL_MAX_S + 2.0
"""The core is to say first that a link is over; then the kernel lets go of what it still holds."""
UNSENT_BYTES_MIN = 16 * 1024
_FIRST_CHUNK = 64 * 1024
_log = logging.getLogger(__name__)


class Connection:
    """Records over one TLS stream.

    ``on_open(connection)`` runs when TLS is done, ``on_records(connection, records)`` for what
    arrives, ``on_room(connection)`` when it takes more after it was full, and
    ``on_lost(connection, reason)`` exactly once at the end of a connection that was open.
    """

    def __init__(
        self,
        on_open: Callable[[Connection], None],
        on_records: Callable[[Connection, list[Record]], None],
        on_lost: Callable[[Connection, str], None],
        on_room: Callable[[Connection], None],
    ) -> None:
        self._on_open = on_open
        self.on_records = on_records
        self._on_lost = on_lost
        self._on_room = on_room
        self._reader = RecordReader()
        self._tls: TlsSocket | None = None
        self._opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reason = "the other side closed the connection"
        self._is_full = False
        self.remote_address = ""
        """``host:port`` of the other side."""
        self.chunk = _FIRST_CHUNK
        self.line = LineSpeed()
        self.bytes_per_s = 0
        """The speed of a moment; 0 while too little was sent to know it."""

    def begin(
        self,
        connected: socket.socket,
        context: ssl.SSLContext,
        scratch: memoryview,
        *,
        is_server: bool,
    ) -> None:
        """Shake hands over a connected socket: see :class:`TlsSocket`."""
        try:
            host, port, *_ = connected.getpeername()
            self.remote_address = str(Address(host, port))
        except OSError:  # it has gone already, as reading from it will tell
            pass
        self._tls = TlsSocket(connected, context, self, scratch, is_server=is_server)
        self._size_for(self.chunk)
        give_up_after(connected, GIVE_UP_S)

    async def opened(self) -> None:
        """Wait until TLS is done.

        Raises:
            OSError: it failed; ``ssl.SSLError`` is one.
        """
        await self._opened

    def tls_open(self) -> None:
        if not self._opened.done():
            self._opened.set_result(None)
        self._on_open(self)

    def tls_buffer(self) -> memoryview:
        return self._reader.buffer()

    def tls_filled(self, count: int) -> None:
        try:
            records = self._reader.filled(count)
            if records:
                self.on_records(self, records)
        except RemoteProtocolError as error:
            self.close(str(error))

    def tls_drained(self) -> None:
        if self._is_full and self.queued_bytes <= self.chunk:
            self._is_full = False
            self._on_room(self)

    def tls_lost(self, cause: Exception | None) -> None:
        self._tls = None
        if cause is not None:
            self._reason = f"{self._reason} ({cause})"
        if not self._opened.done():
            refused = cause if isinstance(cause, OSError) else ConnectionError(self._reason)
            self._opened.set_exception(refused)
            self._opened.exception()  # nobody awaits it where the other side dialled
            where = {"address": self.remote_address, "reason": str(refused)}
            _log.info("no TLS with the other side", extra=where)
        elif not self._opened.cancelled():
            self._on_lost(self, self._reason)

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS session, for the peer's certificate."""
        if self._tls is None:
            raise RemoteProtocolError("the connection closed during its handshake")
        return self._tls.session

    @property
    def queued_bytes(self) -> int:
        """What was written and has not left this process yet."""
        return self._tls.queued_bytes if self._tls is not None else 0

    @property
    def room(self) -> int:
        """How many bytes to write now; 0 if it is closed, or full and will say when it is not."""
        tls = self._tls
        if tls is None or self._is_full or not tls.is_usable:
            return 0
        return max(1, 2 * self.chunk - tls.queued_bytes)

    def write(self, buffers: list[Buffer]) -> int:
        """Write these one after the other, small ones together; how many bytes it were."""
        tls = self._tls
        if tls is None or not tls.is_usable:
            return 0
        if len(buffers) == 1:
            total = len(buffers[0])
            tls.write(buffers[0])
        else:
            total = _write_joined(tls, buffers)
        self._is_full = tls.queued_bytes > 2 * self.chunk
        return total

    def say(self, frame: DataFrame) -> None:
        """Write one small frame at once, past everything that waits elsewhere."""
        packed = pack(frame)
        if isinstance(packed, Parts):
            raise RemoteProtocolError("a frame too large to be said at once")
        self.write([packed])

    @property
    def is_acknowledged(self) -> bool:
        """Whether the other side's kernel has acknowledged something a moment ago."""
        ago_s = acknowledged_ago_s(self._tls.tcp) if self._tls is not None else None
        return ago_s is not None and ago_s < ACKNOWLEDGED_S

    def measure(self) -> TcpFigures | None:
        """What the kernel knows of this connection; fits the chunks to the speed of the line."""
        if self._tls is None:
            return None
        figures = tcp_figures(self._tls.tcp)
        if figures is not None:
            self.line.note(figures)
        if figures is not None and (
            not figures.is_idle or (0 < self.bytes_per_s < figures.bytes_per_s)
        ):
            self.bytes_per_s = figures.bytes_per_s
            chunk = chunk_for(figures.bytes_per_s)
            if not 0.75 < chunk / self.chunk < 1.33:
                self._size_for(chunk)
        return figures

    def close(self, reason: str) -> None:
        """Close after what was written has left; the reason goes to ``on_lost`` and the log."""
        if self._tls is not None and self._tls.is_usable:
            self._reason = reason
            self._tls.close()

    def abort(self, reason: str) -> None:
        """Close at once, dropping what is queued."""
        self._reason = reason
        if self._tls is not None:
            self._tls.abort()

    def _size_for(self, chunk: int) -> None:
        self.chunk = chunk
        if self._tls is not None:
            keep_unsent(self._tls.tcp, max(UNSENT_BYTES_MIN, 2 * chunk))


def _write_joined(tls: TlsSocket, buffers: list[Buffer]) -> int:
    """Write buffers in order, small ones together; how many bytes it were."""
    small: list[Buffer] = []
    small_size = total = 0
    for buffer in buffers:
        size = len(buffer)
        total += size
        is_large = size > JOIN_BYTES_MAX
        if small and (is_large or small_size > 2 * JOIN_BYTES_MAX):
            tls.write(b"".join(small))
            small, small_size = [], 0
        if is_large:
            tls.write(buffer)
        else:
            small.append(buffer)
            small_size += size
    if small:
        tls.write(b"".join(small))
    return total

"""One TLS connection that carries records: cut out of the stream, and written in batches."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from cantor.base.errors import RemoteProtocolError
from cantor.transport.tcp import acknowledged_ago_s, chunk_for, keep_unsent, tcp_figures
from cantor.wire.records import Parts, RecordReader, pack

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from cantor.transport.tcp import TcpFigures
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer
    from cantor.wire.records import Record

ACKNOWLEDGED_S = 0.7  # longer than the pause between two heartbeats
JOIN_BYTES_MAX = 32 * 1024
"""Buffers below this are copied into one write: each write is a TLS record of its own."""
UNSENT_BYTES_MIN = 16 * 1024
_FIRST_CHUNK = 64 * 1024


class Connection(asyncio.BufferedProtocol):
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
        self._transport: asyncio.Transport | None = None
        self._reason = "the other side closed the connection"
        self._is_full = False
        self.chunk = _FIRST_CHUNK
        self.bytes_per_s = 0
        """The speed of the line; 0 while too little was sent to know it."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._size_for(self.chunk)
        self._on_open(self)

    def get_buffer(self, sizehint: int) -> memoryview:
        del sizehint
        return self._reader.buffer()

    def buffer_updated(self, nbytes: int) -> None:
        try:
            records = self._reader.filled(nbytes)
            if records:
                self.on_records(self, records)
        except RemoteProtocolError as error:
            self.close(str(error))

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False
        self._on_room(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._reason = f"{self._reason} ({exc})"
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
        """What was written and has not left this process yet."""
        return self._transport.get_write_buffer_size() if self._transport else 0

    @property
    def room(self) -> int:
        """How many bytes to write now; 0 if it is closed, or full and will say when it is not."""
        if self._transport is None or self._is_full or self._transport.is_closing():
            return 0
        return max(1, 2 * self.chunk - self._transport.get_write_buffer_size())

    def write(self, buffers: list[Buffer]) -> int:
        """Write these one after the other, small ones together; how many bytes it were."""
        if self._transport is None or self._transport.is_closing():
            return 0
        if len(buffers) == 1:
            self._transport.write(buffers[0])
            return len(buffers[0])
        small: list[Buffer] = []
        small_size = total = 0
        for buffer in buffers:
            size = len(buffer)
            total += size
            is_large = size > JOIN_BYTES_MAX
            if small and (is_large or small_size > 2 * JOIN_BYTES_MAX):
                self._transport.write(b"".join(small))
                small, small_size = [], 0
            if is_large:
                self._transport.write(buffer)
            else:
                small.append(buffer)
                small_size += size
        if small:
            self._transport.write(b"".join(small))
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
        ago_s = acknowledged_ago_s(self._transport) if self._transport is not None else None
        return ago_s is not None and ago_s < ACKNOWLEDGED_S

    def measure(self) -> TcpFigures | None:
        """What the kernel knows of this connection; fits the chunks to the speed of the line."""
        if self._transport is None:
            return None
        figures = tcp_figures(self._transport)
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
        if self._transport is None or self._transport.is_closing():
            return
        self._reason = reason
        self._transport.close()

    def abort(self, reason: str) -> None:
        """Close at once, dropping what is queued."""
        self._reason = reason
        if self._transport is not None:
            self._transport.abort()

    def _size_for(self, chunk: int) -> None:
        self.chunk = chunk
        if self._transport is None:
            return
        self._transport.set_write_buffer_limits(high=2 * chunk, low=chunk)
        keep_unsent(self._transport, max(UNSENT_BYTES_MIN, 2 * chunk))

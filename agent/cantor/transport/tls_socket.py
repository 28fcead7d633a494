"""TLS over one TCP socket, without a copy more than OpenSSL makes.

The event loop only tells when the socket is readable or writable. What comes is decrypted into the
memory that its user offers; what goes is encrypted in pieces that stay in the processor's cache.
Measured beside uvloop's TLS transport with both cores of one machine: a quarter of the time for a
small message, 1.7 times the bytes per second (ADR 12).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer

SCRATCH_BYTES = 256 * 1024
PIECE_BYTES = 256 * 1024
HANDSHAKE_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 5.0


class TlsUser(Protocol):
    """Who reads and writes; every call comes on the event loop."""

    def tls_open(self) -> None:
        """The handshake is done."""

    def tls_buffer(self) -> memoryview:
        """Where the next bytes belong; never empty."""

    def tls_filled(self, count: int) -> None:
        """So many bytes were written into the buffer."""

    def tls_drained(self) -> None:
        """Something that waited has left."""

    def tls_lost(self, cause: Exception | None) -> None:
        """It has ended, or the handshake failed; ``None``: the other side closed. Once, last."""


class TlsSocket:
    """One TLS session over ``connected``, which it owns from now on.

    Args:
        connected: a TCP socket that does not block.
        context: what to present and whom to trust.
        user: who reads and writes.
        scratch: memory for what comes; may be shared by all sockets of one event loop.
        is_server: whether the other side has dialled.
    """

    def __init__(
        self,
        connected: socket.socket,
        context: ssl.SSLContext,
        user: TlsUser,
        scratch: memoryview,
        *,
        is_server: bool,
    ) -> None:
        self.tcp = connected
        self._user = user
        self._scratch = scratch
        self._loop = asyncio.get_running_loop()
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.session = context.wrap_bio(self._incoming, self._outgoing, server_side=is_server)
        self._rest: memoryview | None = None
        self._waiting: deque[memoryview] = deque()
        self._waiting_bytes = 0
        self._is_open = self._is_closing = self._is_over = self._has_ended = False
        self._cause: Exception | None = None
        with contextlib.suppress(OSError):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._loop.add_reader(connected.fileno(), self._readable)
        self._timer = self._loop.call_later(HANDSHAKE_TIMEOUT_S, self._too_slow)
        self._shake()

    @property
    def is_usable(self) -> bool:
        """Whether it takes bytes."""
        return self._is_open and not self._is_closing and not self._has_ended

    @property
    def queued_bytes(self) -> int:
        """What was written and not yet taken by the kernel."""
        return self._waiting_bytes + (len(self._rest) if self._rest is not None else 0)

    def write(self, data: Buffer) -> None:
        """Send bytes, now or when those before have left; they must not change meanwhile."""
        if not self.is_usable:
            return
        if self._rest is not None or len(data) > PIECE_BYTES:
            view = memoryview(data)
            self._waiting.append(view)
            self._waiting_bytes += view.nbytes
            if self._rest is None:
                self._send_waiting()
            return
        self._encrypt(data)

    def close(self) -> None:
        """Say goodbye after what was written has left, and wait until the other side has read it.

        To close before it has would reset the connection and lose what is on its way.
        """
        if self._has_ended or self._is_closing:
            return
        if not self._is_open:
            self._end(None)
            return
        self._is_closing = True
        self._timer = self._loop.call_later(GOODBYE_TIMEOUT_S, self._end, None)
        if self._rest is None:
            self._say_goodbye()

    def abort(self) -> None:
        """End at once; what was written may not arrive."""
        self._end(None)

    def _readable(self) -> None:
        try:
            count = self.tcp.recv_into(self._scratch)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._end(error)
            return
        if not count:
            self._end(None)
        elif not self._is_closing:  # who has said goodbye does not listen any more
            self._incoming.write(self._scratch[:count])
            if self._is_open:
                self._decrypt()
            else:
                self._shake()

    def _decrypt(self) -> None:
        user = self._user
        try:
            while self.is_usable:
                room = user.tls_buffer()
                count, is_all = self._fill(room)
                if count:
                    user.tls_filled(count)
                if self._is_over:
                    self._end(self._cause)
                if is_all:
                    break
        except Exception as error:
            self._end(error)
            raise
        if self._outgoing.pending and self._rest is None and not self._has_ended:
            self._send(self._outgoing.read())  # the answer to a change of keys

    def _fill(self, room: memoryview) -> tuple[int, bool]:
        """Decrypt what came into ``room``: how many bytes, and whether that was all.

        OpenSSL gives 16 KiB at a time; the user hears of them together.
        """
        read, incoming, size, have = self.session.read, self._incoming, room.nbytes, 0
        try:
            while have < size:
                count: int = read(size - have, room[have:])  # type: ignore[assignment]
                have += count
                if not count:
                    self._is_over = True
                if not count or (have < size and not incoming.pending):
                    return have, True
        except ssl.SSLWantReadError:
            return have, True
        except ssl.SSLZeroReturnError:
            self._is_over = True
        except ssl.SSLError as error:
            self._is_over, self._cause = True, error
        return have, False

    def _shake(self) -> None:
        try:
            self.session.do_handshake()
        except ssl.SSLWantReadError:
            self._send(self._outgoing.read())
            return
        except (ssl.SSLError, OSError) as error:
            self._send(self._outgoing.read())  # the alert that says why
            self._end(error)
            return
        self._timer.cancel()
        self._is_open = True
        self._send(self._outgoing.read())
        if not self._has_ended:
            self._loop.call_soon(self._open)

    def _open(self) -> None:
        if self.is_usable:
            self._user.tls_open()
            self._decrypt()  # what came with the end of the handshake

    def _encrypt(self, data: Buffer) -> None:
        try:
            self.session.write(data)
        except ssl.SSLError as error:
            self._end(error)
            return
        self._send(self._outgoing.read())

    def _send(self, encrypted: bytes) -> None:
        if not encrypted:
            return
        if self._rest is not None:  # only a handshake answers before its last words have left
            self._rest = memoryview(bytes(self._rest) + encrypted)
            return
        try:
            sent = self.tcp.send(encrypted)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError as error:
            self._end(error)
            return
        if sent < len(encrypted):
            self._rest = memoryview(encrypted)[sent:]
            self._loop.add_writer(self.tcp.fileno(), self._writable)

    def _writable(self) -> None:
        rest = self._rest
        if rest is not None:
            try:
                sent = self.tcp.send(rest)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._end(error)
                return
            if sent < len(rest):
                self._rest = rest[sent:]
                self._user.tls_drained()
                return
            self._rest = None
            self._loop.remove_writer(self.tcp.fileno())
        self._send_waiting()
        if self._rest is None and self._is_closing and not self._has_ended:
            self._say_goodbye()
        elif self.is_usable:
            self._user.tls_drained()

    def _send_waiting(self) -> None:
        while self._waiting and self._rest is None and not self._has_ended:
            view = self._waiting.popleft()
            if view.nbytes > PIECE_BYTES:
                self._waiting.appendleft(view[PIECE_BYTES:])
                view = view[:PIECE_BYTES]
            self._waiting_bytes -= view.nbytes
            self._encrypt(view)

    def _say_goodbye(self) -> None:
        with contextlib.suppress(ssl.SSLError):
            self.session.unwrap()
        self._send(self._outgoing.read())
        with contextlib.suppress(OSError):
            if not self._has_ended and self._rest is None:
                self.tcp.shutdown(socket.SHUT_WR)

    def _too_slow(self) -> None:
        self._end(TimeoutError("no TLS handshake in time"))

    def _end(self, cause: Exception | None) -> None:
        if self._has_ended:
            return
        self._has_ended = True
        self._timer.cancel()
        self._loop.remove_reader(self.tcp.fileno())
        self._loop.remove_writer(self.tcp.fileno())
        self.tcp.close()
        self._waiting.clear()
        self._waiting_bytes, self._rest = 0, None
        self._loop.call_soon(self._user.tls_lost, cause)

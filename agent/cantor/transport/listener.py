"""Listening TCP sockets, and connecting ones, that do not block."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.address import Address

    _Where = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
BACKLOG = 128
ACCEPTED_AT_ONCE_MAX = 32
OUT_OF_FILES_S = 1.0
_OUT_OF_FILES = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_log = logging.getLogger(__name__)


class Listener:
    """One address, and all that its name stands for, at which connections are accepted."""

    def __init__(self, accepted: Callable[[socket.socket], None]) -> None:
        self._accepted = accepted
        self._loop = asyncio.get_running_loop()
        self._sockets: list[socket.socket] = []

    async def listen(self, address: Address) -> int:
        """Begin; the port, chosen by the system if 0 was asked.

        Raises:
            OSError: the address cannot be used.
        """
        found = await self._loop.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        port = address.port
        try:
            for family, kind, protocol, _, where in dict.fromkeys(found):
                listening = socket.socket(family, kind, protocol)
                self._sockets.append(listening)
                listening.setblocking(False)
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                listening.bind((where[0], port, *where[2:]))
                listening.listen(BACKLOG)
                port = int(listening.getsockname()[1])
        except OSError:
            self.close()
            raise
        for listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)
        return port

    def close(self) -> None:
        """Accept no more."""
        for listening in self._sockets:
            self._loop.remove_reader(listening.fileno())
            listening.close()
        self._sockets.clear()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE_MAX):
            try:
                connected, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _OUT_OF_FILES:
                    raise
                _log.error("no connection can be accepted", extra={"reason": str(error)})
                self._loop.remove_reader(listening.fileno())
                self._loop.call_later(OUT_OF_FILES_S, self._accept_again, listening)
                return
            connected.setblocking(False)
            self._accepted(connected)

    def _accept_again(self, listening: socket.socket) -> None:
        if listening in self._sockets:
            self._loop.add_reader(listening.fileno(), self._accept, listening)


async def connect(address: Address) -> socket.socket:
    """A connected socket to the first of an address's meanings that answers.

    All are tried at once: a family of addresses that leads nowhere holds up nobody.

    Raises:
        OSError: none does.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    attempts: dict[asyncio.Future[socket.socket], socket.socket] = {}
    for family, kind, protocol, _, where in dict.fromkeys(found):
        connecting = socket.socket(family, kind, protocol)
        attempts[asyncio.ensure_future(_connect(connecting, where))] = connecting
    refused = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    connected: socket.socket | None = None
    try:
        for answer in asyncio.as_completed(attempts):
            try:
                connected = await answer
            except OSError as error:
                refused = error
            else:
                return connected
    finally:
        for attempt, connecting in attempts.items():
            if connecting is not connected:
                # Once the event loop has let go of it; waited for here, who gives this up meanwhile
                # would lose the one that is connected.
                attempt.cancel()
                attempt.add_done_callback(partial(_close, connecting))
    raise refused


def _close(connecting: socket.socket, attempt: asyncio.Future[socket.socket]) -> None:
    connecting.close()
    if not attempt.cancelled():
        attempt.exception()  # nobody else asks for it


async def _connect(connecting: socket.socket, where: _Where) -> socket.socket:
    connecting.setblocking(False)
    await asyncio.get_running_loop().sock_connect(connecting, where)
    return connecting

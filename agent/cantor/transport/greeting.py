"""The dialler's half of a handshake: connect, say hello, await the answer."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.transport.connection import Connection
from cantor.transport.listener import connect
from cantor.transport.tls_socket import HANDSHAKE_TIMEOUT_S
from cantor.wire import Hello, agree, hello_frame, parse_hello
from cantor.wire.records import unpack

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from cantor.wire import DataFrame
    from cantor.wire.records import Record

DIAL_TIMEOUT_S = 3.0


class Greeting:
    """One attempt to open a connection; once released, records go to ``on_records``."""

    def __init__(
        self,
        address: str,
        hello: Hello,
        on_records: Callable[[Connection, list[Record]], None],
        on_lost: Callable[[Connection, str], None],
        on_room: Callable[[Connection], None],
    ) -> None:
        self._address = address
        self._hello = hello
        self._on_records = on_records
        self._on_lost = on_lost
        self._on_room = on_room
        self._early: list[Record] = []
        self._answer: asyncio.Future[DataFrame] = asyncio.get_running_loop().create_future()

    async def connect(self, context: ssl.SSLContext, scratch: memoryview) -> Connection:
        """Open the connection; the hello leaves with the end of the TLS handshake.

        ``scratch`` is memory for what comes: see :class:`cantor.transport.tls_socket.TlsSocket`.

        Raises:
            ConfigError: it is no address.
            UnavailableError: nobody answers there, or TLS fails.
        """
        address = Address.parse(self._address)
        connection = Connection(self._opened, self._received, self._lost, self._on_room)
        try:
            async with asyncio.timeout(DIAL_TIMEOUT_S):
                connected = await connect(address)
                connection.begin(connected, context, scratch, is_server=False)
                await connection.opened()
        except asyncio.CancelledError:
            connection.abort("nobody waits for it any more")
            raise
        except (OSError, TimeoutError) as error:
            connection.abort("TLS failed")
            cause = str(error) or "no answer in time"
            raise UnavailableError(f"cannot be reached: {cause}", where=self._address) from error
        return connection

    async def answered(self) -> None:
        """Wait for the other side's answer.

        Raises:
            RemoteProtocolError: it refuses, does not answer in time or does not agree.
        """
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                agree(self._hello, parse_hello(await self._answer))
        except TimeoutError as error:
            raise RemoteProtocolError("does not answer our hello", where=self._address) from error

    def release(self, connection: Connection) -> None:
        """Pass on what comes from now on, and what came right behind the answer."""
        connection.on_records = self._on_records
        if self._early:
            self._on_records(connection, self._early)

    def _opened(self, connection: Connection) -> None:
        connection.say(hello_frame(self._hello))

    def _received(self, connection: Connection, records: list[Record]) -> None:
        if not self._answer.done():
            self._answer.set_result(unpack(records.pop(0)))
        self._early += records

    def _lost(self, connection: Connection, reason: str) -> None:
        if not self._answer.done():
            self._answer.set_exception(
                RemoteProtocolError(f"refused us: {reason}", where=self._address)
            )
            self._answer.exception()
        self._on_lost(connection, reason)

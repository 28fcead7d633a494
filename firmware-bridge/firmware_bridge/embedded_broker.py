"""An MQTT broker inside this process, for demonstrations and tests: amqtt, on loopback only.

MQTT 3.1.1, no users, nothing kept on disk. It is no broker for production: that is Mosquitto. It
runs on a thread with an event loop of its own, so that it answers while the caller is busy, and so
that what amqtt leaves behind ends with that loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from typing import TYPE_CHECKING, Self

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter  # type: ignore[import-untyped]
from amqtt.broker import Broker  # type: ignore[import-untyped]
from amqtt.contexts import BrokerConfig  # type: ignore[import-untyped]

from cantor.base.errors import UnavailableError

if TYPE_CHECKING:
    from types import TracebackType

HOST = "127.0.0.1"
CONNECTIONS_MAX = 200
STOP_TIMEOUT_S = 3.0
LOOP_TURNS = 8
_LISTENER = "default"
_ANYBODY = "amqtt.plugins.authentication.AnonymousAuthPlugin"


class EmbeddedBroker:
    """``async with EmbeddedBroker() as broker:`` — clients connect to ``HOST``, ``broker.port``."""

    def __init__(self, port: int = 0) -> None:
        """``port`` 0: one that is free."""
        self.port = port
        self._connections: set[asyncio.StreamWriter] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = asyncio.Event()
        self._is_ready = threading.Event()
        self._error: OSError | None = None
        self._thread = threading.Thread(target=self._run, name="broker", daemon=True)

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            UnavailableError: something else listens on the port.
        """
        self._thread.start()
        await asyncio.to_thread(self._is_ready.wait)
        if self._error is not None:
            raise UnavailableError(
                f"the broker cannot listen: {self._error.strerror}",
                where=f"{HOST}:{self.port}",
                remedy="choose another port, or 0 for a free one",
            ) from self._error
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every connection and the thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join)

    def _run(self) -> None:
        # amqtt logs an error for each client that leaves without a word: everyday for a broker.
        logging.getLogger("amqtt").setLevel(logging.CRITICAL)
        logging.getLogger("transitions").setLevel(logging.CRITICAL)
        with asyncio.Runner() as runner:
            try:
                runner.run(self._serve())
            except OSError as error:
                self._error = error
            finally:
                self._is_ready.set()

    async def _serve(self) -> None:
        settings = {
            "listeners": {_LISTENER: {"type": "external", "bind": HOST}},
            "plugins": {_ANYBODY: {"allow_anonymous": True}},
        }
        broker = Broker(BrokerConfig.from_dict(settings))

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if self._stop.is_set() or len(self._connections) >= CONNECTIONS_MAX:
                writer.transport.abort()
                return
            self._connections.add(writer)
            # asyncio.streams of Python 3.11 complains of a callback that ends by cancellation.
            try:
                with contextlib.suppress(asyncio.CancelledError):
                    await broker.external_connected(
                        StreamReaderAdapter(reader), StreamWriterAdapter(writer), _LISTENER
                    )
            finally:
                self._connections.discard(writer)
                writer.transport.abort()

        server = await asyncio.start_server(connected, HOST, self.port)
        await broker.start()
        self._loop = asyncio.get_running_loop()
        self.port = server.sockets[0].getsockname()[1]
        self._is_ready.set()
        await self._stop.wait()
        # A connection that is being accepted while its server closes would be lost, open.
        for listening in server.sockets:
            self._loop.remove_reader(listening.fileno())
        await _turn()
        server.close()
        for writer in self._connections:
            writer.transport.abort()
        with contextlib.suppress(TimeoutError):  # what is left ends with the loop
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await broker.shutdown()
        await _turn()


async def _turn() -> None:
    """Let the loop finish what it has begun: taking connections, and closing them."""
    for _ in range(LOOP_TURNS):
        await asyncio.sleep(0)

"""What an agent does with a closed service: it opens its ports, and asks whether it is well.

At ``full`` a service has a network of its own. The ports that its manifest declares are opened on
the box by the agent, which passes each connection on.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError, reason_of
from cantor.node.push.outside import LOOPBACK
from cantor.node.push.way import Start, launcher
from cantor.workers import launch
from cantor.workers.sandbox import gate
from cantor.workers.sandbox.program import CHECK_S, Program, outside

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cantor.node.push.way import Connection
    from cantor.workers.sandbox.levels import Sandbox

PORT_MIN = 1024
"""Lower ones belong to the box."""
CONNECTIONS_MAX = 256
"""To one service at once; further ones are closed."""
_PIECE_BYTES = 64 * 1024
_SLACK_S = 1.0
_CHECKS = 256
"""The number of a check is one byte."""


class Inside:
    """The way to one closed process; ``health`` is its health command."""

    def __init__(
        self,
        sandbox: Sandbox,
        folder: Path,
        environment: Mapping[str, str],
        health: tuple[str, ...] = (),
        inherited: tuple[int, ...] = (),
    ) -> None:
        """``inherited`` are descriptors that the process keeps."""
        self.sandbox = sandbox
        self.folder = folder
        self.environment = environment
        self._health = health
        self._inherited = inherited
        self._door, self._their_door = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._checks, self._their_checks = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._checks.setblocking(False)
        self._door.settimeout(2 * gate.CONNECT_S + _SLACK_S)
        self._asking, self._checking = asyncio.Lock(), asyncio.Lock()
        self._questions = itertools.count()
        self._servers: list[asyncio.Server] = []
        self._passing: set[asyncio.Task[None]] = set()

    @property
    def descriptors(self) -> tuple[int, int]:
        """What the launcher inherits."""
        return self._their_door.fileno(), self._their_checks.fileno()

    def start_of(self, command: Sequence[str]) -> Start:
        """How the service's command is started; its sandbox bounds its memory."""
        program = Program(self.sandbox, str(self.folder), *self.descriptors, self._health)
        start = launcher("-P", "-m", launch.__name__)
        words = [*start, str(os.getpid()), program.encode(), "0", *command]
        found = outside(self.sandbox, self.environment)
        return Start(words, Path("/"), found, (*self.descriptors, *self._inherited))

    def started(self) -> None:
        """The launcher has what it inherits."""
        self._their_door.close()
        self._their_checks.close()

    async def open(self, ports: Iterable[int]) -> None:
        """Listen on the ports of the box, on all of its addresses; at ``net`` it does so itself.

        Raises:
            UnavailableError: one is taken, or is not for services.
        """
        if self.sandbox.level != "full":
            return
        for port in ports:
            if port < PORT_MIN:
                raise UnavailableError(
                    f"port {port} is not given to a closed service",
                    where="service.yaml",
                    remedy=f"take one from {PORT_MIN} on",
                )
            try:
                self._servers.append(await self._listening(port))
            except OSError as error:
                raise UnavailableError(
                    f"port {port} cannot be opened: {reason_of(error)}", where="service.yaml"
                ) from error

    async def connect(self, port: int) -> Connection:
        """A connection to a port of the service.

        Raises:
            OSError: nothing listens there.
        """
        if self.sandbox.level != "full":
            return await asyncio.open_connection(LOOPBACK, port)
        found = await self._asked(port)
        found.setblocking(False)
        return await asyncio.open_connection(sock=found)

    async def check(self) -> int:
        """What its health command ends with, run beside it.

        Raises:
            OSError: it could not be asked.
        """
        loop = asyncio.get_running_loop()
        async with self._checking, asyncio.timeout(CHECK_S + _SLACK_S):
            number = next(self._questions) % _CHECKS
            await loop.sock_sendall(self._checks, bytes([number]))
            while told := await loop.sock_recv(self._checks, 2):
                if told[0] == number:  # others come late
                    return told[1]
        raise ConnectionResetError("its checks have ended")

    async def close(self) -> None:
        """Close its ports, and every connection to them."""
        for server in self._servers:
            server.close()
        for task in self._passing:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        async with self._asking, self._checking:
            for end in (self._door, self._checks, self._their_door, self._their_checks):
                end.close()

    async def _asked(self, port: int) -> socket.socket:
        """What the launcher gives. Who waits no longer leaves the answer to be thrown away."""
        await self._asking.acquire()
        number = next(self._questions) % gate.NUMBERS
        asking = asyncio.ensure_future(asyncio.to_thread(gate.ask, self._door, port, number))
        asking.add_done_callback(lambda _: self._asking.release())
        try:
            return await asyncio.shield(asking)
        except asyncio.CancelledError:
            asking.add_done_callback(_thrown_away)
            raise

    async def _listening(self, port: int) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None  # noqa: S101 (streams make one)
            if len(self._passing) >= CONNECTIONS_MAX:
                writer.close()
                return
            self._passing.add(task)
            try:
                await self._pass_on((reader, writer), port)
            finally:
                self._passing.discard(task)

        return await asyncio.start_server(serve, None, port, limit=_PIECE_BYTES)

    async def _pass_on(self, client: Connection, port: int) -> None:
        """Until both sides have said all, or one is gone."""
        try:
            service = await self.connect(port)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(_copy(client[0], service[1]))
                    both.create_task(_copy(service[0], client[1]))
            finally:
                service[1].close()
        except* OSError:
            pass  # one of them is gone, or nothing listens
        finally:
            client[1].close()


def _thrown_away(asked: asyncio.Future[socket.socket]) -> None:
    with suppress(OSError, asyncio.CancelledError):
        asked.result().close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(_PIECE_BYTES):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()

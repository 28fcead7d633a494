"""The ports of a closed service, opened by the agent and passed on."""

from __future__ import annotations

import asyncio
import socket
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.node.push import inside as module
from cantor.node.push.inside import Inside
from cantor.workers.sandbox import gate
from cantor.workers.sandbox.levels import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WAIT_S = 20.0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def opened() -> AsyncIterator[Inside]:
    """With a launcher that is a thread of this process: inside is the network of this machine."""
    made = Inside(Sandbox("full", has_loopback=True))
    asked = socket.fromfd(made.descriptors[0], socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def keep() -> None:
        with asked:
            while gate.answer(asked):
                pass

    thread = threading.Thread(target=keep)
    thread.start()
    made.started()
    try:
        yield made
    finally:
        await made.close()
        await asyncio.to_thread(thread.join)


async def test_each_connection_is_passed_on_until_both_have_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    service, port = server.sockets[0].getsockname()[1], free_port()
    real = gate.ask
    monkeypatch.setattr(gate, "ask", lambda door, _: real(door, service))
    sent = bytes(range(256)) * 4096
    async with opened() as inside, asyncio.timeout(WAIT_S):
        await inside.open([port])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == sent
        writer.close()
    server.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_where_the_service_does_not_listen_yet_a_connection_ends() -> None:
    port = free_port()
    async with opened() as inside, asyncio.timeout(WAIT_S):
        await inside.open([port])
        with pytest.raises(ConnectionRefusedError):
            await inside.connect(free_port())


async def test_too_many_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONNECTIONS_MAX", 0)
    port = free_port()
    async with opened() as inside, asyncio.timeout(WAIT_S):
        await inside.open([port])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()


async def test_ports_of_the_box_and_taken_ones_are_refused_with_one_error() -> None:
    async with opened() as inside:
        with pytest.raises(UnavailableError, match="port 80 is not given to a closed service"):
            await inside.open([80])
        with socket.create_server(("", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(UnavailableError, match=f"port {port} cannot be opened"):
                await inside.open([port])

"""The ports of a closed service, opened by the agent and passed on."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import threading
from contextlib import asynccontextmanager
from pathlib import Path
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
    made = Inside(Sandbox("full", has_loopback=True), Path("/"), {})
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
    monkeypatch.setattr(gate, "ask", lambda door, _, number: real(door, service, number))
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


async def test_who_waits_no_longer_leaves_no_answer_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real, asked, may_ask = gate.ask, threading.Event(), threading.Event()
    given: list[socket.socket] = []

    def held_up(door: socket.socket, port: int, number: int) -> socket.socket:
        asked.set()
        may_ask.wait(WAIT_S)
        given.append(real(door, port, number))
        return given[-1]

    monkeypatch.setattr(gate, "ask", held_up)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as other:
        async with opened() as inside, asyncio.timeout(WAIT_S):
            impatient = asyncio.ensure_future(inside.connect(one.getsockname()[1]))
            await asyncio.to_thread(asked.wait, WAIT_S)
            impatient.cancel()
            await asyncio.wait([impatient])
            assert impatient.cancelled()
            asked.clear()
            patient = asyncio.ensure_future(inside.connect(other.getsockname()[1]))
            await asyncio.sleep(0)
            await asyncio.to_thread(bool)  # what it had begun in a thread would have begun now
            assert not asked.is_set()
            may_ask.set()
            _, writer = await patient
            assert writer.get_extra_info("peername")[1] == other.getsockname()[1]
            writer.close()
            assert given[0].fileno() == -1


async def test_when_it_ends_it_leaves_no_client_that_is_being_connected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, may_end = threading.Event(), threading.Event()

    def held_up(*_: object) -> socket.socket:
        asked.set()
        may_end.wait(WAIT_S)
        raise ConnectionRefusedError

    monkeypatch.setattr(gate, "ask", held_up)
    port = free_port()
    async with opened() as inside, asyncio.timeout(WAIT_S):
        await inside.open([port])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.to_thread(asked.wait, WAIT_S)
        closing = asyncio.ensure_future(inside.close())
        try:
            assert await reader.read() == b""
            assert not closing.done()
        finally:
            may_end.set()
            await closing
            writer.close()


CHECKER = """
import os, socket, sys
from cantor.workers.sandbox.program import answer_checks
answer_checks(socket.socket(fileno=int(sys.argv[1])), sys.argv[2:],
              lambda command: os.execvp(command[0], command))
"""


async def test_a_late_verdict_is_none_of_the_next_check(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    os.mkfifo(one)
    os.mkfifo(other)
    inside = Inside(Sandbox("net"), tmp_path, {})
    checks = inside.descriptors[1]
    line = 'mkdir is-first && read code < one || read code < other; exit "$code"'
    command = ["sh", "-c", line]
    checker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHECKER, str(checks), *command, pass_fds=[checks], cwd=tmp_path
    )
    inside.started()
    try:
        async with asyncio.timeout(WAIT_S):
            slow = asyncio.ensure_future(inside.check())
            tells = await asyncio.to_thread(one.open, "w")  # when it runs
            slow.cancel()
            await asyncio.wait([slow])
            next_one = asyncio.ensure_future(inside.check())
            with tells:
                tells.write("7\n")
            with await asyncio.to_thread(other.open, "w") as tells:
                tells.write("0\n")
            assert await next_one == 0
    finally:
        await inside.close()
        async with asyncio.timeout(WAIT_S):
            assert await checker.wait() == 0

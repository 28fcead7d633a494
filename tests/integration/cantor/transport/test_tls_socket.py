"""TLS over real sockets: what is written arrives, and every end is told once, with its cause."""

from __future__ import annotations

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cantor.identity.authority import Authority
from cantor.identity.contexts import client_context, server_context
from cantor.identity.store import IdentityFolder
from cantor.transport import tls_socket
from cantor.transport.tls_socket import SCRATCH_BYTES, TlsSocket

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.integration
WAIT_S = 10.0


class User:
    """What one end was told."""

    def __init__(self, buffer_size: int = 4096) -> None:
        self.got = bytearray()
        self.is_open = False
        self.ends: list[Exception | None] = []
        self.drained = 0
        self.fails = False
        self._buffer = bytearray(buffer_size)
        self._changed = asyncio.Event()

    def tls_open(self) -> None:
        self.is_open = True
        self._changed.set()

    def tls_buffer(self) -> memoryview:
        return memoryview(self._buffer)

    def tls_filled(self, count: int) -> None:
        if self.fails:
            raise ValueError("it cannot be taken")
        self.got += self._buffer[:count]
        self._changed.set()

    def tls_drained(self) -> None:
        self.drained += 1

    def tls_lost(self, cause: Exception | None) -> None:
        self.ends.append(cause)
        self._changed.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something that was told makes it hold."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                self._changed.clear()
                await self._changed.wait()

    async def ended(self) -> Exception | None:
        await self.until(lambda: bool(self.ends))
        return self.ends[-1]


class Contexts:
    """Both sides' contexts, and one of another mesh."""

    def __init__(self, folder: Path) -> None:
        authority, other = (Authority.create(name, now=datetime.now(UTC)) for name in "ab")
        boxes = [IdentityFolder(folder / name) for name in ("server", "client", "stranger")]
        issuers = (authority, authority, other)
        server, client, stranger = (
            box.install(issuer.issue(box.csr_pem(), now=datetime.now(UTC)))
            for box, issuer in zip(boxes, issuers, strict=True)
        )
        self.server = server_context(server)
        self.client = client_context(client)
        self.stranger = client_context(stranger)


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    return Contexts(tmp_path_factory.mktemp("tls"))


def sockets() -> tuple[socket.socket, socket.socket]:
    left, right = socket.socketpair()
    left.setblocking(False)
    right.setblocking(False)
    return left, right


def begin(
    connected: socket.socket, context: ssl.SSLContext, user: User, *, is_server: bool = False
) -> TlsSocket:
    scratch = memoryview(bytearray(SCRATCH_BYTES))
    return TlsSocket(connected, context, user, scratch, is_server=is_server)


class Pair:
    """Two ends that talk."""

    def __init__(self, contexts: Contexts, buffer_size: int = 4096) -> None:
        left, right = sockets()
        self.client_user, self.server_user = User(buffer_size), User(buffer_size)
        self.server = begin(right, contexts.server, self.server_user, is_server=True)
        self.client = begin(left, contexts.client, self.client_user)

    async def open(self) -> Pair:
        await self.client_user.until(lambda: self.client_user.is_open)
        await self.server_user.until(lambda: self.server_user.is_open)
        return self

    async def close(self) -> None:
        self.client.abort()
        self.server.abort()
        await self.client_user.ended()
        await self.server_user.ended()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(1, 700_000), min_size=1, max_size=8),
    buffer_size=st.sampled_from([1, 1000, 16_384, 70_000]),
)
def test_what_is_written_arrives_in_order_whatever_its_sizes(
    contexts: Contexts, sizes: list[int], buffer_size: int
) -> None:
    if buffer_size == 1:
        sizes = [size % 2000 + 1 for size in sizes]

    async def run() -> None:
        pair = await Pair(contexts, buffer_size).open()
        bodies = [bytes([number + 1]) * size for number, size in enumerate(sizes)]

        for body in bodies:
            pair.client.write(body)
        pair.server.write(b"back")

        whole = b"".join(bodies)
        await pair.server_user.until(lambda: len(pair.server_user.got) == len(whole))
        await pair.client_user.until(lambda: pair.client_user.got == b"back")
        assert pair.server_user.got == whole
        assert pair.client.queued_bytes == 0
        await pair.close()

    asyncio.run(run())


async def test_closing_lets_everything_arrive_first_and_tells_each_end_once(
    contexts: Contexts,
) -> None:
    pair = await Pair(contexts).open()
    body = bytes(3_000_000)

    pair.client.write(body)
    assert pair.client.queued_bytes > 0
    pair.client.close()
    pair.client.close()
    pair.server.write(b"too late to be heard")

    assert await pair.server_user.ended() is None
    assert await pair.client_user.ended() is None
    assert len(pair.server_user.got) == len(body)
    assert pair.client_user.got == b""
    assert pair.client_user.drained > 0
    pair.client.write(b"after the end")
    pair.client.abort()
    await asyncio.sleep(0)
    assert len(pair.client_user.ends) == len(pair.server_user.ends) == 1


async def test_a_goodbye_that_nobody_hears_ends_in_time(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_socket, "GOODBYE_TIMEOUT_S", 0.01)
    pair = await Pair(contexts).open()
    asyncio.get_running_loop().remove_reader(pair.server.tcp.fileno())  # it stands still

    pair.client.close()

    assert await pair.client_user.ended() is None
    await pair.close()


async def test_who_never_shakes_hands_is_let_go(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tls_socket, "HANDSHAKE_TIMEOUT_S", 0.01)
    left, right = sockets()
    user = User()
    begin(right, contexts.server, user, is_server=True)

    assert isinstance(await user.ended(), TimeoutError)
    assert not user.is_open
    left.close()


async def test_a_greeting_that_is_no_tls_is_refused(contexts: Contexts) -> None:
    left, right = sockets()
    user = User()
    begin(right, contexts.server, user, is_server=True)

    left.send(b"GET / HTTP/1.1\r\n\r\n")

    assert isinstance(await user.ended(), ssl.SSLError)
    assert not user.is_open
    left.close()


async def test_a_stranger_and_the_server_both_learn_why(contexts: Contexts) -> None:
    left, right = sockets()
    server, stranger = User(), User()
    begin(right, contexts.server, server, is_server=True)
    begin(left, contexts.stranger, stranger)

    assert "CERTIFICATE_VERIFY_FAILED" in str(await stranger.ended())
    assert isinstance(await server.ended(), ssl.SSLError)
    assert not server.is_open


async def test_bytes_that_were_changed_on_the_way_end_it(contexts: Contexts) -> None:
    client_socket, client_side = sockets()
    server_side, server_socket = sockets()
    client, server = User(), User()
    begin(server_socket, contexts.server, server, is_server=True)
    sender = begin(client_socket, contexts.client, client)
    loop = asyncio.get_running_loop()
    is_changing = False

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        data = bytearray(source.recv(65536))
        if is_changing and data:
            data[-1] ^= 1
        target.send(data)

    loop.add_reader(client_side, pass_on, client_side, server_side)
    loop.add_reader(server_side, pass_on, server_side, client_side)
    await client.until(lambda: client.is_open)
    await server.until(lambda: server.is_open)

    is_changing = True
    sender.write(b"transfer 10")

    assert isinstance(await server.ended(), ssl.SSLError)
    assert server.got == b""
    loop.remove_reader(client_side)
    loop.remove_reader(server_side)
    for one in (client_side, server_side):
        one.close()
    await client.ended()


async def test_a_user_that_fails_loses_the_connection_and_is_heard_of(contexts: Contexts) -> None:
    pair = await Pair(contexts).open()
    failures: list[str] = []
    asyncio.get_running_loop().set_exception_handler(
        lambda _, context: failures.append(str(context.get("exception")))
    )
    pair.server_user.fails = True

    pair.client.write(b"x")

    assert isinstance(await pair.server_user.ended(), ValueError)
    assert failures == ["it cannot be taken"]
    assert await pair.client_user.ended() is None

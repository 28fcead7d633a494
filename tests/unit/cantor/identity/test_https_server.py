from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from typing import TYPE_CHECKING

import pytest

from cantor.base.address import Address
from cantor.base.errors import EnrolmentError
from cantor.identity import https_server
from cantor.identity.https import post_json
from cantor.identity.https_server import BODY_BYTES_MAX, HttpsServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from cantor.identity.authority import Authority


async def echo(body: bytes) -> tuple[int, Mapping[str, object]]:
    return 200, {"size": len(body)}


async def refuse(_body: bytes) -> tuple[int, Mapping[str, object]]:
    raise EnrolmentError("the request is malformed")


async def fail(_body: bytes) -> tuple[int, Mapping[str, object]]:
    raise ZeroDivisionError


@pytest.fixture
def context(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    pem = tmp_path / "server.pem"
    now = dt.datetime(2026, 11, 24, tzinfo=dt.UTC)
    pem.write_bytes(authority.issue_server(["127.0.0.1"], now=now))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@pytest.fixture
async def port(context: ssl.SSLContext) -> AsyncIterator[int]:
    routes = {"/echo": echo, "/refuse": refuse, "/fail": fail}
    server = HttpsServer(routes, context)
    yield await server.start(Address("127.0.0.1", 0))
    await server.close()


async def test_who_connects_and_says_nothing_does_not_hold_a_descriptor_for_long(
    context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_server, "HANDSHAKE_TIMEOUT_S", 0.05)
    server = HttpsServer({}, context)
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", await server.start(Address("127.0.0.1", 0))
    )

    async with asyncio.timeout(20):  # without a limit of its own it would be a minute
        assert await reader.read() == b""
    writer.close()
    await server.close()


async def status_of(port: int, request: bytes) -> int:
    """The status that answers raw bytes; 0 if the connection just ends."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(request)
    answer = await reader.read()
    writer.close()
    return int(answer.split()[1]) if answer else 0


async def test_the_client_of_the_agent_is_answered(authority: Authority, port: int) -> None:
    url = f"https://127.0.0.1:{port}"
    assert await post_json(f"{url}/echo", {}, authority.root_pin) == (200, {"size": 2})
    status, problem = await post_json(f"{url}/refuse", {}, authority.root_pin)
    assert (status, problem["detail"]) == (400, "the request is malformed")
    assert (await post_json(f"{url}/fail", {}, authority.root_pin))[0] == 500


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", 200),
        (b"GET /echo HTTP/1.1\r\n\r\n", 405),
        (b"DELETE /echo HTTP/1.1\r\n\r\n", 405),
        (b"POST /none HTTP/1.1\r\n\r\n", 404),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", 413),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST /echo\r\n\r\n", 400),
        (b"\xff\xfe\r\n\r\n", 400),
        (b"POST /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
)
async def test_what_is_no_request_of_ours_gets_a_status(
    port: int, request_: bytes, status: int
) -> None:
    assert await status_of(port, request_) == status


async def test_a_body_up_to_the_limit_is_taken(port: int) -> None:
    head = f"POST /echo HTTP/1.1\r\nContent-Length: {BODY_BYTES_MAX}\r\n\r\n".encode()
    assert await status_of(port, head + b"x" * BODY_BYTES_MAX) == 200

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import ssl
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import EnrolmentError, UnavailableError
from cantor.identity.authority import Authority
from cantor.identity.https import RESPONSE_SIZE_BYTES_MAX, post_json

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

OK = b'HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n{"a": 1}'


class Served:
    """A hub's listener on loopback that answers every request with the same bytes."""

    def __init__(self, answer: bytes | None) -> None:
        self.answer = answer
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            self.requests.append(head + await reader.readexactly(size))
            if self.answer is None:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def hub(
    authority: Authority,
    tmp_path: Path,
    answer: bytes | None,
    hosts: Sequence[str] = ("127.0.0.1",),
    now: dt.datetime = dt.datetime(2026, 11, 24, tzinfo=dt.UTC),
) -> AsyncIterator[Served]:
    pem = tmp_path / "hub.pem"
    pem.write_bytes(authority.issue_server(hosts, now=now))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    served = Served(answer)
    async with await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context) as server:
        served.port = server.sockets[0].getsockname()[1]
        yield served


async def post(served: Served, pin: str, timeout_s: float = 10.0) -> tuple[int, dict[str, object]]:
    url = f"https://127.0.0.1:{served.port}/enrol"
    return await post_json(url, {"secret": "s3cret"}, pin, timeout_s=timeout_s)


async def test_a_request_reaches_the_hub_that_the_pin_names(
    authority: Authority, tmp_path: Path
) -> None:
    async with hub(authority, tmp_path, OK) as served:
        assert await post(served, authority.root_pin) == (200, {"a": 1})
    (request,) = served.requests
    head, _, content = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /enrol HTTP/1.1\r\nHost: 127.0.0.1:")
    assert json.loads(content) == {"secret": "s3cret"}


async def test_nothing_is_sent_to_a_server_with_another_root(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority.create("mesh.test", now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    async with hub(other, tmp_path, OK) as served:
        with pytest.raises(EnrolmentError, match="pin of its root does not match"):
            await post(served, authority.root_pin)
    assert not served.requests


async def test_nothing_is_sent_to_a_server_that_only_shows_the_right_root(
    authority: Authority, tmp_path: Path
) -> None:
    other = Authority.create("mesh.test", now=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    async with hub(other, tmp_path, OK) as served:
        pem = (tmp_path / "hub.pem").read_bytes() + authority.root_pem
        (tmp_path / "both.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    async with await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=context) as server:
        served.port = server.sockets[0].getsockname()[1]
        with pytest.raises(EnrolmentError, match="does not hold"):
            await post(served, authority.root_pin)
    assert not served.requests


async def test_a_certificate_for_another_host_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    async with hub(authority, tmp_path, OK, hosts=["10.9.9.9"]) as served:
        with pytest.raises(EnrolmentError, match="address"):
            await post(served, authority.root_pin)
    assert not served.requests


@pytest.mark.parametrize("year", [1971, 2044])
async def test_the_hubs_clock_may_differ_by_decades(
    authority: Authority, tmp_path: Path, year: int
) -> None:
    then = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    async with hub(authority, tmp_path, OK, now=then) as served:
        assert await post(served, authority.root_pin) == (200, {"a": 1})


async def test_refusals_come_back_with_their_status(authority: Authority, tmp_path: Path) -> None:
    answer = OK.replace(b"200 OK", b"409 Conflict")
    async with hub(authority, tmp_path, answer) as served:
        assert (await post(served, authority.root_pin))[0] == 409


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        OK[:-3],
        OK.replace(b'{"a": 1}', b"[1, 2,3]"),
        OK.replace(b'{"a": 1}', b"<html>.."),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (RESPONSE_SIZE_BYTES_MAX + 1),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 500 + b"\r\n{}",
    ],
    ids=["empty", "ssh", "cut", "list", "html", "deep", "long", "headers"],
)
async def test_an_answer_that_is_no_answer_is_an_error_with_a_place(
    authority: Authority, tmp_path: Path, answer: bytes
) -> None:
    async with hub(authority, tmp_path, answer) as served:
        with pytest.raises(UnavailableError, match="hub 127"):
            await post(served, authority.root_pin)
    assert served.requests


async def test_a_silent_hub_is_given_up(authority: Authority, tmp_path: Path) -> None:
    async with hub(authority, tmp_path, None) as served:
        with pytest.raises(UnavailableError, match="no answer within"):
            await post(served, authority.root_pin, timeout_s=0.5)


async def test_a_hub_that_is_off_is_named(authority: Authority, tmp_path: Path) -> None:
    async with hub(authority, tmp_path, OK) as served:
        pass
    with pytest.raises(UnavailableError, match="127"):
        await post(served, authority.root_pin)

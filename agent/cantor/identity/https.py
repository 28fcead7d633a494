"""One HTTPS request with nothing but asyncio: the core agent carries no HTTP library."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import ssl
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from cantor.base.errors import EnrolmentError, UnavailableError, reason_of
from cantor.identity.contexts import discovery_context, enrolment_context, pinned_root

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Mapping

RESPONSE_SIZE_BYTES_MAX = 256 * 1024
TIMEOUT_S = 15.0
_DER = 2  # _ssl.ENCODING_DER


async def post_json(
    url: str, body: Mapping[str, object], root_pin: str, *, timeout_s: float = TIMEOUT_S
) -> tuple[int, dict[str, object]]:
    """POST ``body`` to a hub that proves the pinned root, and return status and answer.

    A first connection only fetches the hub's certificates, to find the root that the pin names; the
    second trusts that root alone, checks the host name, and carries the request.

    Args:
        url: ``https://host:port/path``.
        body: what to send, as JSON.
        root_pin: first 16 bytes of the root's SHA-256, in hexadecimal.
        timeout_s: for the whole exchange.

    Raises:
        EnrolmentError: the server is not the hub that the pin names.
        UnavailableError: it cannot be reached, is too slow, or does not speak HTTP and JSON.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    where = f"hub {parts.netloc}"
    try:
        async with asyncio.timeout(timeout_s):
            root_pem = pinned_root(await _presented(host, port), root_pin)
            request = _request(parts.netloc, parts.path or "/", body)
            raw = await _exchange(host, port, enrolment_context(root_pem), request)
        return _parse(raw)
    except TimeoutError as error:
        raise _unavailable(f"gave no answer within {timeout_s:g} s", where) from error
    except ssl.SSLCertVerificationError as error:
        raise EnrolmentError(
            f"the certificate of the hub does not hold: {error.verify_message}",
            where=where,
            remedy="make a token with the address that the hub's certificate names",
        ) from error
    except OSError as error:
        raise _unavailable(f"cannot be reached: {reason_of(error)}", where) from error
    except (ValueError, RecursionError) as error:
        raise _unavailable(
            f"cannot be used: {str(error) or type(error).__name__}", where
        ) from error


@contextlib.asynccontextmanager
async def _connected(
    host: str, port: int, context: ssl.SSLContext
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    try:
        yield reader, writer
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _presented(host: str, port: int) -> list[bytes]:
    async with _connected(host, port, discovery_context()) as (_, writer):
        session = writer.get_extra_info("ssl_object")
        # Public from Python 3.13 on; before that the same method of the session underneath.
        if hasattr(session, "get_unverified_chain"):
            return list(session.get_unverified_chain())
        certificates = session._sslobj.get_unverified_chain() or []
        return [certificate.public_bytes(_DER) for certificate in certificates]


async def _exchange(host: str, port: int, context: ssl.SSLContext, request: bytes) -> bytes:
    async with _connected(host, port, context) as (reader, writer):
        writer.write(request)
        await writer.drain()
        answer = bytearray()
        while chunk := await reader.read(16 * 1024):
            answer += chunk
            if len(answer) > RESPONSE_SIZE_BYTES_MAX:
                message = f"its answer is longer than {RESPONSE_SIZE_BYTES_MAX} bytes"
                raise ValueError(message)
        return bytes(answer)


def _request(netloc: str, path: str, body: Mapping[str, object]) -> bytes:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {netloc}\r\nConnection: close\r\n"
        f"Accept: application/json\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(content)}\r\n\r\n"
    )
    return head.encode("ascii") + content


class _Received:
    """Bytes that have arrived, in the shape from which ``http.client`` reads."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._raw)


def _parse(raw: bytes) -> tuple[int, dict[str, object]]:
    import http.client  # over the mesh a node renews without it

    response = http.client.HTTPResponse(cast("socket.socket", _Received(raw)))
    with contextlib.closing(response):
        try:
            response.begin()
            answer = json.loads(response.read())
        except http.client.HTTPException as error:
            raise ValueError(str(error) or type(error).__name__) from error
    if not isinstance(answer, dict):
        message = "its answer is no JSON object"
        raise ValueError(message)
    return response.status, answer


def _unavailable(what: str, where: str) -> UnavailableError:
    return UnavailableError(
        what, where=where, remedy="check its address, the network between, and that it runs"
    )

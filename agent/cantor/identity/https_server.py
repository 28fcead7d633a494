"""A small HTTPS server for JSON with nothing but asyncio: the core agent carries no HTTP library.

It answers ``POST`` to the routes that it is given, and ``GET /healthz``; one request a connection.
"""

from __future__ import annotations

import asyncio
import http
import json
import logging
from typing import TYPE_CHECKING, TypeAlias

from cantor.base.errors import CantorError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.base.address import Address

Route: TypeAlias = "Callable[[bytes], Awaitable[tuple[int, Mapping[str, object]]]]"
HANDSHAKE_TIMEOUT_S = 5.0
"""Who connects and says nothing holds a descriptor of the agent for so long."""
REQUEST_TIMEOUT_S = 10.0
HEAD_BYTES_MAX = 8 * 1024
BODY_BYTES_MAX = 64 * 1024
CONNECTIONS_MAX = 64
_log = logging.getLogger(__name__)


class _RefusedError(Exception):
    """A request that gets a status and no route."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(str(status))


class HttpsServer:
    """Serves ``routes`` by path. More than 64 connections at once are closed unanswered."""

    def __init__(self, routes: Mapping[str, Route], context: ssl.SSLContext) -> None:
        self._routes = routes
        self._context = context
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, address: Address) -> int:
        """Listen; the port, chosen by the system if 0 was given.

        Raises:
            OSError: the address cannot be used.
        """
        self._server = await asyncio.start_server(
            self._accept,
            address.host,
            address.port,
            ssl=self._context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
            limit=HEAD_BYTES_MAX,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, and end what is under way."""
        if self._server is None:
            return
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._serving) >= CONNECTIONS_MAX:
            writer.transport.abort()
            return
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                status, body = await self._answer(reader)
                writer.write(_response(status, body))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            _log.info("a request broke off", extra={"reason": str(error) or type(error).__name__})
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[int, Mapping[str, object]]:
        try:
            method, path, size = _parse_head(await reader.readuntil(b"\r\n\r\n"))
            if (method, path) == ("GET", "/healthz"):
                return 200, {"status": "ok"}
            route = self._routes.get(path)
            if route is None:
                raise _RefusedError(404)
            if method != "POST":
                raise _RefusedError(405)
            return await route(await reader.readexactly(size))
        except asyncio.IncompleteReadError:  # most often a client that only looked at us
            raise
        except asyncio.LimitOverrunError:
            return _problem(431)
        except _RefusedError as refused:
            return _problem(refused.status)
        except CantorError as error:
            return _problem(400, error.what)
        except Exception:  # noqa: BLE001 (what one request gets wrong must not end the agent)
            _log.exception("a request failed")
            return _problem(500)


def _parse_head(head: bytes) -> tuple[str, str, int]:
    """Method, path, and the length of the body."""
    try:
        first, *lines = head.decode("ascii").split("\r\n")
        method, path, version = first.split(" ")
        fields = [line.partition(":") for line in lines if line]
        sizes = [value.strip() for name, _, value in fields if name.lower() == "content-length"]
        is_chunked = any(name.lower() == "transfer-encoding" for name, _, _ in fields)
        size = int(sizes[0]) if sizes and sizes[0].isdigit() else 0
    except (UnicodeDecodeError, ValueError) as error:
        raise _RefusedError(400) from error
    if not version.startswith("HTTP/1.") or len(sizes) > 1 or is_chunked:
        raise _RefusedError(400)
    if size > BODY_BYTES_MAX:
        raise _RefusedError(413)
    return method, path, size


def _problem(status: int, detail: str = "") -> tuple[int, dict[str, object]]:
    title = http.HTTPStatus(status).phrase
    return status, {"type": "about:blank", "status": status, "title": title, "detail": detail}


def _response(status: int, body: Mapping[str, object]) -> bytes:
    content = json.dumps(dict(body)).encode()
    kind = "application/problem+json" if status >= 400 else "application/json"
    head = (
        f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(content)}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + content

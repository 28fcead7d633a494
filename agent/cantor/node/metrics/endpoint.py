"""Where Prometheus reads this node's metrics: HTTP on this machine alone, and off unless asked for.

``/metrics`` gives this node's, ``/metrics?node=NAME`` another's (several times: of several), and
``/metrics?node=*`` those of all that can be reached. Only questions to an address of this machine
are answered: a page of the web that a browser here shows must not read them by a name of its own.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from cantor.base.address import Address
from cantor.base.errors import CantorError, ConfigError, reason_of
from cantor.node.metrics.exposition import OPEN, PLAIN, exposition

if TYPE_CHECKING:
    from cantor.node.metrics.service import Metrics
    from cantor.node.services import Node

PATH = "/metrics"
ALL = "*"
HEAD_BYTES_MAX = 16 * 1024
TIMEOUT_S = 15.0
AT_ONCE_MAX = 16
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
            405: "Method Not Allowed", 503: "Service Unavailable"}  # fmt: skip
_log = logging.getLogger(__name__)


def loopback_of(text: str) -> Address:
    """Where a person wants it.

    Raises:
        ConfigError: that is no address of this machine alone.
    """
    address = Address.parse(text)
    if not address.is_loopback:
        raise ConfigError(
            "others could read it there without a certificate",
            where=f"--prometheus {text}",
            remedy="give 127.0.0.1:PORT, and put a proxy with authentication before it",
        )
    return address


class Endpoint:
    """Serves one node's metrics."""

    def __init__(self, metrics: Metrics, node: Node, address: Address) -> None:
        self._metrics = metrics
        self._node = node
        self._address = address
        self._server: asyncio.Server | None = None
        self._open = 0
        self.port = 0

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: the address cannot be used.
        """
        host, port = self._address.host, self._address.port
        try:
            self._server = await asyncio.start_server(self._serve, host, port, limit=HEAD_BYTES_MAX)
        except OSError as error:
            raise ConfigError(
                f"cannot listen there: {reason_of(error)}", where=f"--prometheus {self._address}"
            ) from error
        self.port = self._server.sockets[0].getsockname()[1]
        _log.info("metrics for Prometheus", extra={"address": f"{host}:{self.port}"})

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= AT_ONCE_MAX:
                async with asyncio.timeout(TIMEOUT_S):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(await self._answer(head))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # who asked so gets no answer
        finally:
            self._open -= 1
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes) -> bytes:
        first, *rest = head.decode("latin-1").split("\r\n")
        words = first.split(" ")
        fields = {}
        for line in rest:
            name, _, value = line.partition(":")
            fields[name.strip().lower()] = value.strip()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _reply(400, "this is no HTTP")
        if not _is_local(fields.get("host", "")):
            return _reply(403, "ask for it by an address of this machine")
        if words[0] not in ("GET", "HEAD"):
            return _reply(405, "only GET and HEAD")
        url = urlsplit(words[1])
        if url.path != PATH:
            return _reply(404, f"it is at {PATH}")
        is_open = "application/openmetrics-text" in fields.get("accept", "")
        try:
            text = await self._text(parse_qs(url.query).get("node", []), is_open=is_open)
        except ConfigError as error:
            return _reply(404, str(error))
        except CantorError as error:
            return _reply(503, str(error))
        kind = OPEN if is_open else PLAIN
        return _reply(200, text, kind=kind, has_body=words[0] == "GET")

    async def _text(self, words: list[str], *, is_open: bool) -> str:
        if not words:
            values = await self._metrics.values_of(self._node.node_id)
            return exposition([(self._node.name, values)], is_open=is_open)
        named = self._metrics.named([] if ALL in words else words)
        found = await asyncio.gather(
            *(self._metrics.values_of(node) for node in named), return_exceptions=ALL in words
        )
        pairs = zip(named.values(), found, strict=True)
        there = [(name, one) for name, one in pairs if not isinstance(one, BaseException)]
        return exposition(there, is_open=is_open)


def _is_local(host: str) -> bool:
    try:
        return Address.parse(host if _has_port(host) else f"{host}:80").is_loopback
    except ConfigError:
        return False


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]


def _reply(
    status: int, text: str, *, kind: str = "text/plain; charset=utf-8", has_body: bool = True
) -> bytes:
    body = text.encode()
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\nX-Content-Type-Options: nosniff\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if has_body else b"")

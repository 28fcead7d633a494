"""An MQTT broker that lets everybody in, and remembers the passwords."""

from __future__ import annotations

import asyncio
import struct
from contextlib import suppress

_CONNECT, _PINGREQ = 1, 12
_CONNACK, _PINGRESP = b"\x20\x02\x00\x00", b"\xd0\x00"


class Broker:
    """Use as an async context; ``passwords`` are those of the connections so far."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        self.changed = asyncio.Event()
        self.port = 0

    async def __aenter__(self) -> Broker:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def asked_with(self, password: str) -> None:
        """Wait until somebody has connected with it."""
        while password not in self.passwords:
            self.changed.clear()
            await self.changed.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                kind = (await reader.readexactly(1))[0] >> 4
                body = await reader.readexactly(await _length(reader))
                if kind == _CONNECT:
                    self.passwords.append(_password(body))
                    self.changed.set()
                    writer.write(_CONNACK)
                elif kind == _PINGREQ:
                    writer.write(_PINGRESP)
        writer.close()


async def _length(reader: asyncio.StreamReader) -> int:
    length = shift = 0
    while True:
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return length
        shift += 7


def _password(body: bytes) -> str:
    """The last text of a CONNECT. Source: MQTT 3.1.1, 3.1.3."""
    at, text = 10, b""
    while at < len(body):
        (size,) = struct.unpack_from(">H", body, at)
        text = body[at + 2 : at + 2 + size]
        at += 2 + size
    return text.decode()

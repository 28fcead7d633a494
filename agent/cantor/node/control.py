"""Asking the agent on this machine: frames over a unix socket that only its own user may open.

A request is a DATA frame whose header ``call`` names what is wanted and ``args`` says more; the
answer carries ``result``, or ``error`` with the kind of error.
"""

from __future__ import annotations

import asyncio
import fcntl
import inspect
import logging
import os
import socket
import struct
from contextvars import ContextVar
from typing import TYPE_CHECKING

from cantor.base.errors import (
    CantorError,
    ConfigError,
    ConflictError,
    IdentityError,
    MissedError,
    NotFoundError,
    NotSerialisable,
    RemoteProtocolError,
    SecretError,
    UnavailableError,
)
from cantor.base.ids import BROADCAST
from cantor.stores.errors import StoreError
from cantor.wire import DataFrame, FrameReader, Kind, encode

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cantor.node.services import Call
    from cantor.wire.frame import Buffer, Value

    Calls = Mapping[str, Call]

SOCKET_NAME = "control.sock"
LOCK_NAME = "control.lock"
TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024
_REQUEST_BYTES_MAX = 4 * 1024 * 1024
_CREDENTIALS = struct.Struct("3i")
_log = logging.getLogger(__name__)
_caller: ContextVar[int] = ContextVar("caller", default=0)


def caller() -> int:
    """The number of the process that asks, inside a call; 0 where that is not known.

    It has not ended, for it waits for the answer.
    """
    return _caller.get()


class ControlServer:
    """Answers ``calls`` to processes of this user and of root."""

    def __init__(self, folder: Path, calls: Calls) -> None:
        self._path = folder / SOCKET_NAME
        self._calls = calls
        self._server: asyncio.Server | None = None
        self._lock: int | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            UnavailableError: an agent with this folder runs already.
        """
        self._lock = _locked(self._path.with_name(LOCK_NAME))
        self._path.unlink(missing_ok=True)  # of an agent that was killed
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Stop listening and remove the socket."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            process, user = peer(writer)
            if user in (0, os.geteuid()):
                _caller.set(process)
                request = await _receive(reader, _REQUEST_BYTES_MAX)
                writer.writelines(await self._answer(request))
                await writer.drain()
        except (RemoteProtocolError, OSError, TimeoutError) as error:
            _log.info("control request failed", extra={"reason": str(error)})
        finally:
            writer.close()

    async def _answer(self, request: DataFrame) -> list[Buffer]:
        call = self._calls.get(str(request.headers.get("call")))
        args = request.headers.get("args")
        headers: dict[str, Value]
        if call is None:
            headers = {"error": "this agent does not know that call"}
        else:
            try:
                result = call(args if isinstance(args, dict) else {})
                return _framed({"result": await result if inspect.isawaitable(result) else result})
            except CantorError as error:
                headers = refusal(error)
            except Exception:  # noqa: BLE001 (what a service gets wrong must not end the agent)
                _log.exception("a control call failed", extra={"call": request.headers["call"]})
                headers = {"error": "the agent failed at that; its log says why"}
        return _framed(headers)


def _framed(headers: dict[str, Value]) -> list[Buffer]:
    return encode(DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers=headers))


def _locked(path: Path) -> int:
    """The lock of a folder, which ends with this process however that ends.

    An agent that is too busy to answer holds it all the same.

    Raises:
        UnavailableError: another process holds it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise UnavailableError(
            "an agent with this folder runs already",
            where=str(path.parent),
            remedy="end it, or give this one another --data folder",
        ) from error
    return descriptor


def refusal(error: CantorError) -> dict[str, Value]:
    """An error as headers, for who asked."""
    return {
        "error": error.what,
        "kind": type(error).__name__,
        "where": error.where,
        "remedy": error.remedy,
    }


_KINDS = (
    ConfigError,
    UnavailableError,
    RemoteProtocolError,
    StoreError,
    IdentityError,
    NotFoundError,
    NotSerialisable,
    ConflictError,
    MissedError,
    SecretError,
)
_ERRORS = {kind.__name__: kind for kind in _KINDS}


def refused(headers: Mapping[str, Value]) -> CantorError:
    """The error that such headers tell."""
    what, where, remedy = (str(headers.get(key, "")) for key in ("error", "where", "remedy"))
    kind = _ERRORS.get(str(headers.get("kind")), RemoteProtocolError)
    return kind(what or "an empty answer", where=where, remedy=remedy)


async def ask(
    folder: Path, call: str, args: dict[str, Value] | None = None, *, timeout_s: float = TIMEOUT_S
) -> Value:
    """The agent's answer to one call.

    Raises:
        UnavailableError: no agent runs with this folder, or it does not answer.
        RemoteProtocolError: it is of another version and does not know the call.
        CantorError: the call was refused; the agent's own words.
    """
    path = folder / SOCKET_NAME
    asked: dict[str, Value] = {"call": call, "args": args or {}}
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_unix_connection(path)
            try:
                writer.writelines(_framed(asked))
                answer = await _receive(reader)
            finally:
                writer.close()
                await writer.wait_closed()
    except (OSError, TimeoutError) as error:
        raise UnavailableError(
            "no agent answers here", where=str(folder), remedy="start one: cantor agent"
        ) from error
    if "result" not in answer.headers:
        raise refused(answer.headers)
    return answer.headers["result"]


async def _receive(
    reader: asyncio.StreamReader, frame_bytes_max: int = 64 * 1024 * 1024
) -> DataFrame:
    frames = FrameReader(frame_bytes_max)
    while True:
        data = await reader.read(_CHUNK_BYTES)
        if not data:
            raise ConnectionResetError("the other side closed before a whole frame")
        for frame in frames.receive(data):
            return frame


def peer(connection: asyncio.StreamWriter | asyncio.BaseTransport) -> tuple[int, int]:
    """The process and the user at the other end of a unix socket."""
    raw = connection.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
    )
    process, user, _ = _CREDENTIALS.unpack(raw)
    return process, user

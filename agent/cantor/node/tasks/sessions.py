"""Scripts of this machine's user that submit tasks: one connection each, over a unix socket.

When a script ends, so do its tasks: their results are in memory, and nobody waits for them. Those
that are durable go on, and another script may ask for them by their ids.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.base.ids import BROADCAST
from cantor.node.control import peer
from cantor.node.tasks.keeping import Kept
from cantor.node.tasks.listening import LAST
from cantor.node.tasks.wording import (
    CANCEL,
    CODE,
    CREDIT,
    FAILED,
    FIND,
    FRAME_BYTES_MAX,
    HELLO,
    KEEP,
    SOCKET_NAME,
    SUBMIT,
    TOOK,
    checked,
    terms_from,
)
from cantor.transport.frame_stream import FrameStream
from cantor.wire import DataFrame, Kind
from cantor.workers.failures import pack_failure
from cantor.workers.units import Passed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.node.tasks.durable import Durable
    from cantor.node.tasks.intake import Intake
    from cantor.node.tasks.wording import Message, Parts

_log = logging.getLogger(__name__)


def framed(message: Message, parts: Parts = ()) -> DataFrame:
    """A message between a script and its agent."""
    return DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers={"m": message}, body=parts)


class Session:
    """One script."""

    def __init__(
        self, home: str, intake: Intake, durable: Durable, ended: Callable[[Session], None]
    ) -> None:
        """``home`` is how addresses begin of actors that are started here."""
        self._intake = intake
        self._durable = durable
        self._ended = ended
        self._kept: dict[int, str] = {}
        self._codes: dict[str, Passed] = {}
        self._numbers: dict[int, int] = {}
        self.stream = _Stream(
            self._heard, self._lost, frame_bytes_max=FRAME_BYTES_MAX,
            queue_bytes_max=2 * FRAME_BYTES_MAX,
        )  # fmt: skip
        self.stream.hello = framed([HELLO, 0, home])

    def told(self, unit: int, message: Message, parts: Parts) -> None:
        """Something has become of a unit."""
        if message[0] in LAST:
            self._numbers.pop(unit, None)
        kind, *content = message
        if not self.stream.send(framed([kind, unit, *content], parts)):
            self.stream.abort("it takes no results")

    def _heard(self, stream: FrameStream, frame: DataFrame) -> None:
        try:
            self._take(checked(frame.headers.get("m")), frame.body)
        except (RemoteProtocolError, TypeError, ValueError, LookupError) as error:
            _log.warning("an odd message of a script", extra={"reason": repr(error)})
            stream.abort(f"an odd message: {error}")

    def _take(self, message: Message, parts: Parts) -> None:
        kind = message[0]
        if kind == SUBMIT:
            _, unit, code, terms, python = message
            try:
                number = self._intake.submit(
                    self, unit, self._codes[code], terms_from(terms), str(python), parts
                )
            except CantorError as error:
                self.told(unit, [FAILED, pack_failure(error)], ())
                return
            if self._intake.is_open(number):
                self._numbers[unit] = number
        elif kind == CODE:
            code = str(message[1])
            self._codes[code] = Passed(code, b"".join(bytes(part) for part in parts))
        elif kind in (KEEP, FIND, TOOK):
            try:
                self._take_durable(message, parts)
            except CantorError as error:
                self.told(message[1], [FAILED, pack_failure(error)], ())
        elif kind == CANCEL and message[1] in self._kept:
            self._durable.keeping().cancel(self._kept[message[1]])
        elif kind in (CANCEL, CREDIT):
            number = self._numbers.get(message[1], 0)
            if kind == CANCEL:
                self._intake.cancel(number)
            else:
                self._intake.credit(number, int(message[2]))
        else:
            raise RemoteProtocolError(f"message {kind}")

    def _take_durable(self, message: Message, parts: Parts) -> None:
        kind, unit, *content = message
        if kind == TOOK:
            task = self._kept.pop(unit, None)
            if task is not None:
                self._durable.keeping().took(task)
            return
        keeping = self._durable.keeping()
        if kind == FIND:
            self._kept[unit] = str(content[0])
            keeping.find(self, unit, self._kept[unit])
        else:
            code, terms, python, task = content
            self._kept[unit] = str(task)
            keeping.submit(
                Kept(
                    self._kept[unit], self._codes[code], terms_from(terms), str(python), parts,
                    watchers=[(self, unit)],
                )
            )  # fmt: skip

    def _lost(self, _: FrameStream, reason: str) -> None:
        _log.info("a script has left", extra={"reason": reason, "tasks": len(self._numbers)})
        self._durable.left(self)
        for number in list(self._numbers.values()):
            self._intake.leave(number)
        self._numbers.clear()
        self._ended(self)


class _Stream(FrameStream):
    """Lets in processes of this user and of root only, and says first which node this is."""

    hello: DataFrame | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if peer(transport)[1] not in (0, os.geteuid()):
            self.abort("a process of another user")
        elif self.hello is not None:
            self.send(self.hello)


class Sessions:
    """All scripts that are connected."""

    def __init__(self, folder: Path, home: str, intake: Intake, durable: Durable) -> None:
        self._path = folder / SOCKET_NAME
        self._home = home
        self._intake = intake
        self._durable = durable
        self._open: set[Session] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen; the agent has the folder for itself already."""
        self._path.unlink(missing_ok=True)  # of an agent that was killed
        before = os.umask(0o177)
        try:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(self._accept, self._path)
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Let no one in, and let all go."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)
        for session in list(self._open):
            session.stream.close("the agent ends")

    def _accept(self) -> asyncio.BufferedProtocol:
        session = Session(self._home, self._intake, self._durable, self._open.discard)
        self._open.add(session)
        return session.stream

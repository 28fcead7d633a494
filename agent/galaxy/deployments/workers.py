"""A worker process as its agent sees it: started, asked and ended on the event loop."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.base.ids import BROADCAST
from cantor.base.program import own_command
from cantor.metering.handing import NOTHING, hand_out
from cantor.transport.frame_stream import FrameStream
from cantor.wire import DataFrame, Kind
from cantor.workers.sandbox.environment import cleaned
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.slots import SlotMemory, SlotReader, SlotWriter
from galaxy.pipe import SLOT, with_body

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.wire.frame import Buffer, Value
    from cantor.workers.sandbox.levels import Sandbox

    Headers = dict[str, Value]

ASK_TIMEOUT_S = 3.0
END_TIMEOUT_S = 5.0
PIPE_BYTES = 4 * 1024 * 1024
PRINTED_BYTES = 1000
"""So much of what a closed worker has printed last is kept, to say why it ended."""
SOURCE = "pipeline"
"""What the metrics of filters are of."""
QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Libraries that a filter loads shall not start threads that wait by spinning, unless told to."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkerListener:
    """Who hears what a worker says."""

    state: Callable[[str, int, str, str], None]
    """Of a group: leader, epoch, state, error."""
    edge: Callable[[str, Headers, tuple[Buffer, ...]], None]
    """For another node: its id, headers and body of an EdgeMessage."""
    ended: Callable[[str], None]
    """The process has ended though nobody closed it; says how."""


class WorkerProcess:
    """One process; used once: ``start``, then talk, then ``close``.

    In a ``sandbox`` it runs what others have written: all that it says is checked, and one that
    says what no worker says is killed.
    """

    def __init__(self, listener: WorkerListener, sandbox: Sandbox = OPEN) -> None:
        self._listener = listener
        self._sandbox = sandbox
        self._metrics = NOTHING
        self._printed = b""
        self._numbers = itertools.count(1)
        self._asked: dict[int, asyncio.Future[tuple[Headers, tuple[Buffer, ...]]]] = {}
        self._connection: FrameStream | None = None
        self._writer: SlotWriter | None = None
        self._reader: SlotReader | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._waiting: list[DataFrame] = []
        self._closing = False

    @property
    def pid(self) -> int | None:
        """The process id; None before the start."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start the process. What was said to it before is told now.

        Raises:
            UnavailableError: the system cannot start it.
        """
        loop = asyncio.get_running_loop()
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise _not_started(error) from error
        memory = self._share_memory()
        inherited = (theirs.fileno(), *(number for one in memory for number in one.descriptors))
        self._metrics = hand_out(SOURCE)
        try:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PIPE_BYTES)
            _, self._connection = await loop.create_connection(
                lambda: FrameStream(self._received, self._lost), sock=ours
            )
            self._process = await self._start_process(inherited)
        except OSError as error:
            self._closing = True
            self._metrics.close()
            self._writer = self._reader = None
            if self._connection is not None:
                self._connection.abort("the worker cannot be started")
            else:
                ours.close()
            raise _not_started(error) from error
        finally:
            theirs.close()
            for one in memory:
                one.close()
        self._watch = asyncio.ensure_future(self._wait_for_end())
        for frame in self._waiting:
            self._connection.send(frame)
        self._waiting.clear()

    async def _start_process(self, inherited: tuple[int, ...]) -> asyncio.subprocess.Process:
        closed: tuple[str, ...] = ()
        environment, prints = dict(os.environ), None
        if self._sandbox.is_closed:
            closed = ("--parent", str(os.getpid()), "--sandbox", self._sandbox.encode())
            environment = cleaned(os.environ, self._sandbox.level)
            prints = asyncio.subprocess.PIPE  # not the agent's own: that is no place of its
        # A session of its own: Ctrl-C in a terminal is the agent's to act on.
        return await asyncio.create_subprocess_exec(
            *own_command(),
            *("pipeline", "worker", *map(str, inherited), *closed),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=prints,
            stderr=asyncio.subprocess.STDOUT if prints else None,
            pass_fds=(*inherited, *self._metrics.descriptors),
            start_new_session=True,
            env={**QUIET, **environment, **self._metrics.environment},
        )

    def tell(self, op: str, headers: Headers, body: tuple[Buffer, ...] = ()) -> bool:
        """Say something; False if it cannot be queued now.

        ``headers`` may come from another node, which gives no orders and knows none of our memory.
        """
        said: Headers = {**headers, "op": op}
        said.pop(SLOT, None)
        if self._connection is None:
            self._waiting.append(_framed(said, body))
            return True
        place = self._writer.hand_over(body) if self._writer is not None else None
        if self._writer is None or place is None:
            return self._connection.send(_framed(said, body))
        is_queued = False
        try:
            is_queued = self._connection.send(_framed({**said, SLOT: place}, ()))
        finally:
            if not is_queued:
                self._writer.take_back(place)
        return is_queued

    async def ask(
        self, what: str, args: Headers | None = None, *, timeout_s: float = ASK_TIMEOUT_S
    ) -> tuple[Headers, tuple[Buffer, ...]]:
        """Ask for ``figures``, ``reports`` or a ``preview``.

        Raises:
            UnavailableError: no answer in time, or the process has ended.
        """
        number = next(self._numbers)
        future: asyncio.Future[tuple[Headers, tuple[Buffer, ...]]]
        future = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        try:
            self.tell("ask", {"id": number, "what": what, **(args or {})})
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise UnavailableError(f"no {what} in {timeout_s:g} s", where="worker") from error
        finally:
            del self._asked[number]

    async def close(self) -> None:
        """End the process: it stops its runs when the pipe closes, and is killed if it hangs."""
        self._closing = True
        if self._connection is not None:
            self._connection.close("its work is done")
        if self._process is None or self._watch is None:
            return
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await asyncio.shield(self._watch)
        except TimeoutError:
            self._process.kill()
            await self._watch
        self._writer = self._reader = None

    async def _wait_for_end(self) -> None:
        process = cast("asyncio.subprocess.Process", self._process)
        if process.stdout is not None:
            while data := await process.stdout.read(PIPE_BYTES):
                self._printed = (self._printed + data)[-PRINTED_BYTES:]
        code = await process.wait()
        self._metrics.close()
        if not self._closing:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
            printed = self._printed.decode("utf-8", "replace").strip()
            self._fail_asked(how)
            self._listener.ended(f"the worker process {how}" + (f": {printed}" if printed else ""))

    def _share_memory(self) -> tuple[SlotMemory, ...]:
        """Memory to write and to read; nothing where the system has none: then all is piped."""
        made: list[SlotMemory] = []
        try:
            made += [SlotMemory.create(), SlotMemory.create()]
            self._writer, self._reader = SlotWriter(made[0]), SlotReader(made[1])
        except OSError as error:
            _log.info("frames go to the worker by its pipe alone", extra={"reason": str(error)})
            for one in made:
                one.close()
            self._writer = self._reader = None
            return ()
        return tuple(made)

    def _received(self, _: FrameStream, frame: DataFrame) -> None:
        try:
            self._hear(with_body(frame, self._reader))
        except RemoteProtocolError as error:
            _log.warning("a worker is ended", extra={"reason": str(error)})
            if self._process is not None and self._process.returncode is None:
                self._process.kill()
            raise

    def _hear(self, frame: DataFrame) -> None:
        match frame.headers:
            case {
                "op": "state",
                "leader": str(leader),
                "epoch": int(epoch),
                "state": str(state),
                "error": str(error),
            }:
                self._listener.state(leader, epoch, state, error)
            case {"op": "edge", "to": str(to), **headers}:
                self._listener.edge(to, headers, frame.body)
            case {"op": "answer", "id": int(number), "result": dict(result), **more}:
                future = self._asked.get(number)
                if future is None or future.done():
                    return
                if "refused" in more:
                    why = str(more["refused"])[:1000]
                    future.set_exception(UnavailableError(why, where="worker"))
                else:
                    future.set_result((result, frame.body))
            case _:
                raise RemoteProtocolError("it says what no worker says", where="worker")

    def _lost(self, _: FrameStream, reason: str) -> None:
        self._fail_asked(reason)

    def _fail_asked(self, reason: str) -> None:
        for future in self._asked.values():
            if not future.done():
                future.set_exception(UnavailableError(reason, where="worker"))


def _framed(headers: Headers, body: tuple[Buffer, ...]) -> DataFrame:
    return DataFrame(Kind.DATA, BROADCAST, BROADCAST, headers=headers, body=body)


def _not_started(error: OSError) -> UnavailableError:
    return UnavailableError(f"a worker cannot be started: {error}", where="pipeline worker")

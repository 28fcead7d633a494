"""One process of a service: in a session of its own, heard, and ended with all its children.

Its children are found by the process group, and by a mark in their environment, which also those
keep that made a session of their own.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import UnavailableError, reason_of
from cantor.workers import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.node.push.way import Way

MARK = "CANTOR_RUN"
OUTPUT_BYTES_MAX = 1024 * 1024
"""A service that prints more in a second waits for the next: it must not keep the node busy."""
_REST_S = 1.0
_PROC = Path("/proc")


class _Output(asyncio.Protocol):
    """The end of the pipe that a service prints into."""

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._left = OUTPUT_BYTES_MAX
        self._transport: asyncio.ReadTransport | None = None
        self._rest: asyncio.TimerHandle | None = None
        self.closed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.ReadTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._heard(data)
        self._left -= len(data)
        if self._rest is None:
            self._rest = asyncio.get_running_loop().call_later(_REST_S, self._rested)
        if self._left < 0 and self._transport is not None:
            self._transport.pause_reading()

    def _rested(self) -> None:
        self._rest = None
        self._left = OUTPUT_BYTES_MAX
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._rest is not None:
            self._rest.cancel()
        self.closed.set()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class ServiceProcess:
    """Used once: ``start``, then ``wait``; ``stop`` at any time."""

    def __init__(self, mark: str, heard: Callable[[bytes], None]) -> None:
        """``mark`` is unique to this process; ``heard`` gets what it prints."""
        self._mark = mark
        self._output = _Output(heard)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """Its process id; 0 before the start."""
        return self._process.pid if self._process else 0

    async def start(self, command: Sequence[str], way: Way) -> None:
        """Start it.

        Raises:
            UnavailableError: the system cannot.
        """
        loop = asyncio.get_running_loop()
        start = way.start_of(command)
        reader, writer = os.pipe()
        try:
            await loop.connect_read_pipe(lambda: self._output, os.fdopen(reader, "rb", 0))
            self._process = await asyncio.create_subprocess_exec(
                *start.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                cwd=start.folder,
                env={**start.environment, MARK: self._mark},
                pass_fds=start.descriptors,
                start_new_session=True,
            )
        except OSError as error:
            self._output.close()
            raise UnavailableError(
                f"it cannot be started: {reason_of(error)}", where=command[0]
            ) from error
        finally:
            os.close(writer)
            way.started()

    async def wait(self) -> int:
        """Wait for its end and that of all its children; the exit code, or minus the signal."""
        if self._process is None:
            return launch.CANNOT_START
        code = await self._process.wait()
        self._signal(signal.SIGKILL)
        await asyncio.to_thread(end_marked, self._mark)
        with suppress(TimeoutError):
            async with asyncio.timeout(_REST_S):  # what it printed last is still in the pipe
                await self._output.closed.wait()
        self._output.close()
        return code

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, and end it if it has not in that time."""
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        """Tell the whole group; its leader's id is not given away while one of it lives."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def end_marked(mark: str) -> int:
    """End every process whose mark begins so; how many there were."""
    wanted = f"{MARK}={mark}".encode()
    ended = 0
    for entry in _PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            marks = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue  # of another user, or gone
        if any(one.startswith(wanted) for one in marks):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(int(entry.name), signal.SIGKILL)
                ended += 1
    return ended


def told(code: int) -> str:
    """How a process ended, for people."""
    if code == launch.CANNOT_START:
        return "it cannot be started"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"

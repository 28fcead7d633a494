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
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError, reason_of
from cantor.workers import launch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.node.push.way import Way

MARK = "CANTOR_RUN"
OUTPUT_BYTES_MAX = 1024 * 1024
"""A service that prints more in a second waits for the next: it must not keep the node busy."""
PIECE_BYTES = 64 * 1024
"""So much is read at once: what a pipe of Linux holds."""
_REST_S = 1.0
_PROC = Path("/proc")


class _Output:
    """The end of the pipe that a service prints into. It is closed here, and only once.

    A pipe of uvloop is closed by the loop, and then once more by its number, which may be another
    file's by then: that one was "Bad file descriptor" for whoever had just opened it.
    """

    def __init__(self, heard: Callable[[bytes], None]) -> None:
        self._heard = heard
        self._left = OUTPUT_BYTES_MAX
        self._reader = -1
        self._rest: asyncio.TimerHandle | None = None
        self.closed = asyncio.Event()

    def open(self) -> int:
        """Listen from now on; the other end, which is the caller's to close.

        Raises:
            OSError: there are no descriptors left.
        """
        self._reader, writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._listen()
        return writer

    def close(self) -> None:
        """Listen no more."""
        if self._reader < 0:
            return
        asyncio.get_running_loop().remove_reader(self._reader)
        os.close(self._reader)
        self._reader = -1
        if self._rest is not None:
            self._rest.cancel()
        self.closed.set()

    def _listen(self) -> None:
        asyncio.get_running_loop().add_reader(self._reader, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._reader, PIECE_BYTES)
        except BlockingIOError:
            return
        if not data:
            self.close()
            return
        self._left -= len(data)
        loop = asyncio.get_running_loop()
        if self._rest is None:
            self._rest = loop.call_later(_REST_S, self._rested)
        if self._left < 0:
            loop.remove_reader(self._reader)
        self._heard(data)

    def _rested(self) -> None:
        self._rest = None
        self._left = OUTPUT_BYTES_MAX
        self._listen()


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

    async def start(self, command: Sequence[str], way: Way, inherits: tuple[int, ...] = ()) -> None:
        """Start it; it inherits these descriptors beside those of its way.

        Raises:
            UnavailableError: the system cannot.
        """
        start = way.start_of(command)
        writer = -1
        try:
            writer = self._output.open()
            self._process = await asyncio.create_subprocess_exec(
                *start.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                cwd=start.folder,
                env={**start.environment, MARK: self._mark},
                pass_fds=(*start.descriptors, *inherits),
                start_new_session=True,
            )
        except OSError as error:
            self._output.close()
            raise UnavailableError(
                f"it cannot be started: {reason_of(error)}", where=command[0]
            ) from error
        finally:
            if writer >= 0:
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

"""Worker processes as a pool starts, hears and ends them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections import deque
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from cantor.base.errors import RemoteProtocolError, UnavailableError, reason_of
from cantor.base.program import own_command
from cantor.metering.handing import hand_out
from cantor.workers.messages import Stream
from cantor.workers.sandbox.environment import cleaned
from cantor.workers.slots import SlotMemory, SlotReader, SlotWriter
from cantor.workers.units import ODD, Death

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.workers.backend import Backend
    from cantor.workers.messages import Message
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.seat import Seat
    from cantor.workers.units import Listener, Passed

QUIET = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""Libraries that a task loads shall not start threads that wait by spinning, unless told to."""
SOURCE = "task"
"""What the metrics of workers are of."""
SOCKET_BYTES = 1024 * 1024
STDERR_KEPT_BYTES = 8192
PID_MAX = 1 << 22
"""Of a process. Source: proc_sys_kernel(5)."""
END_S = 1.0
"""A worker that was asked to end has so long for its ``finally`` blocks."""
READ_BYTES = 256 * 1024


class _Room(threading.local):
    """Where a pool's thread reads to; each pool has one, which keeps nothing in it."""

    def __init__(self) -> None:
        self.bytes = bytearray(READ_BYTES)


_room = _Room()


class WorkerProcess:
    """One process and its socket. Nothing here waits: what the socket does not take is kept."""

    def __init__(self, seat: Seat, sandbox: Sandbox) -> None:
        """Start it, in this sandbox.

        Raises:
            UnavailableError: the system cannot start a process.
        """
        self.seat = seat
        self.codes: dict[str, int] = {}
        self.outbox: deque[memoryview] = deque()
        self.writer: SlotWriter | None = None
        self.reader: SlotReader | None = None
        self.children: dict[int, tuple[Backend, Any]] = {}
        self.orphans: set[int] = set()
        """Those of them that end with it."""
        """Where the units are that its own have submitted, and their marks there."""
        self.passed: dict[str, Passed] = {}
        self.passed_bytes = 0
        self.latest: Listener | None = None
        self.latest_name = ""
        """Of the function that was sent to it last."""
        self.set_up = 0
        """Of the calls that come before all units, so many are done."""
        self.ready_bytes = 0
        """The memory that it held before its first unit, if that was looked at."""
        self.kill_at: float | None = None
        self._is_greeted = False
        self._handle: int | None = None
        self._stream = Stream(is_wary=True)
        self._stderr = b""
        self._odd: RemoteProtocolError | None = None
        """What it said that no worker says."""
        self.last_written = ""
        """What it wrote past Python's streams right before its end."""
        memory = self._share_memory()
        self._metrics = hand_out(SOURCE)
        try:
            self.process = self._start(memory, sandbox)
        except OSError as error:
            self._metrics.close()
            raise UnavailableError(
                f"a worker cannot be started: {reason_of(error)}", where="worker"
            ) from error
        finally:
            for one in memory:
                one.close()
        self.pid = self.process.pid
        """Of the process that runs functions, as soon as it is ready."""

    def greeted(self, pid: object) -> None:
        """It is ready, before any function that came from elsewhere runs in it.

        Raises:
            RemoteProtocolError: it says so a second time, or what it says is no process.
        """
        if self._is_greeted or type(pid) is not int or not 0 < pid <= PID_MAX:
            raise RemoteProtocolError("a worker that is ready twice", where="worker")
        self._is_greeted = True
        self.pid = pid
        if pid != self.process.pid:  # in a sandbox, where the process that we started only waits
            with suppress(OSError):
                self._handle = os.pidfd_open(pid)

    def send(self, data: bytes) -> bool:
        """Write to it; False if a part is left for :meth:`send_more`."""
        if self.outbox:
            self.outbox.append(memoryview(data))
            return False
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return True  # it is gone: its end tells what becomes of its units
        if sent < len(data):
            self.outbox.append(memoryview(data)[sent:])
            return False
        return True

    def send_more(self) -> bool:
        """Write what is left; False if there still is something."""
        while self.outbox:
            data = self.outbox[0]
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                return False
            except OSError:
                self.outbox.clear()
                return True
            if sent < len(data):
                self.outbox[0] = data[sent:]
            else:
                self.outbox.popleft()
        return True

    def receive(self) -> Iterator[Message] | None:
        """What it said, or None if it has closed its socket, or is condemned.

        Raises:
            BlockingIOError: it has said nothing more yet.
            RemoteProtocolError: that are no messages.
        """
        if self._odd is not None:
            return None
        try:
            room = _room.bytes
            count = self.socket.recv_into(room)
        except BlockingIOError:
            raise
        except OSError:
            return None
        if count == 0:
            return None
        return self._stream.feed(memoryview(room)[:count])

    def read_stderr(self) -> str:
        """What it wrote past Python's streams since last asked."""
        with suppress(OSError):
            data = os.read(self.stderr, 65536)
            self._stderr = (self._stderr + data)[-STDERR_KEPT_BYTES:]
            return data.decode("utf-8", "replace")
        return ""

    def ask_back(self) -> None:
        """Let it look at its socket although its function runs."""
        self._signal(signal.SIGUSR1)

    def end(self, now: float) -> None:
        """Ask it to end; :meth:`kill` it at ``kill_at`` if it has not."""
        if self.kill_at is None:
            self.kill_at = now + END_S
            self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, and in a sandbox all that it has started."""
        with suppress(ProcessLookupError):
            self.process.kill()

    def condemn(self, error: RemoteProtocolError) -> None:
        """It said what no worker says: it ends, and nothing counts that it says after that."""
        self._odd = self._odd or error
        self.kill()

    def death(self) -> Death:
        """How it ended; waits for the moment between its sockets' end and its own."""
        try:
            status = self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.kill()
            status = self.process.wait()
        while text := self.read_stderr():
            self.last_written += text
        is_signal = status < 0
        odd = "" if self._odd is None else f"{ODD}: {self._odd}\n"
        return Death(
            signal=-status if is_signal else None,
            code=None if is_signal else status,
            stderr=self._stderr.decode("utf-8", "replace") + odd,
        )

    def close(self) -> None:
        """Give its descriptors back. Bodies that somebody still holds stay."""
        self._metrics.close()
        self.socket.close()
        os.close(self.stderr)
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        self.writer = self.reader = None

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            if self._handle is not None:
                signal.pidfd_send_signal(self._handle, number)
            else:
                self.process.send_signal(number)

    def _start(self, memory: tuple[SlotMemory, ...], sandbox: Sandbox) -> subprocess.Popen[bytes]:
        """Start the process with its ends of what it speaks through; this one keeps the others."""
        with ExitStack() as ours, ExitStack() as theirs:
            mine, its = socket.socketpair()
            ours.enter_context(mine)
            theirs.enter_context(its)
            readable, writable = os.pipe()
            ours.callback(os.close, readable)
            theirs.callback(os.close, writable)
            for end in (mine, its):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SOCKET_BYTES)
            inherited = (its.fileno(), *(number for one in memory for number in one.descriptors))
            closed = ["--sandbox", sandbox.encode()] if sandbox.is_closed else []
            environment = cleaned(os.environ, sandbox.level) if closed else os.environ
            # A session of its own: Ctrl-C in a terminal is the caller's to act on.
            process = subprocess.Popen(  # noqa: S603 (this program itself)
                [*own_command(), "worker", str(os.getpid()), *map(str, inherited), *closed],
                stdin=subprocess.DEVNULL,
                stdout=writable,
                stderr=writable,
                pass_fds=(*inherited, *self._metrics.descriptors),
                start_new_session=True,
                env={**QUIET, **environment, **self._metrics.environment},
            )
            ours.pop_all()
        mine.setblocking(False)
        os.set_blocking(readable, False)
        self.socket, self.stderr = mine, readable
        return process

    def _share_memory(self) -> tuple[SlotMemory, ...]:
        made: list[SlotMemory] = []
        try:
            made.append(SlotMemory.create())
            made.append(SlotMemory.create())
            self.writer, self.reader = SlotWriter(made[0]), SlotReader(made[1])
        except OSError:  # no such memory here: all goes over the socket
            for one in made:
                one.close()
            self.writer = self.reader = None
            return ()
        return tuple(made)

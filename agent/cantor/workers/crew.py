"""The processes of a pool and their sockets: started, waited for, written to, ended."""

from __future__ import annotations

import os
import selectors
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.workers.messages import ANSWER, CODE, CREDIT, RUN, pack_message, placed
from cantor.workers.processes import WorkerProcess

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.messages import Message
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_SOCKET, _STDERR, _END = "socket", "stderr", "end"


@dataclass(slots=True)
class News:
    """What a worker did since last asked."""

    worker: WorkerProcess
    messages: list[Message] = field(default_factory=list)
    written: str = ""
    """Past Python's streams."""
    is_gone: bool = False


class Crew:
    """The workers by seat. Only the pool's thread calls :meth:`wait`, :meth:`start`, :meth:`bury`;
    the others want the pool's lock.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self.workers: dict[Seat, WorkerProcess] = {}
        self._numbers = count(1)
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        for end in (self._woken, self._waker):
            end.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._has_more: set[WorkerProcess] = set()
        self._watched: dict[WorkerProcess, int] = {}

    def wake(self) -> None:
        """Let :meth:`wait` return."""
        with suppress(OSError):  # full: it is awake
            self._waker.send(b"w")

    def start(self, seat: Seat) -> WorkerProcess:
        """Start a process for a seat.

        Raises:
            UnavailableError: the system cannot.
        """
        worker = WorkerProcess(seat, self._sandbox)
        self._selector.register(worker.socket, selectors.EVENT_READ, (worker, _SOCKET))
        self._selector.register(worker.stderr, selectors.EVENT_READ, (worker, _STDERR))
        # A child of the worker may hold its socket open after it: only this tells the end then.
        with suppress(OSError, AttributeError):
            self._watched[worker] = os.pidfd_open(worker.process.pid)
            self._selector.register(self._watched[worker], selectors.EVENT_READ, (worker, _END))
        return worker

    def wait(self, timeout_s: float | None) -> list[News]:
        """What workers did, after something has happened or the time is over."""
        news: dict[WorkerProcess, News] = {}
        for worker in tuple(self._has_more):
            self._selector.modify(worker.socket, selectors.EVENT_READ | selectors.EVENT_WRITE,
                                  (worker, _SOCKET))  # fmt: skip
        for key, events in self._selector.select(timeout_s):
            if key.data is None:
                with suppress(OSError):
                    self._woken.recv(4096)
                continue
            worker, what = key.data
            told = news.setdefault(worker, News(worker))
            if what == _STDERR:
                told.written = worker.read_stderr()
                if not told.written:
                    self._selector.unregister(worker.stderr)
            elif what == _END:
                told.is_gone = True
            elif events & selectors.EVENT_READ:
                self.read(told)
        return list(news.values())

    def write_more(self) -> None:
        """Write what sockets did not take before."""
        for worker in tuple(self._has_more):
            if worker.send_more():
                self._has_more.discard(worker)
                with suppress(KeyError):  # it is gone
                    self._selector.modify(worker.socket, selectors.EVENT_READ, (worker, _SOCKET))

    def bury(self, worker: WorkerProcess) -> None:
        """Forget a process that has ended."""
        self.workers.pop(worker.seat, None)
        self._has_more.discard(worker)
        for one in (worker.socket, worker.stderr, self._watched.get(worker)):
            with suppress(KeyError, ValueError):
                self._selector.unregister(one)  # type: ignore[arg-type]
        with suppress(KeyError):
            os.close(self._watched.pop(worker))
        worker.close()

    def close(self) -> None:
        """Close what is left when all workers are buried."""
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def give(self, gives: Iterable[tuple[Seat, Unit]]) -> None:
        """Send units to their workers."""
        frames: dict[WorkerProcess, list[bytes]] = {}
        for seat, unit in gives:
            worker = self.workers.get(seat)
            if worker is not None:
                self._frame(worker, unit, frames.setdefault(worker, []))
        for worker, parts in frames.items():
            self.send(worker, parts[0] if len(parts) == 1 else b"".join(parts))

    def set_up(self, worker: WorkerProcess, setup: Unit) -> None:
        """Let a worker do what comes before all units; it keeps the result."""
        frames: list[bytes] = []
        self._frame(worker, setup, frames)
        self.send(worker, b"".join(frames))

    def answer(
        self,
        seat: Seat,
        child: int,
        outcome: int,
        content: object,
        buffers: Sequence[Buffer],
        *,
        is_end: bool,
    ) -> None:
        """Tell a worker what became of a unit that it submitted."""
        worker = self.workers.get(seat)
        if worker is not None:
            if is_end:
                worker.children.pop(child, None)
                worker.orphans.discard(child)
            told = placed(buffers, worker.writer)
            self.send(worker, pack_message([ANSWER, child, outcome, content, told]))

    def credit(self, unit: Unit, count: int) -> None:
        """Tell the worker of a stream how many of its items were taken."""
        worker = None if unit.seat is None else self.workers.get(unit.seat)
        if worker is not None:
            self.send(worker, pack_message([CREDIT, unit.id, count]))

    def send(self, worker: WorkerProcess, data: bytes) -> None:
        """Write; what does not fit is written when it does."""
        if not worker.send(data) and worker not in self._has_more:
            self._has_more.add(worker)
            self.wake()

    def _frame(self, worker: WorkerProcess, unit: Unit, frames: list[bytes]) -> None:
        code = unit.code
        number = worker.codes.get(code.id)
        if number is None:
            number = worker.codes[code.id] = len(worker.codes)
            frames.append(pack_message([CODE, number, code.id, code.data]))
        buffers = placed(unit.buffers, worker.writer) if unit.buffers else ()
        terms = unit.terms
        worker.latest, worker.latest_name = unit.listener, terms.name
        unit.items_ahead = 0
        frames.append(
            pack_message(
                [
                    RUN,
                    unit.id,
                    number,
                    unit.body,
                    buffers,
                    unit.memory_bytes,
                    terms.is_stream,
                    terms.method,
                    terms.mode,
                ]
            )
        )

    @staticmethod
    def read(told: News) -> bool:
        """Take in what a worker said; whether there may be more. A message may come in parts."""
        try:
            messages = told.worker.receive()
            if messages is None:
                told.is_gone = True
                return False
            told.messages.extend(messages)
        except BlockingIOError:
            return False
        except RemoteProtocolError as error:  # the function wrote to our socket
            told.worker.condemn(error)
        return True


def resident_bytes(pid: int) -> int:
    """The memory that a process holds; 0 if that cannot be told. Source: proc_pid_statm(5)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
    except (OSError, ValueError, IndexError):
        return 0

"""The process of a worker: it does what its pool says until that closes the socket.

The main thread reads the socket itself while nothing runs, so that a call passes no other thread.
A second thread reads from the moment that something must be heard while a function runs: units are
called back, a stream needs credit, or a nested task its answer.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, TextIO, cast

from cantor.workers.backend import set_backend
from cantor.workers.beside import Threads, unit_here
from cantor.workers.children import Children
from cantor.workers.execution import Execution, Library, Stopped
from cantor.workers.inherited import inherited
from cantor.workers.messages import (
    ANSWER,
    CODE,
    CREDIT,
    DONE,
    FAILED,
    ITEM,
    ITEMS_AHEAD,
    LEAVE,
    READY,
    RECALL,
    RETURNED,
    RUN,
    SAID,
    STOP,
    WROTE,
    Stream,
    pack_message,
)
from cantor.workers.output import Divided, told_stream
from cantor.workers.overlap import Loop
from cantor.workers.units import PROCESS, THREAD

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import FrameType

    from cantor.workers.messages import Message
    from cantor.workers.slots import SlotReader, SlotWriter

_READ_BYTES = 256 * 1024
_PR_SET_PDEATHSIG = 1
PROGRESS_CHARACTERS_MAX = 64 * 1024
"""Of the text of a progress; what is longer is cut."""
_AFTER_OUTPUT = (DONE, FAILED, ITEM)
"""What a task printed before goes to its caller first."""


class Worker:
    """Serves a pool over ``sock``."""

    def __init__(
        self, sock: socket.socket, reader: SlotReader | None, writer: SlotWriter | None
    ) -> None:
        self._socket = sock
        self._stream = Stream()
        self._inbox: SimpleQueue[Message | None] = SimpleQueue()
        self._sending = threading.Lock()
        self._receiving = threading.Lock()
        self._reading: threading.Thread | None = None
        self._is_asked_back = False
        self._credit = threading.Condition()
        self._given: dict[int, int] = {}
        """Items of streams that their callers have not taken; -1 if one wants no more."""
        library = Library()
        self._new_execution = partial(Execution, library, self.tell, reader, writer, self._may_give)
        self._execution = self._new_execution()
        self._execution.entering = self._look_up
        self._threads = Threads(self._new_execution, self._begin_output, self.tell)
        self._loop: Loop | None = None
        self._children = Children(self.tell, self.read_beside, reader, writer, self._unit)
        self._operations: dict[int, Callable[..., None]] = {
            CODE: library.learn,
            RECALL: self._give_back,
            ANSWER: self._children.answered,
            CREDIT: self._credited,
            STOP: self._stop,
        }
        self._divided: list[Divided] = []
        self._outputs = [told_stream(number, self._wrote) for number in (1, 2)]

    def serve(self, number: int) -> None:
        """Work until the pool has gone, or asks to end; it knows this process by ``number``."""
        signal.signal(signal.SIGUSR1, self._asked_back)
        signal.signal(signal.SIGTERM, self._asked_to_end)
        set_backend(self._children)
        _Here.worker = self
        sys.stdout, sys.stderr = self._outputs
        self.tell([READY, number])
        with suppress(Stopped):
            while (message := self._next()) is not None and message[0] != LEAVE:
                self._run(message)
        self._flush()

    def _run(self, message: Message) -> None:
        mode = message[-1]
        if mode == PROCESS:
            self._execution.run(message)
            return
        self._divide_output()
        if mode == THREAD:
            self._threads.run(message)
            return
        if self._loop is None:
            self._loop = Loop(self._new_execution, self._begin_output)
        self._loop.run(message)

    def tell(self, message: Message) -> None:
        """Send a message; waits while the pool is slow."""
        if message[0] in _AFTER_OUTPUT:
            self._flush()
            if self._given and message[0] != ITEM:
                with self._credit:
                    self._given.pop(message[1], None)
        data = pack_message(message)
        with self._sending:
            try:
                self._socket.sendall(data)
            except OSError:
                os._exit(0)  # the pool has gone

    def said(self, fraction: float, text: str) -> None:
        """Tell the progress of the unit that runs, and end it here if nobody waits for it."""
        unit = self._unit()
        if unit is not None:
            if self.is_stopped():
                raise Stopped
            self.tell([SAID, unit, fraction, text[:PROGRESS_CHARACTERS_MAX]])

    def is_stopped(self) -> bool:
        """Whether nobody waits any more for the unit that runs here."""
        unit = unit_here()
        return unit is not None and self._threads.is_stopped(unit)

    def read_beside(self) -> None:
        """Read the socket in a thread from now on."""
        if self._reading is None:
            self._reading = threading.Thread(target=self._read_on, name="worker:read", daemon=True)
            self._reading.start()

    def _next(self) -> Message | None:
        while self._inbox.empty() and self._reading is None:
            if not self._read():
                return None
        return self._inbox.get()

    def _read_on(self) -> None:
        while self._read():
            pass
        os._exit(0)  # nobody waits for what runs

    def _read(self) -> bool:
        with self._receiving:
            try:
                data = self._socket.recv(_READ_BYTES)
            except OSError:
                return False
            for message in self._stream.feed(data):
                self._heard(message)
        return bool(data)

    def _heard(self, message: Message) -> None:
        if message[0] == RUN or message[0] == LEAVE:
            self._inbox.put(message)
        else:
            self._operations[message[0]](*message[1:])

    def _give_back(self) -> None:
        """What has not begun goes back to the pool."""
        kept: list[Message | None] = []
        back: list[int] = []
        while not self._inbox.empty():
            message = self._inbox.get()
            if message is not None and message[0] == RUN:
                back.append(message[1])
            else:
                kept.append(message)
        for message in kept:
            self._inbox.put(message)
        self.tell([RETURNED, back])

    def _credited(self, unit: int, count: int) -> None:
        with self._credit:
            given = self._given.get(unit, 0)
            self._given[unit] = -1 if count == 0 or given < 0 else given - count
            self._credit.notify_all()

    def _may_give(self, unit: int) -> bool:
        self.read_beside()
        with self._credit:
            self._given.setdefault(unit, 0)
            self._credit.wait_for(lambda: self._given[unit] < ITEMS_AHEAD)
            if self._given[unit] < 0:
                return False
            self._given[unit] += 1
            return True

    def _stop(self, unit: int) -> None:
        self._threads.stop(unit)
        if self._loop is not None:
            self._loop.stop(unit)
        if unit in self._given:
            self._credited(unit, 0)

    def _asked_back(self, _: int, __: FrameType | None) -> None:
        """A signal: the pool wants to be heard. Only a function may be interrupted by that."""
        if self._execution.is_inside:
            self.read_beside()
        else:
            self._is_asked_back = True

    def _look_up(self) -> None:
        if self._is_asked_back:
            self._is_asked_back = False
            self.read_beside()

    def _asked_to_end(self, _: int, __: FrameType | None) -> None:
        if self._execution.is_inside:
            raise Stopped
        os._exit(0)

    def _wrote(self, descriptor: int, text: str) -> None:
        self.tell([WROTE, self._unit(), descriptor, text])

    def _unit(self) -> int | None:
        own = unit_here()
        return self._execution.unit if own is None else own

    def _divide_output(self) -> None:
        """From now on units write at the same time."""
        if self._divided:
            return
        for number, others in enumerate(self._outputs, 1):
            self._divided.append(Divided(number, self._wrote, others))
        sys.stdout, sys.stderr = (cast("TextIO", one) for one in self._divided)

    def _begin_output(self) -> None:
        for output in self._divided:
            output.begin()

    def _flush(self) -> None:
        for output in self._divided or self._outputs:
            output.flush()


class _Here:
    worker: Worker | None = None


def say_progress(fraction: float, text: str) -> None:
    """Tell the caller of the task that runs here how far it is; elsewhere nobody hears it."""
    if _Here.worker is not None:
        _Here.worker.said(fraction, text)


def is_here() -> bool:
    """Whether this process is a worker."""
    return _Here.worker is not None


def is_cancelled() -> bool:
    """Whether nobody waits any more for the task that runs here; False elsewhere."""
    return _Here.worker is not None and _Here.worker.is_stopped()


def main(parent: int, descriptor: int, *memory: int, number: int | None = None) -> int:
    """Run a worker of process ``parent`` on an inherited socket; the process's exit code.

    ``memory`` is nothing, or the descriptors of the slots to read and of those to write. ``number``
    is what the pool knows this process by, if it is in a sandbox, where its own is another.
    """
    if number is None:
        with suppress(OSError, AttributeError):  # no worker outlives its pool, if Linux can say so
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    sock, reader, writer = inherited(descriptor, memory)
    with sock:
        if number is None and os.getppid() != parent:
            return 0
        Worker(sock, reader, writer).serve(os.getpid() if number is None else number)
    os._exit(0)  # threads that a task left must not keep the process

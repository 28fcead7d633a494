"""The connection of this process to the agent of its machine: tasks go there, results come back.

All that is said passes one event loop in a thread of its own; whoever submits only leaves a message
for it. Listeners are called in that thread, so what they call may not wait for another result: a
future says so instead of waiting for ever.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections import deque
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import (
    CantorError,
    LocalProtocolError,
    RemoteProtocolError,
    UnavailableError,
    reason_of,
)
from cantor.node.control import ask
from cantor.node.loop import loop_factory
from cantor.node.tasks.listening import LAST, tell
from cantor.node.tasks.sessions import framed
from cantor.node.tasks.wording import (
    CANCEL,
    CODE,
    CREDIT,
    FIND,
    FRAME_BYTES_MAX,
    HELLO,
    KEEP,
    SOCKET_NAME,
    SUBMIT,
    TOOK,
    checked,
    parts_of,
    terms_value,
)
from cantor.transport.frame_stream import FrameStream
from cantor.workers.errors import PoolClosedError
from cantor.workers.failures import pack_failure
from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from cantor.node.tasks.wording import Message, Parts
    from cantor.scheduling.needs import Needs
    from cantor.wire import DataFrame
    from cantor.wire.frame import Buffer, Value
    from cantor.workers.units import Listener, Shipped, Terms


HELLO_S = 10.0


class Sent:
    """One task that the agent has."""

    __slots__ = ("is_durable", "listener", "number")

    def __init__(self, number: int, listener: Listener, *, is_durable: bool = False) -> None:
        self.number = number
        self.listener = listener
        self.is_durable = is_durable


class Connection:
    """A backend: see ``cantor.workers.backend``. Thread-safe."""

    knows_mesh = True

    def __init__(self, folder: Path, needs: Needs, project: str = "") -> None:
        """Connect to the agent with this folder; each task needs what ``needs`` says besides.

        A task that names no project is of ``project``.

        Raises:
            UnavailableError: none runs there.
        """
        self.needs = needs
        self.project = project
        self._folder = folder
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._numbers = count(1)
        self._open: dict[int, Sent] = {}
        self._codes: set[str] = set()
        self._outbox: deque[tuple[Message, Parts]] = deque()
        self._lives: set[int] = set()
        self._expected = 0
        self._home: concurrent.futures.Future[str] = concurrent.futures.Future()
        self._is_woken = False
        self._is_closed = False
        self._stream: FrameStream | None = None
        self._loop = (loop_factory() or asyncio.new_event_loop)()
        self.thread = threading.Thread(target=self._run, name="cantor:agent", daemon=True)
        self.thread.start()
        try:
            asyncio.run_coroutine_threadsafe(self._connect(), self._loop).result()
        except CantorError:
            self._end()
            raise

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Sent:
        """Give a task to the agent.

        Raises:
            PoolClosedError: the connection was closed, or the agent has ended.
        """
        return self._submit(SUBMIT, code, parts_of(body, buffers), listener, terms)

    def keep(
        self,
        task: str,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
    ) -> Sent:
        """Give a durable task to the agent, under its id. Raises as :meth:`submit`."""
        return self._submit(KEEP, code, parts_of(body, buffers), listener, terms, task)

    def find(self, task: str, listener: Listener) -> Sent:
        """Let a listener hear of a durable task. Raises as :meth:`submit`."""
        with self._lock:
            sent = self._sent(listener, is_durable=True)
            self._outbox.append(([FIND, sent.number, task], ()))
            self._wake()
        return sent

    def cancel(self, unit: Sent) -> None:
        """End a task, also if it runs."""
        self._say([CANCEL, unit.number])

    def credit(self, unit: Sent, count: int) -> None:
        """The caller of a stream took so many items; with 0 it wants no more."""
        self._say([CREDIT, unit.number, count])

    def close(self, *, kill: bool = False) -> None:
        """Wait for what was submitted, or with ``kill`` end it; then leave the agent.

        Actors that have no name end with it.
        """
        with self._lock:
            while self._is_awaited and not kill and not self._is_closed:
                self._idle.wait()
            self._is_closed = True
        if self.thread.is_alive():
            self._end()

    @property
    def home(self) -> str:
        """How the addresses begin of actors that this process starts: its node, in which life.

        Raises:
            UnavailableError: the agent does not say it: it is of a version without actors.
        """
        try:
            return self._home.result(HELLO_S)
        except (TimeoutError, concurrent.futures.CancelledError) as error:
            raise UnavailableError(
                "the agent does not say which node it is", where=str(self._folder),
                remedy="run the same version of Cantor for the agent and the script",
            ) from error  # fmt: skip

    def _submit(
        self, kind: int, code: Shipped, parts: Parts, listener: Listener, terms: Terms, *more: str
    ) -> Sent:
        pickled = getattr(code, "pickled", b"")
        python = code.python if pickled else ""  # type: ignore[attr-defined] # it is Code then
        with self._lock:
            sent = self._sent(listener, is_durable=kind == KEEP)
            if terms.is_life and not terms.is_place:
                self._lives.add(sent.number)
            if code.id not in self._codes:
                self._codes.add(code.id)
                self._outbox.append(([CODE, code.id], (code.data,)))
            message = [kind, sent.number, code.id, terms_value(terms), python, *more]
            self._outbox.append((message, parts))
            self._wake()
        return sent

    def _sent(self, listener: Listener, *, is_durable: bool) -> Sent:
        if self._is_closed:
            raise PoolClosedError("the connection to the agent is closed", remedy="connect")
        sent = Sent(next(self._numbers), listener, is_durable=is_durable)
        self._open[sent.number] = sent
        return sent

    def expect(self, count: int) -> None:
        """So many groups more are on their way, and may have nothing submitted now."""
        with self._lock:
            self._expected += count
            if not self._is_awaited:
                self._idle.notify_all()

    @property
    def _is_awaited(self) -> bool:
        """Whether anything was submitted whose result is to be waited for."""
        return len(self._open) > len(self._lives) or self._expected > 0

    def later(self, delay_s: float, do: Callable[[], None]) -> None:
        """Call ``do`` after a while in this connection's thread, unless it is closed before."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._loop.call_later, delay_s, do)

    def ask(self, call: str, args: dict[str, Value], *, timeout_s: float) -> Value:
        """The agent's answer to a call of its control socket.

        Raises:
            LocalProtocolError: this is the thread that the answer comes to.
            CantorError: the agent refuses, or does not answer.
        """
        if threading.current_thread() is self.thread:
            raise LocalProtocolError(
                "the agent is asked inside a callback of a result", where=call,
                remedy="submit such tasks in another thread",
            )  # fmt: skip
        work = ask(self._folder, call, args, timeout_s=timeout_s)
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _say(self, message: Message) -> None:
        with self._lock:
            if not self._is_closed:
                self._outbox.append((message, ()))
                self._wake()

    def _wake(self) -> None:
        if not self._is_woken:
            self._is_woken = True
            self._loop.call_soon_threadsafe(self._send)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _end(self) -> None:
        with suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._hang_up)
        if threading.current_thread() is not self.thread:
            self.thread.join()

    def _hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close("the script leaves")
        self._loop.call_soon(self._loop.stop)

    async def _connect(self) -> None:
        try:
            _, self._stream = await self._loop.create_unix_connection(
                lambda: FrameStream(
                    self._heard, self._lost, frame_bytes_max=FRAME_BYTES_MAX,
                    queue_bytes_max=4 * FRAME_BYTES_MAX,
                ),
                str(self._folder / SOCKET_NAME),
            )  # fmt: skip
        except OSError as error:
            raise UnavailableError(
                f"no agent takes tasks here: {reason_of(error)}",
                where=str(self._folder),
                remedy="start one: cantor agent",
            ) from error

    def _send(self) -> None:
        with self._lock:
            self._is_woken = False
            outbox, self._outbox = self._outbox, deque()
        for message, parts in outbox:
            if self._stream is not None and not self._stream.send(framed(message, parts)):
                self._stream.abort("the agent takes no more")

    def _heard(self, stream: FrameStream, frame: DataFrame) -> None:
        try:
            self._take(checked(frame.headers.get("m")), frame.body)
        except (RemoteProtocolError, TypeError, ValueError, LookupError) as error:
            stream.abort(f"an odd message of the agent: {error!r}")

    def _take(self, message: Message, parts: Parts) -> None:
        kind, number, *content = message
        if kind == HELLO and not self._home.done():
            self._home.set_result(str(content[0]))
        sent = self._ended(number) if kind in LAST else self._open.get(number)
        if sent is not None:
            tell(sent.listener, [kind, *content], parts)
            if sent.is_durable and kind in LAST:
                self._say([TOOK, number])

    def _ended(self, number: int) -> Sent | None:
        with self._lock:
            sent = self._open.pop(number, None)
            self._lives.discard(number)
            if not self._is_awaited:
                self._idle.notify_all()
        return sent

    def _lost(self, _: FrameStream, reason: str) -> None:
        with self._lock:
            self._is_closed = True
            left, self._open = list(self._open.values()), {}
            self._lives.clear()
            self._home.cancel()
            self._idle.notify_all()
        where = str(self._folder)
        error = UnavailableError(
            f"the agent was lost, and the task with it: {reason}", where=where,
            remedy="see that the agent runs, connect and submit again",
        )  # fmt: skip
        kept = UnavailableError(
            f"the agent was lost: {reason}", where=where,
            remedy="a durable task that was acknowledged is kept: connect, and ask for its id",
        )  # fmt: skip
        for sent in left:
            sent.listener.failed(pack_failure(kept if sent.is_durable else error))

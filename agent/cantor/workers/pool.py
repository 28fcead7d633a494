"""A pool of worker processes: the queue's decisions made true, by one thread and whoever submits.

Who submits writes to an idle worker itself, so that a call wakes no other thread here. The pool's
thread starts processes, reads what they say, watches the clock and tells the listeners.
"""

from __future__ import annotations

import math
import os
import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.clock import SystemClock
from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.workers.assignment import Assignment, Seat
from cantor.workers.crew import Crew, News, resident_bytes
from cantor.workers.errors import PoolClosedError
from cantor.workers.hearing import Hearing
from cantor.workers.messages import CREDIT, RECALL, SETUP, pack_message
from cantor.workers.units import PLAIN, Death, Unit

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.clock import Clock
    from cantor.wire.frame import Buffer
    from cantor.workers.processes import WorkerProcess
    from cantor.workers.units import Listener, Shipped, Terms

    Call = tuple[Shipped, bytes, Sequence[Buffer], Listener]


class Pool:
    """At most ``size`` busy worker processes. Thread-safe.

    ``warm`` of them start without work. A worker that has run ``units_max`` units, or holds more
    than ``memory_max_bytes`` when it has nothing to do, is replaced. ``setup`` is called in each
    worker before all units, which may name methods of what it returns; after ``starts_max`` workers
    no more start.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        warm: int = 0,
        units_max: int | None = None,
        starts_max: int | None = None,
        setup: Call | None = None,
        memory_max_bytes: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.size = size or os.cpu_count() or 1
        self._clock = clock or SystemClock()
        self._units_max = units_max
        self._memory_max_bytes = memory_max_bytes
        self._setup = None if setup is None else Unit(SETUP, *setup)
        self._core = Assignment(self.size, warm=warm, starts_max=starts_max)
        self._crew = Crew()
        self._told: list[Callable[[], None]] = []
        self._hearing = Hearing(self._core, self._told, self._take, self._answer, self._set_up)
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._seats = count(1)
        self._taken = 0
        self._ended = 0
        self._is_closing = False
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None
        if warm:
            with self._lock:
                self._refuse_closed()

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        """Take one call: of the function in ``code`` with the packed arguments.

        Raises:
            PoolClosedError: no more is taken.
        """
        with self._lock:
            self._refuse_closed()
            unit = self._take(code, body, buffers, listener, terms)
            self._carry_out()
        return unit

    def submit_all(self, calls: Sequence[Call], terms: Terms = PLAIN) -> list[Unit]:
        """Take many calls with few writes.

        Raises:
            PoolClosedError: no more is taken.
        """
        with self._lock:
            self._refuse_closed()
            now = self._clock.monotonic()
            units = [self._unit(*call, terms, now) for call in calls]
            self._core.submit_all(units, now)
            self._carry_out()
        return units

    def cancel(self, unit: Unit) -> None:
        """End a unit; if it runs, its worker is ended with it."""
        with self._lock:
            self._core.cancel(unit)
            self._carry_out()

    def credit(self, unit: Unit, count: int) -> None:
        """The caller of a stream took so many items; with 0 it wants no more."""
        with self._lock:
            worker = self._crew.workers.get(unit.seat) if unit.seat is not None else None
            if worker is not None:
                self._crew.send(worker, pack_message([CREDIT, unit.id, count]))

    def close(self, *, wait: bool = True, cancel_waiting: bool = False, kill: bool = False) -> None:
        """Take no more; workers end when all is done. With ``kill`` they end now."""
        with self._lock:
            self._is_closing = True
            if cancel_waiting or kill:
                self._core.cancel_waiting()
            if kill:
                for seat in self._crew.workers:
                    for unit in tuple(seat.running):
                        self._core.cancel(unit)
            self._carry_out()
            self._crew.wake()
            thread = self._thread
        if thread is None:
            self._crew.close()
        elif wait and thread is not threading.current_thread():
            thread.join()

    def processes(self) -> list[int]:
        """The process ids of the workers."""
        with self._lock:
            return [worker.process.pid for worker in self._crew.workers.values()]

    def _set_up(self, worker: WorkerProcess) -> bool:
        if self._setup is not None:
            self._crew.set_up(worker, self._setup)
        return self._setup is not None

    def _take(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
    ) -> Unit:
        now = self._clock.monotonic()
        unit = self._unit(code, body, buffers, listener, terms, now)
        self._core.submit(unit, now)
        return unit

    def _unit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
        now: float,
    ) -> Unit:
        deadline = None if terms.deadline_s is None else now + terms.deadline_s
        self._taken += 1
        return Unit(next(self._numbers), code, body, buffers, listener, terms, deadline)

    def _refuse_closed(self) -> None:
        if self._is_closing:
            raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="cantor:pool", daemon=True)
            self._thread.start()

    def _carry_out(self) -> None:
        """Do what the queue decided; what only the pool's thread may do is left to it."""
        core = self._core
        if core.gives:
            self._crew.give(core.gives)
            core.gives.clear()
        if core.recalls or core.kills:
            self._signal()
        for unit, end, death in core.ends:
            self._ended += 1
            self._told.append(partial(unit.listener.ended, end, death))
        core.ends.clear()
        if threading.current_thread() is self._thread:
            return
        due = core.due()
        if (
            self._told
            or (core.waiting and core.missing)
            or (due is not None and due < self._wakes_at)
        ):
            self._crew.wake()

    def _signal(self) -> None:
        now = self._clock.monotonic()
        for seat in self._core.recalls:
            worker = self._crew.workers.get(seat)
            if worker is not None:
                self._crew.send(worker, pack_message([RECALL]))
                worker.ask_back()
        self._core.recalls.clear()
        for seat in self._core.kills:
            worker = self._crew.workers.get(seat)
            if worker is not None:
                worker.end(now)
                self._wakes_at = -math.inf
        self._core.kills.clear()

    def _run(self) -> None:
        """The pool's thread."""
        while not self._is_over():
            self._start_missing()
            news = self._crew.wait(self._until())
            with self._lock:
                now = self._clock.monotonic()
                self._crew.write_more()
                for one in news:
                    self._hear(one, now)
                self._core.passed(now)
                self._carry_out()
            self._tell()
            for one in news:
                if one.is_gone:
                    self._bury(one.worker)
        self._crew.close()

    def _is_over(self) -> bool:
        """Whether all is done, and no worker is left."""
        with self._lock:
            if not self._is_closing or self._open():
                return False
            self._core.warm = 0
            for seat in self._crew.workers:
                self._core.retire(seat)
            self._carry_out()
            return not self._crew.workers

    def _open(self) -> int:
        return self._taken - self._ended - self._hearing.done

    def _until(self) -> float | None:
        """How long to wait for news."""
        with self._lock:
            now = self._clock.monotonic()
            times = [w.kill_at for w in self._crew.workers.values() if w.kill_at is not None]
            for worker in self._crew.workers.values():
                if worker.kill_at is not None and worker.kill_at <= now:
                    worker.kill()
            due = self._core.due()
            if due is not None:
                times.append(due)
            self._wakes_at = min(times, default=math.inf)
            if self._told:
                return 0
            return None if not times else max(0.0, self._wakes_at - now)

    def _hear(self, news: News, now: float) -> None:
        worker = news.worker
        self._wrote(worker, news.written)
        try:
            for message in news.messages:
                self._hearing.hear(worker, message, now)
        except RemoteProtocolError:
            worker.kill()
        seat = worker.seat
        if not seat.running and self._is_worn(worker):
            self._core.retire(seat)

    def _wrote(self, worker: WorkerProcess, text: str) -> None:
        """What comes past Python's streams has no unit's mark, and may come a little late."""
        running = worker.seat.running
        listener = running[0].listener if running else worker.latest
        if text and listener is not None:
            self._told.append(partial(listener.wrote, 2, text))

    def _is_worn(self, worker: WorkerProcess) -> bool:
        if self._units_max is not None and worker.seat.units_run >= self._units_max:
            return True
        limit = self._memory_max_bytes
        return limit is not None and resident_bytes(worker.process.pid) > limit

    def _start_missing(self) -> None:
        with self._lock:
            missing = self._core.missing
        for _ in range(missing):
            seat = Seat(next(self._seats))
            try:
                worker = self._crew.start(seat)
            except UnavailableError as error:
                with self._lock:
                    self._core.started(seat)
                    death = Death(signal=None, code=None, stderr=str(error))
                    self._core.died(seat, death, self._clock.monotonic())
                    self._carry_out()
                continue
            with self._lock:
                self._crew.workers[seat] = worker
                self._core.started(seat)

    def _bury(self, worker: WorkerProcess) -> None:
        """A process has ended: what it still said counts, then its units are dealt with."""
        if worker.seat not in self._crew.workers:
            return
        death = worker.death()
        last = News(worker, written=worker.last_written)
        while self._crew.read(last):
            pass
        with self._lock:
            now = self._clock.monotonic()
            self._core.gone(worker.seat)
            self._hear(last, now)
            self._crew.bury(worker)
            self._core.died(worker.seat, death, now)
            self._carry_out()
        self._tell()

    def _tell(self) -> None:
        told = self._told[:]
        del self._told[: len(told)]
        for tell in told:
            tell()

    def _answer(
        self,
        seat: Seat,
        child: int,
        outcome: int,
        content: object,
        buffers: Sequence[Buffer],
    ) -> None:
        with self._lock:
            self._core.child_ended(seat)
            self._crew.answer(seat, child, outcome, content, buffers)
            self._carry_out()

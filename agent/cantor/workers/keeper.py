"""The pool's thread: starts processes, reads what they say, watches the clock, tells listeners."""

from __future__ import annotations

import math
import threading
from functools import partial
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError, UnavailableError
from cantor.workers.crew import News
from cantor.workers.seat import Seat
from cantor.workers.units import Death

if TYPE_CHECKING:
    from cantor.workers.desk import Desk
    from cantor.workers.hearing import Hearing
    from cantor.workers.processes import WorkerProcess
    from cantor.workers.wear import Worn


class Keeper:
    """Keeps the workers of one pool."""

    def __init__(self, desk: Desk, hearing: Hearing, worn: Worn) -> None:
        self._desk = desk
        self._core = desk.core
        self._crew = desk.crew
        self._lock = desk.lock
        self._hearing = hearing
        self._worn = worn
        self._seats = count(1)
        self.taken = 0
        """Units that the pool has taken."""
        self.is_closing = False
        self.is_over = False
        """All was done, and no worker is left."""

    @property
    def open(self) -> int:
        """Units that were taken and have not ended."""
        return self.taken - self._desk.ended - self._hearing.done

    def begin(self) -> None:
        """Start the thread, if it has not begun; wants the lock."""
        if self._desk.thread is None:
            self._desk.thread = threading.Thread(target=self._run, name="cantor:pool", daemon=True)
            self._desk.thread.start()

    def _run(self) -> None:
        while not self._is_over():
            self._start_missing()
            news = self._crew.wait(self._until())
            with self._lock:
                now = self._desk.clock.monotonic()
                self._crew.write_more()
                for one in news:
                    self._hear(one, now)
                self._core.passed(now)
                self._desk.carry_out()
            self._desk.tell()
            for one in news:
                if one.is_gone:
                    self._bury(one.worker)
        self._crew.close()

    def _is_over(self) -> bool:
        """Whether all is done, and no worker is left."""
        with self._lock:
            if self.open:
                return False
            self._desk.quiet.notify_all()
            if not self.is_closing:
                return False
            self._core.starts.warm = 0
            for seat in self._crew.workers:
                self._core.retire(seat)
            self._desk.carry_out()
            self.is_over = not self._crew.workers
            return self.is_over

    def _until(self) -> float | None:
        """How long to wait for news."""
        with self._lock:
            now = self._desk.clock.monotonic()
            times = [w.kill_at for w in self._crew.workers.values() if w.kill_at is not None]
            for worker in self._crew.workers.values():
                if worker.kill_at is not None and worker.kill_at <= now:
                    worker.kill()
            due = self._core.due()
            if due is not None:
                times.append(due)
            self._desk.wakes_at = min(times, default=math.inf)
            if self._desk.told:
                return 0
            return None if not times else max(0.0, self._desk.wakes_at - now)

    def _hear(self, news: News, now: float) -> None:
        worker = news.worker
        was_ready = worker.seat.is_ready
        self._wrote(worker, news.written)
        try:
            for message in news.messages:
                self._hearing.hear(worker, message, now)
        except RemoteProtocolError as error:
            worker.condemn(error)
        seat = worker.seat
        if seat.is_ready and not was_ready:
            self._worn.wear.begin(worker)
        if seat.is_ending or seat.is_leaving:
            return
        if (not seat.running or seat.running[0].terms.mode) and self._worn.is_worn(worker):
            self._core.retire(seat)

    def _wrote(self, worker: WorkerProcess, text: str) -> None:
        """What comes past Python's streams has no unit's mark, and may come a little late."""
        running = worker.seat.running
        listener = running[0].listener if running else worker.latest
        if text and listener is not None:
            self._desk.told.append(partial(listener.wrote, 2, text))

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
                    self._core.died(seat, death, self._desk.clock.monotonic())
                    self._look_for_last()
                    self._desk.carry_out()
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
            now = self._desk.clock.monotonic()
            self._core.gone(worker.seat)
            self._hear(last, now)
            self._crew.bury(worker)
            self._core.died(worker.seat, death, now)
            self._hearing.worker_ended(worker)
            self._look_for_last()
            self._desk.carry_out()
        self._desk.tell()

    def _look_for_last(self) -> None:
        death = self._core.starts.end_of_all(self._core.seats.values())
        if death is not None:
            self._hearing.worker_was_last(death)

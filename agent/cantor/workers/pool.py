"""A pool of worker processes: the queue's decisions made true, by one thread and whoever submits.

Who submits writes to an idle worker itself, so that a call wakes no other thread here. All else is
done by the pool's thread (``keeper``).
"""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.workers.assignment import Assignment
from cantor.workers.desk import Desk
from cantor.workers.errors import PoolClosedError
from cantor.workers.hearing import Hearing
from cantor.workers.keeper import Keeper
from cantor.workers.messages import SETUP
from cantor.workers.sandbox.levels import OPEN
from cantor.workers.sandbox.trial import require
from cantor.workers.sharing import Sharing
from cantor.workers.units import PLAIN, PROCESS, Gang, Unit
from cantor.workers.wear import Wear, Worn

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.clock import Clock
    from cantor.wire.frame import Buffer
    from cantor.workers.backend import Backend
    from cantor.workers.grants import Grants
    from cantor.workers.lines import Ask
    from cantor.workers.queueing import Queueing
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.units import Listener, Shipped, Terms

    Call = tuple[Shipped, bytes, Sequence[Buffer], Listener]
    Setup = Call | tuple[Shipped, bytes, Sequence[Buffer], Listener, Terms]


class Pool:
    """At most ``size`` busy worker processes. Thread-safe.

    ``warm`` of them start without work; one that is worn by ``wear`` is replaced. ``setup`` are
    calls in each worker before all units, which may name methods of what the last of them returns;
    their listeners hear what becomes of each, and the end of the last worker: after ``starts_max``
    no more start.
    With ``places`` each runs so many units at once. What units submit themselves goes where
    ``children`` says, else it stays here. What they need is asked of ``grants``; without, none may
    need quantities.
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        warm: int = 0,
        wear: Wear | None = None,
        starts_max: int | None = None,
        setup: Sequence[Setup] = (),
        places: int | None = None,
        children: Callable[[], Backend] | None = None,
        grants: Grants | None = None,
        sandbox: Sandbox = OPEN,
        clock: Clock | None = None,
    ) -> None:
        """``sandbox`` is what its workers are closed in.

        Raises:
            SandboxError: this machine cannot give that.
        """
        require(sandbox)
        self.size = size or os.cpu_count() or 1
        self._is_alone = places is None
        self.room = self.size * (places or 1)
        """So many units run at once."""
        self.worn = Worn(wear or Wear())
        self._core = _core(self.size, places, warm, starts_max)
        self._desk = Desk(self._core, grants, clock, sandbox)
        self._clock = self._desk.clock
        self._crew = self._desk.crew
        self._lock = self._desk.lock
        before = tuple(Unit(SETUP, *one) for one in setup)
        hearing = Hearing(self._desk, children or Adopting(self).here, before)
        self._keeper = Keeper(self._desk, hearing, self.worn)
        self._numbers = count(1)
        if warm:
            with self._lock:
                self._keeper.begin()

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
        holds: Ask | None = None,
    ) -> Unit:
        """Take one call: of the function in ``code`` with the packed arguments.

        What it ``holds`` already is given back to the grants when its worker has ended with it.

        Raises:
            PoolClosedError: no more is taken.
        """
        with self._lock:
            self._refuse_closed()
            unit = self._take(code, body, buffers, listener, terms, holds)
            self._desk.carry_out()
        self._desk.asking.pass_on()
        return unit

    def adopt(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Unit:
        """Take what a unit submits: as :meth:`submit`, also while what was taken is being done.

        Raises:
            PoolClosedError: all was done.
        """
        with self._lock:
            if self._keeper.is_over:
                raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
            self._keeper.begin()
            unit = self._take(code, body, buffers, listener, terms)
            self._desk.carry_out()
        self._desk.asking.pass_on()
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
            self._desk.carry_out()
        self._desk.asking.pass_on()
        return units

    def submit_together(
        self, calls: Sequence[Call], terms: Sequence[Terms], needs: str
    ) -> list[Unit]:
        """Take calls that begin together or not at all; ``needs`` are those of all of them.

        Raises:
            ConfigError: more than ever run at once here.
            PoolClosedError: no more is taken.
        """
        if len(calls) > self.room:
            raise ConfigError(
                f"{len(calls)} tasks cannot begin together: {self.room} run at once here",
                where=terms[0].name,
                remedy=f"cantor.local(workers={len(calls)}), or threads={len(calls)} for threads",
            )
        with self._lock:
            self._refuse_closed()
            now = self._clock.monotonic()
            gang = Gang([], needs)
            for call, one in zip(calls, terms, strict=True):
                unit = self._unit(*call, one, now)
                unit.gang = gang
                gang.units.append(unit)
            self._core.submit_together(gang, now)
            self._desk.carry_out()
        self._desk.asking.pass_on()
        return gang.units

    def cancel(self, unit: Unit) -> None:
        """End a unit; if it runs, its worker is ended with it."""
        with self._lock:
            self._core.cancel(unit, self._clock.monotonic())
            self._desk.carry_out()
        self._desk.asking.pass_on()

    def credit(self, unit: Unit, count: int) -> None:
        """The caller of a stream took so many items; with 0 it wants no more."""
        with self._lock:
            self._desk.credit(unit, count)
            self._desk.carry_out()

    def begun(self, unit: Unit) -> tuple[int, float | None] | None:
        """The process that runs a unit and for how many seconds, if it runs; those of units beside
        others are not known.
        """
        with self._lock:
            seat = unit.seat
            if seat is None or not unit.is_running or seat not in self._crew.workers:
                return None
            for_s = self._clock.monotonic() - seat.begun if unit.terms.mode == PROCESS else None
            return self._crew.workers[seat].pid, for_s

    def close(self, *, wait: bool = True, cancel_waiting: bool = False, kill: bool = False) -> None:
        """Take no more; workers end when all is done. With ``kill`` they end now."""
        with self._lock:
            self._keeper.is_closing = True
            if cancel_waiting or kill:
                self._core.cancel_waiting()
            if kill:
                for seat in self._crew.workers:
                    for unit in tuple(seat.running):
                        self._core.cancel(unit, self._clock.monotonic())
            self._desk.carry_out()
            self._crew.wake()
            thread = self._desk.thread
        self._desk.asking.pass_on()
        if thread is None:
            self._crew.close()
        elif wait and thread is not threading.current_thread():
            thread.join()

    @property
    def open(self) -> int:
        """Units that were taken and have not ended."""
        with self._lock:
            return self._keeper.open

    def drain(self) -> None:
        """Wait until all is done that was taken so far."""
        with self._desk.quiet:
            self._desk.quiet.wait_for(lambda: not self._keeper.open)

    def processes(self) -> list[int]:
        """The process ids of the workers."""
        with self._lock:
            return [worker.pid for worker in self._crew.workers.values()]

    def _take(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms,
        holds: Ask | None = None,
    ) -> Unit:
        now = self._clock.monotonic()
        unit = self._unit(code, body, buffers, listener, terms, now)
        unit.holds = holds
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
        if terms.mode and self._is_alone:
            terms = replace(terms, mode=PROCESS)
        deadline = None if terms.deadline_s is None else now + terms.deadline_s
        self._keeper.taken += 1
        return Unit(next(self._numbers), code, body, buffers, listener, terms, deadline)

    def _refuse_closed(self) -> None:
        if self._keeper.is_closing:
            raise PoolClosedError("the pool is closed", remedy="submit before it is shut down")
        self._keeper.begin()


class Adopting:
    """Takes what units of a pool submit themselves."""

    def __init__(self, parent: Pool) -> None:
        self.submit = parent.adopt
        self.cancel = parent.cancel
        self.credit = parent.credit

    def here(self) -> Backend:
        """Itself."""
        return self


def _core(size: int, places: int | None, warm: int, starts_max: int | None) -> Queueing:
    if places is None:
        return Assignment(size, warm=warm, starts_max=starts_max)
    return Sharing(size, places, warm=warm, starts_max=starts_max)

"""What the threads of a pool share: the queue, the processes, and what is to be told to whom."""

from __future__ import annotations

import math
import threading
from functools import partial
from typing import TYPE_CHECKING

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError
from cantor.workers.children import ANSWER_ITEM
from cantor.workers.crew import Crew
from cantor.workers.failures import pack_failure
from cantor.workers.grants import Asking, NoGrants
from cantor.workers.messages import RECALL, STOP, pack_message
from cantor.workers.sandbox.levels import OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.clock import Clock
    from cantor.wire.frame import Buffer
    from cantor.workers.grants import Answer, Grants
    from cantor.workers.lines import Ask
    from cantor.workers.queueing import Queueing
    from cantor.workers.sandbox.levels import Sandbox
    from cantor.workers.seat import Seat
    from cantor.workers.units import Unit


class Desk:
    """Whoever changes the queue holds ``lock`` and then calls :meth:`carry_out`, and without the
    lock ``asking.pass_on``.
    """

    def __init__(
        self,
        core: Queueing,
        grants: Grants | None,
        clock: Clock | None,
        sandbox: Sandbox = OPEN,
    ) -> None:
        self.lock = threading.Lock()
        self.quiet = threading.Condition(self.lock)
        """Told when all units have ended."""
        self.clock = clock or SystemClock()
        self.core = core
        self.crew = Crew(sandbox)
        self.asking = Asking(grants or NoGrants(), core.lines.effects, self._granted)
        self.told: list[Callable[[], None]] = []
        """What to call without the lock."""
        self.ended = 0
        """Units that ended without a word of their worker."""
        self.thread: threading.Thread | None = None
        """The pool's own."""
        self.wakes_at = math.inf
        """When that thread looks again by itself."""

    def carry_out(self) -> None:
        """Do what the queue decided; what only the pool's thread may do is left to it."""
        core = self.core
        if core.gives:
            self.crew.give(core.gives)
            core.gives.clear()
        if core.recalls or core.kills or core.stops:
            self._signal()
        if core.ends or core.failures:
            self._note_ends()
        if threading.current_thread() is self.thread:
            return
        due = core.due()
        if (
            self.told
            or (core.waiting and core.missing)
            or (due is not None and due < self.wakes_at)
        ):
            self.crew.wake()

    def tell(self) -> None:
        """Call whom something is to be told; only the pool's thread does, with nothing locked."""
        self.asking.pass_on()
        told = self.told[:]
        del self.told[: len(told)]
        for tell in told:
            tell()

    def answer(
        self,
        seat: Seat,
        parent: int,
        child: int,
        outcome: int,
        content: object,
        buffers: Sequence[Buffer],
    ) -> None:
        """A unit that the unit of a seat has submitted has ended, or gave an item."""
        with self.lock:
            is_end = outcome != ANSWER_ITEM
            if is_end:
                self.core.child_ended(seat, parent)
            self.crew.answer(seat, child, outcome, content, buffers, is_end=is_end)
            self.carry_out()

    def credit(self, unit: Unit, count: int) -> None:
        """The caller of a stream took so many items, or wants no more; wants the lock."""
        if unit.seat is None and count == 0:
            self.core.cancel(unit, self.clock.monotonic())
        else:
            unit.items_ahead -= count
            self.crew.credit(unit, count)

    def _granted(self, ask: Ask, answer: Answer) -> None:
        """An answer of the grants, in any thread."""
        with self.lock:
            if isinstance(answer, CantorError):
                self.core.refused(ask, answer)
            else:
                self.core.granted(ask, answer, self.clock.monotonic())
            self.carry_out()

    def _note_ends(self) -> None:
        core = self.core
        for unit, end, death in core.ends:
            self.told.append(partial(unit.listener.ended, end, death))
        for unit, error in core.failures:
            self.told.append(partial(unit.listener.failed, pack_failure(error)))
        self.ended += len(core.ends) + len(core.failures)
        core.ends.clear()
        core.failures.clear()

    def _signal(self) -> None:
        now = self.clock.monotonic()
        for seat in self.core.recalls:
            worker = self.crew.workers.get(seat)
            if worker is not None:
                self.crew.send(worker, pack_message([RECALL]))
                worker.ask_back()
        self.core.recalls.clear()
        for seat, unit in self.core.stops:
            worker = self.crew.workers.get(seat)
            if worker is not None:
                self.crew.send(worker, pack_message([STOP, unit.id]))
        self.core.stops.clear()
        for seat in self.core.kills:
            worker = self.crew.workers.get(seat)
            if worker is not None:
                worker.end(now)
                self.wakes_at = -math.inf
        self.core.kills.clear()

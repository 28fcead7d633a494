"""The line before the workers of this node: attempts begin when it is their project's turn.

Out of turn begins what was granted units, for their owner has decided already; and what another
task waits for with a worker. Attempts in threads and actors take no worker of the line.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.scheduling.shares.turns import Turns
from cantor.workers.units import PROCESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.services import Node
    from cantor.node.tasks.running import Attempt

LOOK_S = 1.0
"""While some wait: how often it is looked whether a worker must come back or a limit allows one."""


class WorkerLine:
    """``start`` begins an attempt; ``preempt`` ends one, for a reason."""

    def __init__(
        self,
        node: Node,
        workers: int,
        start: Callable[[Attempt], None],
        preempt: Callable[[Attempt, str], None],
    ) -> None:
        self._node = node
        shares = node.shares
        self._turns: Turns[Attempt] = Turns(node.node_id, shares.accounts, shares.order, workers)
        self._start = start
        self._preempt = preempt
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        shares.on_settle(self._turns.settle)

    def close(self) -> None:
        """Begin nothing more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def put(self, attempt: Attempt) -> None:
        """Begin it when it is its turn; at once if it takes no turn."""
        terms = attempt.terms
        if terms.is_life or terms.is_nested or terms.mode != PROCESS or attempt.reservation:
            self._start(attempt)
            if terms.mode == PROCESS and not terms.is_life:
                self._turns.begun(attempt, self._project(attempt), self._now())
            return
        self._turns.put(
            attempt, self._project(attempt), terms.priority, self._now(),
            may_reclaim=not terms.at_most_once,
        )  # fmt: skip
        self._give()

    def ended(self, attempt: Attempt, *, is_done: bool) -> None:
        """It waits and runs no more; ``is_done`` by itself."""
        self._turns.ended(attempt, self._now(), is_done=is_done)
        self._give()

    def _give(self) -> None:
        while not self._is_closed and (attempt := self._turns.next(self._now())) is not None:
            self._start(attempt)
        if self._turns.is_waited_for and self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look)
        self._node.shares.soon()

    def _look(self) -> None:
        self._timer = None
        for attempt, project in self._turns.wanted_back(self._now()):
            self._preempt(attempt, f"its worker is owed to project {project}")
        self._give()

    def _project(self, attempt: Attempt) -> str:
        return self._node.shares.payer(attempt.key.node, attempt.terms.project)

    def _now(self) -> float:
        return self._node.clock.monotonic()

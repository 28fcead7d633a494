"""When a worker has done or taken so much that another takes its place."""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.units import format_size
from cantor.workers.crew import resident_bytes

if TYPE_CHECKING:
    from cantor.workers.processes import WorkerProcess

KEPT_MAX = 100
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wear:
    """Limits of each worker, which is looked at when it has nothing to do.

    It may run ``units_max`` units, hold ``memory_max_bytes`` of memory, and hold
    ``growth_max_bytes`` more than when it was ready for its first unit.
    """

    units_max: int | None = None
    memory_max_bytes: int | None = None
    growth_max_bytes: int | None = None

    def begin(self, worker: WorkerProcess) -> None:
        """A worker is ready for its first unit."""
        if self.growth_max_bytes is not None:
            worker.ready_bytes = resident_bytes(worker.pid)

    def why(self, worker: WorkerProcess) -> str:
        """Why another must take its place; empty if it is well."""
        run = worker.seat.units_run
        if self.units_max is not None and run >= self.units_max:
            return f"it has run {run} tasks"
        if not run or (self.memory_max_bytes is None and self.growth_max_bytes is None):
            return ""  # one that has run nothing yet would be replaced by the same
        held = resident_bytes(worker.pid)
        if self.memory_max_bytes is not None and held > self.memory_max_bytes:
            return f"it holds {format_size(held)} when it has nothing to do"
        grown = held - worker.ready_bytes
        if self.growth_max_bytes is not None and grown > self.growth_max_bytes:
            return f"it holds {format_size(grown)} more than before its first task"
        return ""


@dataclass(frozen=True, slots=True)
class Replaced:
    """A worker whose place another took: its process, why, and the task that it ran last."""

    pid: int
    why: str
    task: str

    def __str__(self) -> str:
        last = f"; it ran {self.task} last" if self.task else ""
        return f"worker {self.pid} is replaced: {self.why}{last}"


class Worn:
    """Workers that were replaced: the last are kept, those that took memory are logged."""

    def __init__(self, wear: Wear) -> None:
        self.wear = wear
        self.replaced: deque[Replaced] = deque(maxlen=KEPT_MAX)

    def is_worn(self, worker: WorkerProcess) -> bool:
        """Whether another must take its place, which is told."""
        why = self.wear.why(worker)
        if not why:
            return False
        replaced = Replaced(worker.pid, why, worker.latest_name)
        self.replaced.append(replaced)
        is_leak = self.wear.units_max is None or worker.seat.units_run < self.wear.units_max
        _log.log(logging.WARNING if is_leak else logging.DEBUG, "%s", replaced)
        return True

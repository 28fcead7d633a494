"""When a worker has done or taken so much that another takes its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.workers.crew import resident_bytes

if TYPE_CHECKING:
    from cantor.workers.processes import WorkerProcess


@dataclass(frozen=True, slots=True)
class Wear:
    """Limits of each worker; it is looked at when it has nothing to do.

    ``units_max`` units run, ``memory_max_bytes`` held.
    """

    units_max: int | None = None
    memory_max_bytes: int | None = None

    def is_worn(self, worker: WorkerProcess) -> bool:
        """Whether another must take its place."""
        if self.units_max is not None and worker.seat.units_run >= self.units_max:
            return True
        limit = self.memory_max_bytes
        return limit is not None and resident_bytes(worker.process.pid) > limit

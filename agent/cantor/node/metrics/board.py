"""All series of one node: what its machine does, what its processes count, and how both were."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from cantor.metering.history import History
from cantor.metering.names import Series
from cantor.node.metrics.desk import MetricsDesk
from cantor.node.metrics.gpus import Gpus
from cantor.node.metrics.machine import Machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from cantor.node.metrics.machine import Values


@runtime_checkable
class Measured(Protocol):
    """A service of a node that has gauges of its own."""

    def figures(self) -> Mapping[str, float]:
        """Them now, by name."""


class Board:
    """Takes samples. ``sample`` from one thread at a time; the rest on the event loop."""

    def __init__(self, folder: Path) -> None:
        self.desk = MetricsDesk()
        self.history = History()
        self.values: Values = {}
        self.at = 0.0
        self._machine = Machine(folder)
        self._gpus = Gpus()
        self._reading = threading.Lock()

    def read(self, figures: Mapping[str, float]) -> Values:
        """All series now; sensors may take their time, so in a thread of its own."""
        with self._reading:
            values = self._machine.read()
            values.update(self._gpus.read())
            values.update({Series(name): value for name, value in figures.items()})
            values.update(self.desk.read())
        return values

    def keep(self, at: float, values: Values, *, is_read: bool) -> None:
        """These are the series at UTC second ``at``."""
        self.values, self.at = values, at
        self.history.add(at, values, is_read=is_read)

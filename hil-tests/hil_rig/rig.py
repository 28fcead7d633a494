"""One rig in one test: its parts, its seed, and the figures that the test measured."""

from __future__ import annotations

import random
import zlib
from typing import TYPE_CHECKING

from hil_rig.backend import make_backend
from hil_rig.board import Board
from hil_rig.console import Console
from hil_rig.faults import Faults
from hil_rig.power import Power
from hil_rig.timeline import Measure, Record, Timeline

if TYPE_CHECKING:
    from hil_rig.backend import Backend
    from hil_rig.rig_file import RigSpec
    from hil_rig.timeline import Better


class Rig:
    """The parts of a rig. ``random`` is seeded by rig and test: same seed, same test."""

    def __init__(self, spec: RigSpec, record: Record, backend: Backend | None = None) -> None:
        self.spec = spec
        self.record = record
        self.backend = backend or make_backend(spec, record.seed)
        self.random = random.Random(record.seed)  # noqa: S311 # reproducible, not a secret
        self.timeline = Timeline(record, self.backend.clock.monotonic)
        self.faults = Faults(self.backend, self.timeline, record.seed + 1)
        self.console = Console(self.backend, spec.board, self.timeline, self.faults)
        self.power = Power(self.backend, self.console, self.timeline)
        self.board = Board(spec.board, self.backend, self.console, self.power)

    def open(self) -> None:
        """Take the board.

        Raises:
            DeviceError: its port is missing, busy or not allowed.
        """
        self.backend.open()

    def close(self) -> None:
        """Let the board go, and keep what the report needs."""
        self.console.finish()
        self.record.rig_s = self.timeline.now_s
        self.record.faults = self.faults.counters()
        self.backend.close()

    def measure(
        self,
        name: str,
        value: float,
        unit: str,
        *,
        limit: float | None = None,
        better: Better = "lower",
    ) -> None:
        """Keep a figure for the report.

        Raises:
            AssertionError: it does not keep its limit.
        """
        measure = Measure(name, value, unit, limit, better)
        self.record.measures.append(measure)
        if not measure.met:
            word = "at most" if better == "lower" else "at least"
            message = f"{name}: {value:g} {unit}, promised {word} {limit:g} {unit}"
            raise AssertionError(message)


def seed_of(test: str, seed: int) -> int:
    """The seed of one test, from its name and the rig's seed."""
    return zlib.crc32(f"{seed}:{test}".encode())

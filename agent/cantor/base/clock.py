"""Time as an argument: clocks that can be replaced, and the hybrid logical clock of the ledger."""

from __future__ import annotations

import time
from typing import Protocol

from cantor.base.errors import RemoteProtocolError

HLC_DRIFT_MAX_S = 60.0
_COUNTER_BITS = 16


class Clock(Protocol):
    """Where time comes from."""

    def monotonic(self) -> float:
        """Seconds that never go back; compare only with itself."""

    def wall(self) -> float:
        """Seconds since 1970 (UTC) as far as this box knows."""


class SystemClock:
    """The clock of the machine."""

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


def seconds_ahead(stamp: int, wall_s: float) -> float:
    """How far a stamp of a hybrid clock lies ahead of a wall clock; negative if behind."""
    return (stamp >> _COUNTER_BITS) / 1000 - wall_s


class HybridClock:
    """A hybrid logical clock (Kulkarni et al., 2014): 48 bits of milliseconds, 16 of counter."""

    def __init__(self, floor: int = 0) -> None:
        self._last = floor

    def tick(self, wall_s: float) -> int:
        """A stamp later than every stamp given or seen before."""
        physical = int(wall_s * 1000) << _COUNTER_BITS
        self._last = max(self._last + 1, physical)
        return self._last

    def observe(self, stamp: int, wall_s: float) -> None:
        """Take note of a stamp from another node.

        Raises:
            RemoteProtocolError: it lies more than 60 s ahead of this node's clock.
        """
        ahead_s = seconds_ahead(stamp, wall_s)
        if ahead_s > HLC_DRIFT_MAX_S:
            raise RemoteProtocolError(
                f"its clock is {ahead_s:.0f} s ahead of ours (limit {HLC_DRIFT_MAX_S:.0f} s)",
                remedy="set the clock of the box that is wrong; cantor doctor names it",
            )
        self._last = max(self._last, stamp)

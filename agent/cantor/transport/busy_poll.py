"""Keeping the event loop awake while messages come thick and fast.

To wake a core that has gone to sleep costs 20 to 40 µs on a virtual machine, most of the time of a
small message. While messages come every 200 µs or faster, the loop looks again instead of sleeping,
for as long as the next one is due, and yields the core at every look to whoever else wants it. What
this costs is bounded: a node to which nothing comes for half a millisecond sleeps as ever.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

try:
    from os import sched_yield
except ImportError:  # a system without it only has one way to yield

    def sched_yield() -> None:
        time.sleep(0)


if TYPE_CHECKING:
    from collections.abc import Callable

GAP_S = 200e-6
"""The mean time between arrivals up to which it is worth staying awake."""
GAP_COUNTED_MAX_S = 2e-3
WEIGHT = 0.25
PATIENCE = 2.0


class BusyPoll:
    """One event loop's; ``now`` gives seconds, ``pause`` runs at every look."""

    def __init__(
        self,
        now: Callable[[], float] = time.perf_counter,
        pause: Callable[[], None] = sched_yield,
    ) -> None:
        self._now = now
        self._pause = pause
        self._loop = asyncio.get_running_loop()
        self._last_s = -1.0
        self._gap_s = GAP_COUNTED_MAX_S
        self._until_s = 0.0
        self._is_looking = False
        self.looks = 0
        """How often the loop went round for this."""

    def arrived(self) -> None:
        """Something came."""
        now_s = self._now()
        gap_s = now_s - self._last_s
        self._last_s = now_s
        if gap_s > GAP_COUNTED_MAX_S:
            gap_s = GAP_COUNTED_MAX_S
        self._gap_s += WEIGHT * (gap_s - self._gap_s)
        if self._gap_s < GAP_S:
            self._until_s = now_s + PATIENCE * GAP_S
            if not self._is_looking:
                self._is_looking = True
                self._loop.call_soon(self._look)

    def _look(self) -> None:
        self.looks += 1
        self._pause()
        if self._now() < self._until_s:
            self._loop.call_soon(self._look)
        else:
            self._is_looking = False

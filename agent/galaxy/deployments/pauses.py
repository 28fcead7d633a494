"""How long a run that was lost waits until it begins anew: longer each time, if it never runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_MIN_S, PAUSE_MAX_S = 1.0, 30.0
GOOD_RUN_S = 60.0


class Pauses:
    """Of the groups of one deployment; ``over`` is called with leader and epoch of a lost run."""

    def __init__(self, over: Callable[[str, int], None]) -> None:
        self._over = over
        self._failures: dict[str, int] = {}
        self._ran_since_s: dict[str, float] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def runs(self, leader: str) -> None:
        """A group runs from now on."""
        self._ran_since_s[leader] = asyncio.get_running_loop().time()

    def begin(self, leader: str, epoch: int) -> None:
        """A run was lost."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._ran_since_s.get(leader, 0.0) > GOOD_RUN_S:
            self._failures[leader] = 0
        failures = self._failures.get(leader, 0)
        self._failures[leader] = failures + 1
        pause_s = min(PAUSE_MAX_S, PAUSE_MIN_S * 2.0 ** min(failures, 16))
        former = self._timers.pop(leader, None)
        if former is not None:
            former.cancel()
        self._timers[leader] = loop.call_later(pause_s, self._ended, leader, epoch)

    def forget(self) -> None:
        """Another revision begins: what failed before does not count."""
        self._failures.clear()

    def close(self) -> None:
        """Nothing begins anew."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _ended(self, leader: str, epoch: int) -> None:
        del self._timers[leader]
        self._over(leader, epoch)

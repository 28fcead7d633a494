"""Runs that failed and are to begin anew: each after a pause that doubles."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_MIN_S, PAUSE_MAX_S = 1.0, 30.0
GOOD_RUN_S = 60.0
"""After so long a run was good: the pause begins small again."""


class Anew:
    """On the event loop only. ``lose`` is called with leader and epoch when the pause is over."""

    def __init__(self, lose: Callable[[str, int], None]) -> None:
        self._lose = lose
        self._failures: dict[str, int] = {}
        self._ran_since_s: dict[str, float] = {}
        self._pauses: dict[str, asyncio.TimerHandle] = {}

    def runs(self, leader: str) -> None:
        """A group runs from now on."""
        self._ran_since_s[leader] = _now_s()

    def later(self, leader: str, epoch: int) -> None:
        """It has failed."""
        if _now_s() - self._ran_since_s.get(leader, 0.0) > GOOD_RUN_S:
            self._failures[leader] = 0
        failures = self._failures.get(leader, 0)
        self._failures[leader] = failures + 1
        pause_s = min(PAUSE_MAX_S, PAUSE_MIN_S * 2.0 ** min(failures, 16))
        former = self._pauses.pop(leader, None)
        if former is not None:
            former.cancel()
        loop = asyncio.get_running_loop()
        self._pauses[leader] = loop.call_later(pause_s, self._over, leader, epoch)

    def forget(self) -> None:
        """Another revision of the pipeline runs from now on: what failed before counts no more."""
        self._failures.clear()

    def close(self) -> None:
        """Nothing begins anew."""
        for pause in self._pauses.values():
            pause.cancel()
        self._pauses.clear()

    def _over(self, leader: str, epoch: int) -> None:
        del self._pauses[leader]
        self._lose(leader, epoch)


def _now_s() -> float:
    return asyncio.get_running_loop().time()

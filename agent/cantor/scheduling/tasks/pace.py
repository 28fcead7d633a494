"""How many tasks a node gets at once: as many as it has workers, and more ahead if all are small.

So small tasks find a worker that has no pause between them, and no long one waits behind another.
"""

from __future__ import annotations

AHEAD_MAX = 64
"""So many small tasks wait at a node at most, beside those that its workers run."""
AHEAD_S = 0.01
"""So much work may wait there."""
_WEIGHT = 0.2


class Pace:
    """How long tasks take at one node, as far as those that ended tell."""

    def __init__(self) -> None:
        self._pace_s: float | None = None
        self._ended_at = 0.0

    def room(self, workers: int) -> int:
        """How many may be there."""
        pace = self._pace_s
        ahead = 0 if pace is None else min(AHEAD_MAX, int(workers * AHEAD_S / (pace + 1e-9)))
        return workers + ahead

    def ended(self, begun: float, now: float, busy: int) -> None:
        """One has ended that it was given at ``begun``; ``busy`` workers had one, it included."""
        took = (now - max(begun, self._ended_at)) * busy
        before = took if self._pace_s is None else self._pace_s
        self._pace_s = before + _WEIGHT * (took - before)
        self._ended_at = now

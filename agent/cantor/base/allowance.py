"""So many of something per second: what bounds the work that others can cause."""

from __future__ import annotations


class Allowance:
    """So many per second; after a pause as many at once, or as ``at_once`` says.

    ``now`` is in monotonic seconds.
    """

    def __init__(self, per_s: float, at_once: float | None = None) -> None:
        self._per_s = per_s
        self._most = per_s if at_once is None else at_once
        self._left = self._most
        self._at = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is allowed; it then counts."""
        if self.is_spent(now):
            return False
        self._left -= 1.0
        return True

    def is_spent(self, now: float) -> bool:
        """Whether nothing more is allowed now."""
        if now > self._at:
            self._left = min(self._most, self._left + (now - self._at) * self._per_s)
            self._at = now
        return self._left < 1.0

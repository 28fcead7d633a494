"""Time on boxes whose clock cannot be trusted: 1970 after a power cut, or years ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass

AHEAD_TOLERATED_S = 3600.0


@dataclass(frozen=True)
class TrustedTime:
    """What is known about time from signed messages.

    ``floor_s`` is the latest signed time seen; ``offset_s`` what to add to a clock that ran ahead
    when it was seen (0 or negative).
    """

    floor_s: float = 0.0
    offset_s: float = 0.0

    def learn(self, signed_s: float, wall_s: float) -> TrustedTime:
        """Take note of a signed time, seen while the box's own clock said ``wall_s``."""
        if not math.isfinite(signed_s) or signed_s < self.floor_s:
            return self
        ahead_s = wall_s - signed_s
        return TrustedTime(signed_s, -ahead_s if ahead_s > AHEAD_TOLERATED_S else 0.0)

    def now(self, wall_s: float) -> float:
        """Seconds since 1970 by which validity is judged; never before the floor.

        A clock known to run ahead is corrected, until somebody sets it right: then the corrected
        value would lie before the floor and the clock itself is believed again.
        """
        corrected_s = wall_s + self.offset_s
        if corrected_s >= self.floor_s - AHEAD_TOLERATED_S:
            return max(corrected_s, self.floor_s)
        return max(wall_s, self.floor_s)

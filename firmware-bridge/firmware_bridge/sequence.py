"""Which messages of a device were taken before: by boot counter and sequence number."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from firmware_bridge.payload import Boot

Verdict: TypeAlias = Literal["new", "late", "repeated", "outdated"]

WINDOW = 1024
OLD_BOOTS_MAX = 8
MISSING_MAX = 2**53
_WINDOW_BITS = (1 << WINDOW) - 1


class Sequence:
    """The last 1024 numbers of a device's present boot.

    A message of an earlier boot, or from before the window, is outdated. After ``silence_s``
    without a sound message such a one counts as a new beginning instead: the device may have lost
    its counters, or somebody else may have spoken with a number far ahead.
    """

    def __init__(self) -> None:
        self.missing = 0
        self._boot: Boot | None = None
        self._old: deque[Boot] = deque(maxlen=OLD_BOOTS_MAX)
        self._highest = -1
        self._seen = 0
        self._taken_at = -math.inf

    def judge(self, boot: Boot, seq: int, now: float, silence_s: float) -> Verdict:
        """Whether a message is to be taken (new, late) or not; late: a newer one was there."""
        verdict = self._judge(boot, seq, is_silent=now - self._taken_at > silence_s)
        if verdict in ("new", "late"):
            self._taken_at = now
        return verdict

    def _judge(self, boot: Boot, seq: int, *, is_silent: bool) -> Verdict:
        if boot != self._boot:
            if self._is_earlier(boot) and not is_silent:
                return "outdated"
            self._begin(boot, seq)
            return "new"
        ahead = seq - self._highest
        if ahead > 0:
            self._seen = ((self._seen << ahead) | 1) & _WINDOW_BITS if ahead < WINDOW else 1
            self._highest = seq
            self.missing = min(self.missing + ahead - 1, MISSING_MAX)
            return "new"
        if -ahead >= WINDOW:
            if not is_silent:
                return "outdated"
            self._begin(boot, seq)
            return "new"
        if self._seen >> -ahead & 1:
            return "repeated"
        self._seen |= 1 << -ahead
        self.missing = max(self.missing - 1, 0)
        return "late"

    def _is_earlier(self, boot: Boot) -> bool:
        if isinstance(boot, int) and isinstance(self._boot, int):
            return boot < self._boot
        return boot in self._old

    def _begin(self, boot: Boot, seq: int) -> None:
        if self._boot is not None and boot != self._boot:
            self._old.append(self._boot)
        self._boot, self._highest, self._seen = boot, seq, 1

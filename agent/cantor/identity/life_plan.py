"""When a node asks for a lease or a new certificate: pure rules on two clocks.

``wall_s`` is trusted time in seconds since 1970 and may jump; ``now_s`` never goes back. What was
received is due after a share of its life on either, so that neither a clock that stands in 1970
nor a box that slept misses it, and a jump of the wall clock costs one question at most.
"""

from __future__ import annotations

import enum
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

RENEW_AFTER_S = 7 * 86_400.0
JITTER = 0.1
LEASE_SHARE = 0.5
FOLLOW_WITHIN_S = 60.0
"""So long nodes spread their questions when the mesh goes over to a new root."""
RETRY_S = 5.0
RETRY_S_MAX = 600.0


class Wish(enum.Enum):
    """What to ask an issuer for; a certificate comes with a lease."""

    NOTHING = "nothing"
    LEASE = "lease"
    CERTIFICATE = "certificate"


class LifePlan:
    """The plan of one node; ``draw`` gives numbers from 0 to 1."""

    def __init__(self, draw: Callable[[], float]) -> None:
        self._draw = draw
        self._certificate_wall_s = self._certificate_s = math.inf
        self._lease_wall_s = self._lease_s = -math.inf
        self._retry_s = RETRY_S
        self._asks_after_s = -math.inf

    def certified(self, began_s: float, ends_s: float, wall_s: float, now_s: float) -> None:
        """A certificate is here, which holds from ``began_s`` to ``ends_s``."""
        after_s = min(RENEW_AFTER_S, (ends_s - began_s) / 5) * self._spread()
        self._certificate_wall_s = began_s + after_s
        age_s = min(max(wall_s - began_s, 0.0), after_s)
        self._certificate_s = now_s + after_s - age_s

    def leased(self, from_s: float, until_s: float, wall_s: float, now_s: float) -> None:
        """A lease is here."""
        after_s = (until_s - from_s) * LEASE_SHARE * self._spread()
        self._lease_wall_s = from_s + after_s
        age_s = min(max(wall_s - from_s, 0.0), after_s)
        self._lease_s = now_s + after_s - age_s

    def follow(self, now_s: float) -> None:
        """The mesh goes over to a new root: get a certificate under it soon."""
        self._certificate_s = min(self._certificate_s, now_s + self._draw() * FOLLOW_WITHIN_S)

    def succeeded(self) -> None:
        """An issuer has answered."""
        self._retry_s, self._asks_after_s = RETRY_S, -math.inf

    def failed(self, now_s: float) -> None:
        """Nobody answered: ask later, and less often each time."""
        self._asks_after_s = now_s + self._retry_s * (0.5 + self._draw())
        self._retry_s = min(2 * self._retry_s, RETRY_S_MAX)

    def issuer_seen(self) -> None:
        """An issuer can be reached that could not before."""
        self.succeeded()

    def wish(self, wall_s: float, now_s: float) -> Wish:
        """What to ask for now."""
        if now_s < self._asks_after_s:
            return Wish.NOTHING
        if now_s >= self._certificate_s or wall_s >= self._certificate_wall_s:
            return Wish.CERTIFICATE
        if now_s >= self._lease_s or wall_s >= self._lease_wall_s:
            return Wish.LEASE
        return Wish.NOTHING

    def _spread(self) -> float:
        return 1.0 + JITTER * (2 * self._draw() - 1)

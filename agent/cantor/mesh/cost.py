"""What a link costs in routes, from what was measured of it.

The cost of an idle link without delay is 1, and each 5 ms of round trip add 1. Loss, a slow line,
traffic and the volume carried make it dearer; the weight that an administrator gives multiplies it.
Costs must not follow every measurement, or routes swing: the round trip is the least of a
minute (a queue of one's own does not count) and smoothed, and a new cost is announced only if it
lies 20 % from the old one for as long as the hold-down says. Traffic and volume weigh less than
those 20 %: they decide between links that are nearly alike, and cannot push a flow to and fro.
The smoothed round trip of a young connection is mostly acknowledgements that its peer held back, up
to 40 ms each; so the first measurement counts with the least that was ever seen.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.mesh.events import LinkMeasured
    from cantor.wire.frame import Value

COST_UNMEASURED = 1.0
MS_PER_COST = 5.0
RTT_WINDOW_S = 60.0
RTT_SMOOTHING = 0.3
LOSS_SMOOTHING = 0.1
LOSS_MAX = 0.9
RATE_WINDOW_S = 300.0
TRAFFIC_S = 30.0
TRAFFIC_WEIGHT = 0.15
VOLUME_WEIGHT = 0.008
VOLUME_FROM_BYTES = 2.0**30
VOLUME_DOUBLINGS_MAX = 5.0
CHANGE_MIN = 0.2
HOLD_DOWN_S = 5.0
SAMPLES_FIRST = 3
RATE_CLASSES = ((1e9 / 8, 0.0), (1e8 / 8, 0.5), (1e7 / 8, 2.0), (1e6 / 8, 6.0), (0.0, 12.0))
"""Bytes per second that a class begins with, and what it adds to the cost; the best class first."""


class LinkCost:
    """The cost of one link; ``announced`` is the one in use. ``weight`` is the administrator's."""

    def __init__(self, cost: float = COST_UNMEASURED, weight: float = 1.0) -> None:
        self.weight = weight
        self.announced = rounded(cost * weight)
        self._rtts: deque[tuple[float, float]] = deque()
        self._rates: deque[tuple[float, float]] = deque()
        self._rtt_s = 0.0
        self._loss = 0.0
        self._traffic = 0.0
        self._carried = (0.0, 0.0)
        self._samples = 0
        self._differs_since: float | None = None

    def weigh(self, weight: float) -> bool:
        """Take another weight; True if ``announced`` has changed."""
        if weight == self.weight:
            return False
        self.announced = rounded(self.announced * weight / self.weight)
        self.weight = weight
        return True

    def measured(self, event: LinkMeasured, now: float) -> bool:
        """Take one measurement; True if ``announced`` has changed."""
        if not _is_sound(event):
            return False
        self._samples += 1
        seen_s = event.rtt_s
        if self._samples == 1 and event.rtt_least_s > 0:
            seen_s = min(seen_s, event.rtt_least_s)  # the handshake's: nothing was delayed yet
        rtt_s = _extreme(self._rtts, (now, seen_s), RTT_WINDOW_S, sign=-1)
        step = RTT_SMOOTHING if self._samples > 1 else 1.0
        self._rtt_s += step * (rtt_s - self._rtt_s)
        self._loss += LOSS_SMOOTHING * (min(event.loss, LOSS_MAX) - self._loss)
        rate = _extreme(self._rates, (now, event.bytes_per_s), RATE_WINDOW_S, sign=1)
        self._note_traffic(event.carried_bytes, rate, now)
        return self._announce(now)

    def details(self) -> dict[str, Value]:
        """What stands beside the cost in an announcement; empty before the first measurement."""
        if not self._samples:
            return {}
        return {
            "rtt_ms": round(1000 * self._rtt_s, 2),
            "loss": round(self._loss, 4),
            "rate": self._rate_class(),
        }

    def current(self) -> float:
        """The cost as it stands, before hysteresis."""
        if not self._samples:
            return self.announced
        cost = 1.0 + 1000 * self._rtt_s / MS_PER_COST
        rate_class = self._rate_class()
        if rate_class is not None:
            cost += RATE_CLASSES[rate_class][1]
        volume = max(0.0, math.log2(max(self._carried[1], 1.0) / VOLUME_FROM_BYTES))
        cost *= 1 + VOLUME_WEIGHT * min(volume, VOLUME_DOUBLINGS_MAX)
        cost *= 1 + TRAFFIC_WEIGHT * self._traffic
        return cost * self.weight / (1 - self._loss) ** 2

    def _rate_class(self) -> int | None:
        rate = self._rates[0][1] if self._rates else 0.0
        if rate <= 0:
            return None
        return next(i for i, (least, _) in enumerate(RATE_CLASSES) if rate >= least)

    def _note_traffic(self, carried: int, rate: float, now: float) -> None:
        at, before = self._carried
        if self._samples > 1 and now > at and rate > 0:
            share = min(1.0, max(0.0, carried - before) / (now - at) / rate)
            self._traffic += min(1.0, (now - at) / TRAFFIC_S) * (share - self._traffic)
        self._carried = (now, float(carried))

    def _announce(self, now: float) -> bool:
        cost = self.current()
        if abs(cost - self.announced) <= CHANGE_MIN * self.announced:
            self._differs_since = None
            return False
        if self._differs_since is None:
            self._differs_since = now
        is_first = self._samples == SAMPLES_FIRST
        if not is_first and (
            self._samples < SAMPLES_FIRST or now - self._differs_since < HOLD_DOWN_S
        ):
            return False
        self.announced = rounded(cost)
        self._differs_since = None
        return True


def cost_after(before: LinkCost | None, cost: float, weight: float) -> LinkCost:
    """The cost of a new connection to a peer: as measured of the one ``before``, if it was.

    Args:
        before: that of the connection that this one replaces; None if there was none.
        cost: what to begin with where nothing was measured.
        weight: the administrator's.
    """
    if before is None or not before.details():
        return LinkCost(cost, weight)
    before.weigh(weight)
    return before


def rounded(cost: float) -> float:
    """Two digits: links that are alike get the same cost."""
    return float(f"{cost:.2g}")


def _is_sound(event: LinkMeasured) -> bool:
    figures = (
        event.rtt_s,
        event.loss,
        event.bytes_per_s,
        float(event.carried_bytes),
        event.rtt_least_s,
    )
    return all(math.isfinite(figure) and figure >= 0 for figure in figures)


def _extreme(
    window: deque[tuple[float, float]], newest: tuple[float, float], length_s: float, *, sign: int
) -> float:
    """The least (``sign`` -1) or largest (1) value of the last ``length_s`` seconds."""
    while window and sign * window[-1][1] <= sign * newest[1]:
        window.pop()
    window.append(newest)
    while window[0][0] < newest[0] - length_s:
        window.popleft()
    return window[0][1]

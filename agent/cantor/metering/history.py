"""What series were in the last minutes and hours, in memory of a fixed size.

A counter is kept as what it grew in a second, everything else as it was; all as 32-bit numbers,
which is more than a chart shows. 128 series at most: 10 minutes by the second, while somebody reads
them, and 24 hours by the minute. That is 8 KiB a series, 1 MiB in all, and grows as time passes.
"""

from __future__ import annotations

import math
from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.metering.names import Series

SERIES_MAX = 128
SECONDS_KEPT = 600
MINUTES_KEPT = 1440
NAN = math.nan


class Ring:
    """The last ``length`` samples; the oldest goes when there is one more."""

    def __init__(self, length: int) -> None:
        self._length = length
        self._next = 0
        self._times = array("d")
        self._columns: dict[Series, array[float]] = {}

    def __len__(self) -> int:
        return len(self._times)

    @property
    def size_bytes(self) -> int:
        """The memory that the numbers take."""
        columns = self._columns.values()
        return 8 * len(self._times) + sum(4 * len(column) for column in columns)

    def add(self, at: float, values: Mapping[Series, float]) -> None:
        """Keep a sample of UTC second ``at``; series beyond :data:`SERIES_MAX` are not kept."""
        is_full = len(self._times) == self._length
        self._forget(values)
        for series in values:
            if series not in self._columns and len(self._columns) < SERIES_MAX:
                self._columns[series] = array("f", [NAN]) * len(self._times)
        if is_full:
            self._times[self._next] = at
        else:
            self._times.append(at)
        for series, column in self._columns.items():
            value = values.get(series, NAN)
            if is_full:
                column[self._next] = value
            else:
                column.append(value)
        self._next = (self._next + 1) % self._length

    def _forget(self, values: Mapping[Series, float]) -> None:
        """Of series that are gone nothing is left once others want their places."""
        if len(self._columns) < SERIES_MAX:
            return
        for series in [one for one in self._columns if one not in values]:
            del self._columns[series]

    def times(self) -> array[float]:
        """When the samples were taken, the oldest first."""
        return self._ordered(self._times)

    def columns(self, glob: str = "") -> dict[Series, array[float]]:
        """The values at these times of the series that a person asks for; NaN: there was none."""
        found = {one: column for one, column in self._columns.items() if one.matches(glob)}
        return {series: self._ordered(column) for series, column in found.items()}

    def _ordered(self, column: array[float]) -> array[float]:
        if len(self._times) < self._length:
            return column[:]
        return column[self._next :] + column[: self._next]


class History:
    """Both rings of a node, and what counters were when they were last looked at."""

    def __init__(self) -> None:
        self.seconds = Ring(SECONDS_KEPT)
        self.minutes = Ring(MINUTES_KEPT)
        self._former: Mapping[Series, float] = {}
        self._former_at = NAN
        self._minute: Mapping[Series, float] = {}
        self._minute_at = NAN

    def add(self, at: float, values: Mapping[Series, float], *, is_read: bool) -> None:
        """Take a sample; ``is_read``: somebody looks at every second."""
        if is_read:
            self.seconds.add(at, _rates(values, at, self._former, self._former_at))
        self._former, self._former_at = values, at
        if not at - self._minute_at < 60.0:  # the first as well, and when the clock was put back
            self.minutes.add(at, _rates(values, at, self._minute, self._minute_at))
            self._minute, self._minute_at = values, at
        elif at < self._minute_at:
            self._minute, self._minute_at = values, at


def _rates(
    values: Mapping[Series, float], at: float, former: Mapping[Series, float], former_at: float
) -> dict[Series, float]:
    """The values of gauges, and what counters grew in a second; histograms are left out."""
    passed = at - former_at
    found = {}
    for series, value in values.items():
        if series.kind == "gauge":
            found[series] = value
        elif series.kind == "counter":
            before = former.get(series, NAN)
            # One that began anew counts from nothing.
            grown = value - before if value >= before else value
            found[series] = grown / passed if passed > 0 and before == before else NAN
    return found

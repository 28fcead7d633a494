"""The metrics of this process: made once by name, then one addition in memory each time.

A fork takes slots of its own. What finds no room is counted, and told once: a program must not fail
because it measures too much.
"""

from __future__ import annotations

import logging
import os
import threading
from bisect import bisect_left
from typing import TYPE_CHECKING, TypeVar

from cantor.base.errors import ConfigError, LocalProtocolError
from cantor.metering.layout import AMOUNT, GAUGE, HISTOGRAM, SLOTS, wrong_bounds
from cantor.metering.names import checked
from cantor.metering.region import Region, create_region

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from cantor.metering.names import Labels

VARIABLE = "CANTOR_METRICS"
"""Where a process that an agent has started finds the descriptor of its memory."""
FULL = "there is no room for more series"
_log = logging.getLogger(__name__)
_nowhere_reals = memoryview(bytearray(8 * SLOTS)).cast("d")
_nowhere_counts = _nowhere_reals.cast("B").cast("Q")


class _Series:
    """One series; where it is changes in a fork."""

    __slots__ = ("_bounds", "_counts", "_lock", "_reals", "_slot", "_sum")
    kind: int

    def __init__(self, bounds: tuple[float, ...] = ()) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._move(None, 0)

    def _move(self, region: Region | None, slot: int) -> None:
        self._reals = _nowhere_reals if region is None else region.reals
        self._counts = _nowhere_counts if region is None else region.counts
        self._slot = slot
        self._sum = slot + len(self._bounds) + 1


class Counter(_Series):
    """What only grows: frames, bytes, errors."""

    __slots__ = ()
    kind = AMOUNT

    def add(self, amount: float = 1.0) -> None:
        """Count so much more.

        Raises:
            ValueError: it is less than nothing.
        """
        if amount < 0:
            raise ValueError("a counter only grows")
        self._reals[self._slot] += amount


class Gauge(_Series):
    """What goes up and down: a temperature, the length of a queue."""

    __slots__ = ()
    kind = GAUGE

    def set(self, value: float) -> None:
        """It is so much now."""
        self._reals[self._slot] = value

    def add(self, amount: float = 1.0) -> None:
        """It is so much more now, or less."""
        with self._lock:
            now = self._reals[self._slot]
            self._reals[self._slot] = amount if now != now else now + amount


class Histogram(_Series):
    """How values are spread: durations, sizes. In buckets, so that many nodes can be added up."""

    __slots__ = ()
    kind = HISTOGRAM

    def observe(self, value: float) -> None:
        """There was one more of that value; what is no number is left out."""
        if value != value:
            return
        self._counts[self._slot + bisect_left(self._bounds, value)] += 1
        self._reals[self._sum] += value


class LockedCounter(Counter):
    """Where threads run beside each other inside one line."""

    __slots__ = ()

    def add(self, amount: float = 1.0) -> None:
        """Count so much more."""
        with self._lock:
            super().add(amount)


class LockedHistogram(Histogram):
    """Where threads run beside each other inside one line."""

    __slots__ = ()

    def observe(self, value: float) -> None:
        """There was one more of that value."""
        with self._lock:
            super().observe(value)


S = TypeVar("S", bound=_Series)
Key = tuple[str, "Labels"]


class Process:
    """All series of this process. Thread-safe."""

    def __init__(self, join: Callable[[int], None]) -> None:
        """``join`` is called with the descriptor of memory that no agent has handed over."""
        self._join = join
        self._region: Region | None = None
        self._series: dict[Key, _Series] = {}
        self._lock = threading.Lock()
        self._has_told = False
        self._inherited = -1

    def get(
        self,
        kind: type[S],
        name: str,
        labels: Mapping[str, object] | None,
        bounds: Sequence[float] = (),
    ) -> S:
        """The series of that name and labels; the same each time.

        Raises:
            ConfigError: the name, a label or a bound cannot be used, or it is of another kind.
        """
        key = name, checked(name, labels)
        exact = tuple(map(float, bounds))
        if kind.kind == HISTOGRAM and (why := wrong_bounds(exact)):
            raise ConfigError(why, where=f"metric {name!r}")
        with self._lock:
            found = self._series.get(key)
            if found is None:
                found = self._series[key] = kind(exact)
                self._place(key, found)
        if not isinstance(found, kind) or found._bounds != exact:
            raise ConfigError(
                "it is used as something else, or with other bounds", where=f"metric {name!r}"
            )
        return found

    def forked(self) -> None:
        """This process is a fork of the one that made all this: it counts for itself."""
        self._lock = threading.Lock()
        if self._region is None:
            return
        if self._inherited < 0:
            self._region = None
            os.environ.pop(VARIABLE, None)
        for key, series in self._series.items():
            self._place(key, series)

    def _place(self, key: Key, series: _Series) -> None:
        series._lock = threading.Lock()
        try:
            region = self._opened()
            slot = region.add(series.kind, *key, series._bounds)
        except (OSError, LocalProtocolError) as error:
            series._move(None, 0)
            self._tell(str(error))
            return
        if slot is None:
            self._tell(FULL)
            series._move(None, 0)
        else:
            series._move(region, slot)

    def _opened(self) -> Region:
        if self._region is not None:
            return self._region
        told = os.environ.get(VARIABLE, "")
        if told.isascii() and told.isdigit():
            try:
                self._region = Region(int(told))
            except (OSError, ValueError, LocalProtocolError):
                _log.info("the memory for metrics was not handed on", extra={"descriptor": told})
            else:
                self._inherited = int(told)
                return self._region
        descriptor = create_region()
        self._region = Region(descriptor)
        os.environ[VARIABLE] = str(descriptor)  # native code in this process finds it there
        self._join(descriptor)
        return self._region

    def _tell(self, why: str) -> None:
        if not self._has_told:
            self._has_told = True
            _log.warning("metrics are left out", extra={"reason": why})

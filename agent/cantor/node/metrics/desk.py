"""The metrics of the processes on this machine, read from memory that they share with the agent.

What a process writes there is its own affair until it is read: then every entry is checked, and one
that does not fit ends the reading of that memory. What a process counted stays when it has ended.
"""

from __future__ import annotations

import math
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.metering.handing import NOTHING, Handed
from cantor.metering.layout import (
    AMOUNT,
    COUNT,
    ENTRIES_AT,
    ENTRIES_BYTES,
    GAUGE,
    HEADER,
    MAGIC,
    REGION_BYTES,
    SLOTS_AT,
    entry_at,
)
from cantor.metering.names import Series
from cantor.metering.process import VARIABLE
from cantor.metering.region import create_region

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.metering.layout import Entry

REGIONS_MAX = 256
SOURCE_SERIES_MAX = 1000
NODE_SERIES_MAX = 4000
TORN_MAX = 3
"""An entry that does not fit may still be being written: it is looked at so often."""
_EXACT = 1 << 53
_DROPPED = "cantor_metrics_dropped"

Values = dict[Series, float]


@dataclass(slots=True)
class _Held:
    """Memory of one process, and what is known of it."""

    descriptor: int
    source: str
    entries: list[tuple[Entry, tuple[Series, ...]]] = field(default_factory=list)
    used_bytes: int = 0
    torn: int = 0
    dropped: int = 0
    """Series that found no room there, or were refused here."""
    refused: int = 0


class MetricsDesk:
    """Hands memory to processes and reads it. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: list[_Held] = []
        self._ended: Values = {}
        self._dropped: dict[str, int] = {}
        self._known: dict[str, set[Series]] = {}

    def hand_out(self, source: str) -> Handed:
        """New memory for a process; nothing if there are too many, or the system has none."""
        try:
            descriptor = create_region()
            close = self.take(descriptor, source)
        except (OSError, ConfigError):
            with self._lock:
                self._drop(source, 1)
            return NOTHING
        return Handed((descriptor,), {VARIABLE: str(descriptor)}, close)

    def take(self, descriptor: int, source: str) -> Callable[[], None]:
        """Read that memory from now on; the result reads it once more and closes it.

        Raises:
            ConfigError: too many processes have some.
        """
        with self._lock:
            if len(self._held) >= REGIONS_MAX:
                os.close(descriptor)
                raise ConfigError(f"{REGIONS_MAX} processes have metrics here", where="metrics")
            held = _Held(descriptor, source)
            self._held.append(held)

        def close() -> None:
            with self._lock:
                if held in self._held:
                    self._end(held)

        return close

    def read(self) -> Values:
        """All series now, with the label ``source``."""
        with self._lock:
            values = dict(self._ended)
            for held in self._held:
                self._add(held, values)
            dropped = dict(self._dropped)
            for held in self._held:
                dropped[held.source] = dropped.get(held.source, 0) + held.dropped + held.refused
        for source, count in dropped.items():
            if count:
                values[Series(_DROPPED, (("source", source),), "counter")] = float(count)
        return values

    def close(self) -> None:
        """Let go of all memory."""
        with self._lock:
            for held in self._held:
                os.close(held.descriptor)
            self._held.clear()

    def _end(self, held: _Held) -> None:
        last: Values = {}
        self._add(held, last)
        for series, value in last.items():
            if series.kind != "gauge":
                self._ended[series] = self._ended.get(series, 0.0) + value
        self._drop(held.source, held.dropped + held.refused)
        self._held.remove(held)
        os.close(held.descriptor)

    def _drop(self, source: str, count: int) -> None:
        self._dropped[source] = min(_EXACT, self._dropped.get(source, 0) + count)

    def _add(self, held: _Held, values: Values) -> None:
        """Add what a process counts to the values."""
        raw = os.pread(held.descriptor, ENTRIES_AT, 0)
        if len(raw) != ENTRIES_AT or not raw.startswith(MAGIC):
            held.refused = max(held.refused, 1)
            return
        _, _, used_bytes, dropped = HEADER.unpack_from(raw, 0)
        held.dropped = min(dropped, _EXACT)
        if used_bytes > held.used_bytes and held.torn < TORN_MAX:
            self._learn(held, min(used_bytes, ENTRIES_BYTES))
        numbers = memoryview(raw)[SLOTS_AT:]
        reals, counts = numbers.cast("d"), numbers.cast("Q")
        for entry, series in held.entries:
            if entry.kind == GAUGE:
                value = reals[entry.slot]
                if math.isfinite(value):
                    values[series[0]] = value
            elif entry.kind == AMOUNT:
                _count(values, series[0], reals[entry.slot])
            elif entry.kind == COUNT:
                _count(values, series[0], float(counts[entry.slot]))
            else:
                _add_buckets(values, entry, series, reals, counts)

    def _learn(self, held: _Held, used_bytes: int) -> None:
        """Read the entries that are new."""
        begin = held.used_bytes
        raw = os.pread(held.descriptor, used_bytes - begin, ENTRIES_AT + begin)
        at = 0
        while at < len(raw):
            found = entry_at(raw, at)
            if found is None:
                held.torn += 1
                held.refused += held.torn == TORN_MAX
                break
            entry, at = found
            held.torn = 0
            self._admit(held, entry)
        held.used_bytes = begin + at

    def _admit(self, held: _Held, entry: Entry) -> None:
        series = _series_of(entry, held.source)
        known = self._known.setdefault(held.source, set())
        new = {one for one in series if one not in known}
        total = sum(map(len, self._known.values()))
        if len(known) + len(new) > SOURCE_SERIES_MAX or total + len(new) > NODE_SERIES_MAX:
            held.refused += 1
            return
        known |= new
        held.entries.append((entry, series))


def _series_of(entry: Entry, source: str) -> tuple[Series, ...]:
    """What an entry is to others; of a histogram its buckets, the count and the sum."""
    labels = tuple(sorted((*entry.labels, ("source", source))))
    if entry.kind == GAUGE:
        return (Series(entry.name, labels, "gauge"),)
    if entry.kind in (COUNT, AMOUNT):
        return (Series(entry.name, labels, "counter"),)
    whole = Series(entry.name, labels, "histogram")
    ends = [*map(bound_text, entry.bounds), "+Inf"]
    bucket = Series(f"{entry.name}_bucket", labels, "histogram")
    return (
        *(bucket.with_labels(("le", end)) for end in ends),
        Series(f"{entry.name}_count", labels, "histogram"),
        Series(f"{entry.name}_sum", whole.labels, "histogram"),
    )


def bound_text(bound: float) -> str:
    """A bound as Prometheus writes it."""
    return repr(bound) if bound != int(bound) else f"{bound:.1f}"


def _count(values: Values, series: Series, value: float) -> None:
    if 0 <= value < math.inf:
        values[series] = values.get(series, 0.0) + value


def _add_buckets(
    values: Values,
    entry: Entry,
    series: tuple[Series, ...],
    reals: memoryview[float],
    counts: memoryview[int],
) -> None:
    so_far = 0
    *buckets, count, total = series
    for number, bucket in enumerate(buckets, entry.slot):
        so_far += counts[number]
        _count(values, bucket, float(min(so_far, _EXACT)))
    _count(values, count, float(min(so_far, _EXACT)))
    value = reals[entry.slot + entry.slots - 1]
    if math.isfinite(value):
        values[total] = values.get(total, 0.0) + value


def opened(process: int, descriptor: int) -> int:
    """Memory that another process of this user has made, to be read here.

    Raises:
        ConfigError: it is none, or cannot be opened.
    """
    found = -1
    with suppress(OSError):
        how = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
        found = os.open(f"/proc/{process}/fd/{descriptor}", how)
        if os.fstat(found).st_size == REGION_BYTES and os.pread(found, 8, 0) == MAGIC:
            return found
    if found >= 0:
        os.close(found)
    raise ConfigError("no memory for metrics", where=f"process {process}")

"""What a run measures: per filter, per connection and at the sinks, as one snapshot object."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from galaxy.params import JsonValue

WINDOW = 1024


class Recorder:
    """Counts samples and keeps the last 1024 for percentiles. One thread writes, any may read."""

    def __init__(self) -> None:
        self._ring: list[float] = []
        self._count = 0
        self._sum = 0.0
        self._max = 0.0

    def add(self, sample: float) -> None:
        """Note one sample."""
        if self._count < WINDOW:
            self._ring.append(sample)
        else:
            self._ring[self._count % WINDOW] = sample
        self._count += 1
        self._sum += sample
        self._max = max(self._max, sample)

    def summary(self) -> Summary:
        """The figures so far; percentiles are of the last 1024 samples."""
        window = sorted(self._ring)
        if not window:
            return Summary()
        p50, p95, p99 = (window[min(len(window) - 1, len(window) * p // 100)] for p in (50, 95, 99))
        return Summary(self._count, self._sum / max(1, self._count), p50, p95, p99, self._max)


@dataclass(frozen=True, slots=True)
class Summary:
    """Samples in milliseconds, in short."""

    count: int = 0
    mean: float = 0.0
    p50: float = 0.0
    p95: float = 0.0
    p99: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class FilterFigures:
    """One filter: frames, time in it, and its own counters."""

    frames_in: int
    frames_out: int
    run_ms: Summary
    age_ms: Summary
    """Age of the frames when this filter had done with them; sinks only."""
    counters: dict[str, int]
    mean_fps: float = 0.0
    """Frames per second from the first to the last one handled."""


@dataclass(frozen=True, slots=True)
class EdgeFigures:
    """One connection. ``sent`` = received + dropped + expired + discarded + waiting, always."""

    kind: str
    policy: str
    depth: int
    sent: int = 0
    received: int = 0
    dropped: int = 0
    """Lost to the policy because the edge was full."""
    expired: int = 0
    """Older than ``max_age_ms`` when taken."""
    discarded: int = 0
    """Left in the edge when the run was stopped, or sent after it."""
    waiting: int = 0
    queue_ms: Summary = field(default_factory=Summary)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment."""

    pipeline: str
    node: str
    epoch: int
    state: str
    error: str
    elapsed_s: float
    filters: dict[str, FilterFigures]
    edges: dict[str, EdgeFigures]
    reports: dict[str, dict[str, JsonValue]]
    """What filters say at the end; empty while they run."""
    live: dict[str, dict[str, JsonValue]] = field(default_factory=dict)
    """What filters say meanwhile."""

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        return cast("dict[str, JsonValue]", asdict(self))

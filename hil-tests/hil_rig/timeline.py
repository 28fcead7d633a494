"""What happened in one test, in the rig's own time: the raw material of the report."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS_MAX = 20_000
TEXT_MAX = 400

Lane = Literal["power", "console", "sent", "frame", "fault", "note"]
Better = Literal["lower", "higher"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at ``at_s`` of the test's time."""

    at_s: float
    lane: Lane
    text: str


@dataclass(frozen=True, slots=True)
class Measure:
    """A figure and, where one was promised, its limit."""

    name: str
    value: float
    unit: str
    limit: float | None
    better: Better

    @property
    def met(self) -> bool:
        """Whether the figure keeps its promise."""
        if self.limit is None:
            return True
        return self.value <= self.limit if self.better == "lower" else self.value >= self.limit


@dataclass(slots=True)
class Record:
    """All that one test leaves behind."""

    test: str
    seed: int
    events: list[Event] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    outcome: str = "not run"
    reason: str = ""
    rig_s: float = 0.0
    wall_s: float = 0.0
    events_left_out: int = 0


class Timeline:
    """Writes into one record, with the time since the test began."""

    def __init__(self, record: Record, monotonic: Callable[[], float]) -> None:
        self.record = record
        self._monotonic = monotonic
        self._begin_s = monotonic()

    @property
    def now_s(self) -> float:
        """Seconds of the rig's clock since the test began."""
        return self._monotonic() - self._begin_s

    def add(self, lane: Lane, text: str, at_s: float | None = None) -> None:
        """Note an event, now or at ``at_s`` of the test's time."""
        if len(self.record.events) >= EVENTS_MAX:
            self.record.events_left_out += 1
            return
        moment_s = self.now_s if at_s is None else at_s
        self.record.events.append(Event(moment_s, lane, text[:TEXT_MAX]))

    def sample(self, name: str, value: float, unit: str = "") -> None:
        """Add a point to a plot."""
        points = self.record.series.setdefault(name, [])
        self.record.units[name] = unit
        if len(points) < EVENTS_MAX:
            points.append((self.now_s, value))

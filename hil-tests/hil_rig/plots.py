"""Inline SVG: a test's timeline, figures against limits, and series over time."""

from __future__ import annotations

import math
import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hil_rig.timeline import Measure, Record

WIDTH = 1000
LEFT = 80
RIGHT = 20
LANE_HEIGHT = 22
EVENTS_DRAWN = 1500
PLOT_HEIGHT = 130
_LANES = ("power", "sent", "console", "frame", "fault", "note")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def harmless(text: str) -> str:
    """Text of a board, a file or a person as it may stand on a page."""
    return escape(_CONTROL.sub(lambda sign: f"\\x{ord(sign.group()):02x}", text))


def timeline_plot(record: Record) -> str:
    """Every event of a test, a lane for each kind, time to the right; empty without events."""
    if not record.events:
        return ""
    lanes = [lane for lane in _LANES if any(event.lane == lane for event in record.events)]
    end_s = max(record.rig_s, *(event.at_s for event in record.events), 1e-6)
    height = len(lanes) * LANE_HEIGHT + 24
    parts = [_frame(height, "What happened when: " + ", ".join(lanes))]
    for index, lane in enumerate(lanes):
        y = index * LANE_HEIGHT + LANE_HEIGHT / 2
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 4:.0f}" text-anchor="end">{lane}</text>'
            f'<path d="M{LEFT} {y:.0f}H{WIDTH - RIGHT}" stroke="var(--line)"/>'
        )
    if "power" in lanes:
        parts.append(_powered(record, end_s))
    step = max(1, len(record.events) // EVENTS_DRAWN + 1)
    for number, event in enumerate(record.events):
        if number % step and event.lane in ("console", "frame"):
            continue
        y = lanes.index(event.lane) * LANE_HEIGHT + 5
        x = _x(event.at_s, 0.0, end_s)
        parts.append(
            f'<rect x="{x - 1:.1f}" y="{y}" width="3" height="12" fill="var(--{event.lane})">'
            f"<title>{event.at_s:.4f} s {harmless(event.text)}</title></rect>"
        )
    parts.append(_ticks(0.0, end_s, height - 6))
    return "".join(parts) + "</svg>"


def series_plot(name: str, points: Sequence[tuple[float, float]], unit: str) -> str:
    """A line over time; points that are no finite numbers are left out."""
    kept = [(at_s, value) for at_s, value in points if math.isfinite(value)]
    if not kept:
        return ""
    first_s, last_s = kept[0][0], kept[-1][0]
    low, high = min(value for _, value in kept), max(value for _, value in kept)
    spread = (high - low) or 1.0

    def place(at_s: float, value: float) -> str:
        y = PLOT_HEIGHT - 10 - (value - low) / spread * (PLOT_HEIGHT - 20)
        return f"{_x(at_s, first_s, last_s):.1f} {y:.1f}"

    line = "M" + "L".join(place(*point) for point in kept)
    label = f"{name} ({unit})" if unit else name
    return (
        f"<p>{harmless(label)}</p>" + _frame(PLOT_HEIGHT + 20, label) + f'<path d="M{LEFT} 5V'
        f'{PLOT_HEIGHT - 5}H{WIDTH - RIGHT}" fill="none" stroke="var(--line)"/>'
        f'<text x="{LEFT - 10}" y="14" text-anchor="end">{high:.4g}</text>'
        f'<text x="{LEFT - 10}" y="{PLOT_HEIGHT - 6}" text-anchor="end">{low:.4g}</text>'
        f'<path d="{line}" fill="none" stroke="var(--console)" stroke-width="1.5"/>'
        + _ticks(first_s, last_s, PLOT_HEIGHT + 14)
        + "</svg>"
    )


def measure_bar(measure: Measure) -> str:
    """A figure as a bar with its limit as a mark; empty without a limit."""
    if measure.limit is None or not math.isfinite(measure.value):
        return ""
    full = max(measure.value, measure.limit) * 1.15 or 1.0
    color = "var(--good)" if measure.met else "var(--bad)"
    at, mark = measure.value / full * 200, measure.limit / full * 200
    return (
        f'<svg viewBox="0 0 204 14" style="width:204px" role="img" '
        f'aria-label="{harmless(measure.name)} against its limit">'
        f'<rect x="0" y="3" width="{max(at, 1):.1f}" height="8" fill="{color}"/>'
        f'<rect x="{mark:.1f}" y="0" width="2" height="14" fill="var(--ink)"/></svg>'
    )


def _powered(record: Record, end_s: float) -> str:
    """Bands in the first lane, power's, for the time in which the board had it."""
    switches = [event for event in record.events if event.text in ("on", "off")]
    switches = [event for event in switches if event.lane == "power"]
    ends = [event.at_s for event in switches[1:]] + [end_s]
    return "".join(
        f'<rect x="{(x := _x(event.at_s, 0.0, end_s)):.1f}" y="8" height="6" '
        f'width="{_x(until_s, 0.0, end_s) - x:.1f}" fill="var(--power)" opacity="0.35"/>'
        for event, until_s in zip(switches, ends, strict=True)
        if event.text == "on"
    )


def _frame(height: int, label: str) -> str:
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{harmless(label)}">'


def _ticks(first_s: float, last_s: float, y: int) -> str:
    middle_s = (first_s + last_s) / 2
    places = ((first_s, "start"), (middle_s, "middle"), (last_s, "end"))
    return "".join(
        f'<text x="{_x(at_s, first_s, last_s):.0f}" y="{y}" text-anchor="{anchor}">'
        f"{at_s:.2f} s</text>"
        for at_s, anchor in places
    )


def _x(at_s: float, first_s: float, last_s: float) -> float:
    return LEFT + (at_s - first_s) / ((last_s - first_s) or 1.0) * (WIDTH - LEFT - RIGHT)

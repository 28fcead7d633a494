"""Metrics as Prometheus reads them: its text format 0.0.4, and OpenMetrics 1.0.

Source: https://prometheus.io/docs/instrumenting/exposition_formats and the OpenMetrics
specification. Every series has the label ``node``; a name that two kinds have gets its kind after
it, since both formats know one kind of a name.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from cantor.metering.names import labels_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.metering.names import Kind, Series

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PARTS = ("_bucket", "_count", "_sum")
TOTAL = "_total"

Family = tuple[str, "Kind"]


def exposition(nodes: Iterable[tuple[str, Mapping[Series, float]]], *, is_open: bool) -> str:
    """All series of these nodes, by name; ``is_open``: as OpenMetrics."""
    families: dict[Family, list[tuple[str, str, float]]] = {}
    for node, values in nodes:
        for series, value in values.items():
            name, part = _family(series)
            labels = labels_text(series.with_labels(("node", node)).labels)
            families.setdefault((name, series.kind), []).append((part, labels, value))
    lines: list[str] = []
    taken: set[str] = set()
    for (name, kind), rows in sorted(families.items(), key=lambda one: one[0]):
        unique = name if name not in taken else f"{name}_{kind}"
        taken.add(unique)
        suffix = TOTAL if kind == "counter" else ""
        lines.append(f"# TYPE {unique}{'' if is_open else suffix} {kind}")
        lines += [f"{unique}{part or suffix}{labels} {_number(v)}" for part, labels, v in rows]
    if is_open:
        lines.append("# EOF")
    return "\n".join([*lines, ""])


def _family(series: Series) -> tuple[str, str]:
    """The name of a family, and which part of it a series is."""
    if series.kind == "histogram":
        for part in PARTS:
            if series.name.endswith(part):
                return series.name.removesuffix(part), part
    if series.kind == "counter":
        return series.name.removesuffix(TOTAL), ""
    return series.name, ""


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)

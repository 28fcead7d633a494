"""The measures of a run with their targets, as a table and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def row(measure: str, unit: str, ours: float, target: float, better: str) -> dict[str, object]:
    """One measure; ``better`` says whether it should be ``lower`` or ``higher`` than its target."""
    return {
        "measure": measure,
        "unit": unit,
        "better": better,
        "ours": round(ours, 3),
        "peers": {},
        "target": target,
        "met": ours <= target if better == "lower" else ours >= target,
    }


def tell(measures: Sequence[dict[str, Any]], report: Path) -> int:
    """Print the measures and write them as JSON; 0 if every target is met, else 1."""
    for told in measures:
        figures = f"{told['ours']!s:>9} {told['unit']:<3} target {told['target']!s:<4}"
        print(f"{told['measure']:<45} {figures} {'met' if told['met'] else 'MISSED'}")
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(measures, indent=1) + "\n")
    return 0 if all(told["met"] for told in measures) else 1

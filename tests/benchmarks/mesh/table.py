"""What the benchmark of the mesh found: rows with targets, printed at once and kept as JSON."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from tests.bed.switch import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

ROOT = Path(__file__).parents[3]
RESULT = ROOT / "build" / "bench" / "mesh.json"


class LackingError(Exception):
    """This machine lacks what a measurement needs; says what, and how to get it."""


@dataclass(frozen=True)
class Row:
    """One line of the result; ``peers`` are what others reached in the same run."""

    measure: str
    unit: str
    ours: float
    target: float | None
    better: Literal["lower", "higher"] = "lower"
    peers: dict[str, float] = field(default_factory=dict)

    @property
    def met(self) -> bool:
        """Whether the target is reached, if there is one."""
        if self.target is None:
            return True
        lower = self.better == "lower"
        return self.ours <= self.target if lower else self.ours >= self.target

    def as_value(self) -> dict[str, Any]:
        """For JSON."""
        rounded = {name: round(value, 3) for name, value in self.peers.items()}
        target = None if self.target is None else round(self.target, 3)
        figures = {"ours": round(self.ours, 3), "target": target, "peers": rounded}
        return asdict(self) | figures | {"met": self.met}

    def __str__(self) -> str:
        shown = ", ".join(f"{name} {value:,.2f}" for name, value in self.peers.items())
        figures = f"{self.ours:>14,.2f} {self.unit:<5}"
        if self.target is not None:
            verdict = "met" if self.met else "MISSED"
            figures += f" target {self.target:,.2f} {verdict:<7}"
        return f"{self.measure:<60}{figures} {shown}".rstrip()


def keep(rows: Iterable[Row], result: Path = RESULT) -> None:
    """Print rows and write them; those of an earlier run stay unless they measure the same."""
    before = json.loads(result.read_text(encoding="utf-8")) if result.exists() else []
    found = {row["measure"]: row for row in before}
    for row in rows:
        print(row, flush=True)
        found[row.measure] = row.as_value()
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(json.dumps(list(found.values()), indent=1) + "\n", encoding="utf-8")


def run(parts: dict[str, Callable[[], Sequence[Row]]]) -> int:
    """Measure these, one after the other; 1 if one could not end. What is lacking is said."""
    code = 0
    for name, measure in parts.items():
        try:
            keep(measure(), RESULT)
        except LackingError as error:
            print(f"{name} is left out: {error}", flush=True)
        except (BedError, TimeoutError) as error:
            print(f"{name} failed: {error}", file=sys.stderr, flush=True)
            code = 1
    return code


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that ``percent`` of them do not exceed; the only one of a single one."""
    if len(values) < 2:
        return values[0]
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]

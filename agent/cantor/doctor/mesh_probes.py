"""Reads what the running agent answered about other clocks and about pipelines here."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from cantor.doctor.facts import ClockAhead, FailedRun, OtherClockFacts, RunFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value

WORKER_MODULES = ("numpy", "cv2")
_RUN = "run/"
_ERROR_LENGTH_MAX = 200


def other_clocks(status: Mapping[str, Value] | None) -> OtherClockFacts:
    """The clocks that the agent found ahead of its own."""
    known = status or {}
    ahead = tuple(
        ClockAhead(
            str(row.get("name", "")),
            str(row.get("address", "")).rpartition(":")[0].strip("[]"),
            float(seconds),
        )
        for row in _rows(known.get("clocks_ahead"))
        if isinstance(seconds := row.get("ahead_s"), int | float)
    )
    told = known.get("nodes_known")
    others = max(
        told - 1 if isinstance(told, int) else 0, len(_rows(known.get("links"))), len(ahead)
    )
    return OtherClockFacts(ahead, others)


def runs(facts: Mapping[str, Value], *, is_node: bool) -> RunFacts:
    """This node's own facts, of which ``run/ID`` tell of parts of deployments."""
    failed = tuple(
        FailedRun(
            name.removeprefix(_RUN),
            str(group.get("leader", "")),
            " ".join(str(group.get("error", "")).split())[:_ERROR_LENGTH_MAX],
        )
        for name, value in sorted(facts.items())
        if name.startswith(_RUN) and isinstance(value, dict)
        for group in _rows(value.get("groups"))
        if group.get("state") == "failed"
    )
    looked_for = WORKER_MODULES if is_node and find_spec("galaxy") else ()
    return RunFacts(failed, tuple(name for name in looked_for if find_spec(name) is None))


def _rows(value: Value) -> list[dict[str, Value]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []

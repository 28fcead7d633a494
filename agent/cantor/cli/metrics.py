"""``cantor metrics``: what nodes and the code on them count and measure.

Exit codes: 0 done; 1 a node did not answer; 2 no such node, or a wrong option; 69 no agent answers
here.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from typing import TYPE_CHECKING, cast

from cantor.cli.folders import add_folder_option
from cantor.cli.metric_text import value_text
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.metrics.pages import READ, series_from

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.metering.names import Series
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

ASK_S = 15.0
EACH_S = 1.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "what nodes and the code on them count and measure, from any node"
    metrics = verbs.add_parser("metrics", help=summary, description=summary)
    metrics.add_argument("node", nargs="*", metavar="NODE", help="only these nodes (default: all)")
    metrics.add_argument(
        "--name", default="", metavar="GLOB", help="only series called so: frames, 'cantor_cpu_*'"
    )
    metrics.add_argument(
        "-w", "--watch", action="store_true", help="again every second, counters by their growth"
    )
    metrics.add_argument(
        "--json", action="store_true", help="print JSON; with --watch one object a line"
    )
    add_folder_option(metrics, asks=True)
    metrics.set_defaults(run=lambda options: asyncio.run(_metrics(options)))


async def read(folder: Path, nodes: Sequence[str], glob: str) -> list[Row]:
    """What an agent answers: a row of each node.

    Raises:
        CantorError: no agent answers here, or no node is called so.
    """
    args: Row = {"nodes": list(nodes), "glob": glob}
    answer = cast("Row", await ask(folder, READ, args, timeout_s=ASK_S))
    return cast("list[Row]", answer["nodes"])


def values_in(row: Row) -> dict[Series, float]:
    """The series of a row."""
    found = cast("list[list[Value]]", row["series"])
    return {series_from(one): cast("float", one[3]) for one in found}


async def _metrics(options: argparse.Namespace) -> int:
    former: dict[str, dict[Series, float]] = {}
    former_at = time.monotonic()
    while True:
        rows = await read(options.data, options.node, options.name)
        now = time.monotonic()
        found = {str(row["node"]): values_in(row) for row in rows}
        if options.json:
            told = [_told(row, found[str(row["node"])]) for row in rows]
            print(json.dumps(told, indent=None if options.watch else 1, ensure_ascii=False))
        else:
            passed = now - former_at if options.watch else 0.0
            print(_table(rows, found, former, passed))
        for row in rows:
            if row["why"]:
                print(f"{row['name']!s}: {row['why']!s}", file=sys.stderr)
        if not options.watch:
            return 1 if any(row["why"] for row in rows) else 0
        former, former_at = found, now
        sys.stdout.flush()
        await asyncio.sleep(EACH_S)


def _told(row: Row, values: dict[Series, float]) -> Row:
    series: list[Value] = [
        {"name": one.name, "kind": one.kind, "labels": dict(one.labels), "value": value}
        for one, value in values.items()
    ]
    return {"node": row["node"], "name": row["name"], "why": row["why"], "series": series}


def _table(
    rows: list[Row],
    found: dict[str, dict[Series, float]],
    former: dict[str, dict[Series, float]],
    passed_s: float,
) -> str:
    """One line a series; what counters grew in a second as well, where that is known."""
    lines = []
    for row in rows:
        before = former.get(str(row["node"]), {})
        for series, value in sorted(found[str(row["node"])].items(), key=lambda one: one[0].text):
            text = value_text(series.name, value)
            if series.kind != "gauge" and series in before and passed_s:
                grown = (value - before[series]) / passed_s
                text = f"{text}  +{value_text(series.name, max(0.0, grown))}/s"
            lines.append((str(row["name"]), series.text, text))
    return format_table(("NODE", "SERIES", "VALUE"), lines)

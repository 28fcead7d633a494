"""``cantor pipeline plan``: where each filter would run, and what keeps it from other nodes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, cast

from cantor.base.ids import short_name
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.view import view_from_value
from cantor.scheduling.needs import parse
from galaxy.known import known_types
from galaxy.loader import load_pipeline
from galaxy.placement import placement_from_value

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value
    from galaxy.pipeline import Pipeline
    from galaxy.placement import Placement

PLAN_CALL = "pipeline.plan"


def plan(options: argparse.Namespace) -> int:
    """Place a pipeline on the nodes that this box's agent knows; 1 if a filter finds no node."""
    pipeline = load_pipeline(options.file, known_types(options.data), parse)
    placement, names = asyncio.run(_ask(options.data, pipeline))
    if options.json:
        placed = {name: names[node] for name, node in placement.nodes.items()}
        answer = {"complete": placement.complete, "nodes": placed, "reasons": placement.reasons}
        sys.stdout.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_table(pipeline, placement, names) + "\n")
    return 0 if placement.complete else 1


async def _ask(folder: Path, pipeline: Pipeline) -> tuple[Placement, dict[NodeId, str]]:
    """Where the agent would place it now, beside what runs already, and the nodes' names."""
    views = [view_from_value(value) for value in cast("list[Value]", await ask(folder, "nodes"))]
    document = cast("Value", pipeline.document())
    placed = placement_from_value(await ask(folder, PLAN_CALL, {"pipeline": document}))
    names = {view.id: view.name for view in views}
    return placed, {node: names.get(node, short_name(node)) for node in placed.nodes.values()}


def _table(pipeline: Pipeline, placement: Placement, names: dict[NodeId, str]) -> str:
    rows = [
        (name, names[placement.nodes[name]], "")
        if name in placement.nodes
        else (name, "—", placement.reasons.get(name, ""))
        for name in pipeline.filters
    ]
    return format_table(("FILTER", "NODE", "WHY NOT"), rows)

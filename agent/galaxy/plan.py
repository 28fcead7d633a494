"""``cantor pipeline plan``: where each filter would run, and what keeps it from other nodes."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING, cast

from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.view import view_from_value
from cantor.scheduling.needs import parse
from galaxy.loader import load_pipeline
from galaxy.placement import NodeFacts, needs_of, place, unmet_needs
from galaxy.registry import Registry

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value
    from galaxy.pipeline import Pipeline
    from galaxy.placement import Placement


def plan(options: argparse.Namespace) -> int:
    """Place a pipeline on the nodes that this box's agent knows; 1 if a filter finds no node."""
    registry = Registry.default()
    pipeline = load_pipeline(options.file, registry, parse)
    nodes = online_nodes(options.data)
    type_needs = {spec.type: registry.get(spec.type).needs for spec in pipeline.filters.values()}
    placement = place(pipeline, needs_of(pipeline, type_needs), nodes, {}, unmet_needs)
    names = {node.id: node.name for node in nodes}
    if options.json:
        placed = {name: names[node] for name, node in placement.nodes.items()}
        answer = {"complete": placement.complete, "nodes": placed, "reasons": placement.reasons}
        sys.stdout.write(json.dumps(answer, indent=1, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(_table(pipeline, placement, names) + "\n")
    return 0 if placement.complete else 1


def online_nodes(folder: Path) -> list[NodeFacts]:
    """The nodes that the agent with this folder sees alive.

    Raises:
        UnavailableError: no agent runs with this folder.
    """
    answer = cast("list[Value]", asyncio.run(ask(folder, "nodes")))
    views = [view_from_value(value) for value in answer]
    return [NodeFacts(v.id, v.resources, name=v.name) for v in views if v.is_alive]


def _table(pipeline: Pipeline, placement: Placement, names: dict[NodeId, str]) -> str:
    rows = [
        (name, names[placement.nodes[name]], "")
        if name in placement.nodes
        else (name, "—", placement.reasons.get(name, ""))
        for name in pipeline.filters
    ]
    return format_table(("FILTER", "NODE", "WHY NOT"), rows)

"""``cantor resources``: what the mesh has, what of it is free, who holds the rest and who waits.

Exit codes: 0 done; 1 no node meets ``--needs`` now; 2 the expression is wrong, or no node can ever
meet it; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from cantor.cli.folders import add_folder_option
from cantor.cli.needs import check_needs, fitting, not_now
from cantor.cli.resource_text import (
    as_json,
    shared_units,
    summed_as_json,
    summed_tables,
    tables,
)
from cantor.node.control import ask
from cantor.node.usage import node_from_value
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

TIMEOUT_S = 8.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "what the mesh has, what of it is free, who holds the rest and who waits"
    resources = verbs.add_parser("resources", help=summary, description=summary)
    resources.add_argument(
        "--needs", default="", metavar="EXPRESSION", help="only nodes that meet it now"
    )
    resources.add_argument(
        "--sum", action="store_true", help="each resource once, over all nodes that are reached"
    )
    resources.add_argument(
        "--count",
        type=int,
        metavar="NODES",
        help="this node lost its record of rights; so many nodes may have some, and all have told",
    )
    resources.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(resources, asks=True)
    resources.set_defaults(run=_resources)


def _resources(options: argparse.Namespace) -> int:
    if options.count is not None:
        return _count(options)
    needs = parse(options.needs)
    told = asyncio.run(ask(options.data, "resources", timeout_s=TIMEOUT_S))
    nodes = [node_from_value(row) for row in cast("list[Row]", told)]
    views = [node.view for node in nodes]
    check_needs(options.needs, needs, views)
    ids = {view.id for view in fitting(needs, views)}
    chosen = [node for node in nodes if node.view.id in ids]
    shared = shared_units(nodes)
    if options.json:
        rows = summed_as_json(chosen, shared) if options.sum else list(map(as_json, chosen))
        print(json.dumps(rows, indent=1, ensure_ascii=False))
    else:
        names = {view.id: view.name for view in views}
        shown = summed_tables(chosen, names, shared) if options.sum else tables(chosen, names)
        print("\n\n".join(shown))
    return 0 if chosen else not_now()


def _count(options: argparse.Namespace) -> int:
    told = asyncio.run(ask(options.data, "resources.count", {"nodes": options.count}))
    counted = cast("Row", told)
    text = f"Nodes have rights to {counted['held']!s} units of this one."
    print(json.dumps(counted) if options.json else text)
    return 0

"""``cantor pool``: who uses what of the mesh now, and who waits.

Exit codes: 0 done; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, cast

from cantor.cli.folders import add_folder_option
from cantor.cli.project import amount
from cantor.cli.table import format_table
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Any]

_HEADER = (
    "PROJECT", "PARTS", "PRIORITY", "RESOURCE", "POOL", "SHARE", "HOLDS", "LENT", "WAITS", "LIMIT",
)  # fmt: skip


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "who uses what of the mesh now, by project: its share, what is lent to it, who waits"
    pool = verbs.add_parser("pool", help=summary, description=summary)
    pool.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(pool, asks=True)
    pool.set_defaults(run=_pool)


def _pool(options: argparse.Namespace) -> int:
    told = cast("list[Row]", asyncio.run(ask(options.data, "pool")))
    if options.json:
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        print(format_table(_HEADER, [line for project in told for line in _lines(project)]))
    return 0


def _lines(project: Row) -> Iterator[tuple[str, ...]]:
    name, parts, priority = project["project"], str(project["share"]), str(project["priority"])
    if not project["uses"]:
        yield name, parts, priority, *["-"] * 7
    for number, use in enumerate(project["uses"]):
        resource = use["resource"]
        amounts = [
            _amount(resource, use[key]) for key in ("total", "share", "held", "lent", "waiting")
        ]
        limit = project["limits"].get(resource)
        yield (
            *((name, parts, priority) if not number else ("", "", "")), resource, *amounts,
            "-" if limit is None else amount(resource, limit),
        )  # fmt: skip


def _amount(resource: str, value: float) -> str:
    return amount(resource, value) if value else "-"

"""``cantor resources``: what every node has, what of it is free, and who holds the rest.

Exit codes: 0 done; 1 no node meets ``--needs`` now; 2 the expression is wrong, or no node can ever
meet it; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cantor.base.resources import without
from cantor.base.units import format_size
from cantor.cli.agent import resource_text
from cantor.cli.folders import add_folder_option
from cantor.cli.needs import check_needs, not_now
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.view import view_from_value
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from cantor.base.resources import Resource
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Row = dict[str, Value]

HEADER = ("NODE", "RESOURCE", "FREE", "TOTAL", "HELD BY")
SHARED_HEADER = ("SHARED", "OWNER", "NOT GIVEN", "TOTAL", "RIGHTS")
TIMEOUT_S = 8.0


def register(verbs: Verbs) -> None:
    """Add the verb."""
    summary = "what every node has, what of it is free, and who holds the rest"
    resources = verbs.add_parser("resources", help=summary, description=summary)
    resources.add_argument(
        "--needs", default="", metavar="EXPRESSION", help="only nodes that meet it now"
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
        counted = cast(
            "Row", asyncio.run(ask(options.data, "resources.count", {"nodes": options.count}))
        )
        text = f"Nodes have rights to {counted['held']!s} units of this one."
        print(json.dumps(counted) if options.json else text)
        return 0
    needs = parse(options.needs)
    told = asyncio.run(ask(options.data, "resources", timeout_s=TIMEOUT_S))
    nodes = [(view_from_value(row), row) for row in cast("list[Row]", told)]
    check_needs(options.needs, needs, [view for view, _ in nodes])
    fitting = [
        (view, row)
        for view, row in nodes
        if needs.expression is None
        or (view.is_alive and needs.satisfied_by(_free(view, row), view.labels))
    ]
    if options.json:
        print(json.dumps([_as_json(*one) for one in fitting], indent=1, ensure_ascii=False))
    else:
        rows = [line for view, row in fitting for line in _lines(view, row)]
        print(format_table(HEADER, rows))
        names = {str(view.id): view.name for view, _ in nodes}
        shared = [line for view, row in nodes for line in _shared(view.name, row, names)]
        if shared:
            print(format_table(SHARED_HEADER, shared))
    return 0 if fitting else not_now()


def _shared(owner: str, row: Row, names: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """What a node owns for others: rights that nobody has, and who has the rest."""
    for one in _rows(row.get("shared")):
        held = cast("Row", one.get("held") or {})
        rights = ", ".join(f"{names.get(node, node)} {units!s}" for node, units in held.items())
        frozen = "must be counted: cantor resources --count; " if one.get("is_frozen") else ""
        yield str(one["name"]), owner, str(one["free"]), str(one["total"]), frozen + rights


def _rows(value: Value) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _taken(row: Row) -> dict[str, int | float]:
    taken: dict[str, int | float] = {}
    elsewhere = row.get("elsewhere")
    for name, amount in elsewhere.items() if isinstance(elsewhere, dict) else ():
        taken[name] = cast("int", amount)
    for lease in _rows(row.get("held")):
        for name, amount in cast("dict[str, int | float]", lease.get("taken", {})).items():
            taken[name] = taken.get(name, 0) + amount
    return taken


def _free(view: NodeView, row: Row) -> tuple[Resource, ...]:
    return without(view.resources, _taken(row))


def _holders(row: Row, name: str) -> list[Row]:
    return [
        {
            "task": lease["task"],
            "attempt": lease["attempt"],
            "node": lease["holder"],
            "amount": amounts[name],
            "units": cast("Row", lease.get("units", {})).get(name, []),
            "since_s": lease["since"],
            "project": lease.get("project", ""),
        }
        for lease in _rows(row.get("held"))
        if name in (amounts := cast("Row", lease.get("taken", {})))
    ]


def _as_json(view: NodeView, row: Row) -> Row:
    free = {one.name: one.value for one in _free(view, row) if one.kind == "quantity"}
    is_known = row.get("held") is not None
    return {
        "id": view.id,
        "name": view.name,
        "state": view.state,
        "quantities": [
            {
                "name": one.name,
                "unit": one.unit,
                "total": one.value,
                "free": free[one.name] if is_known else None,
                "holders": cast("list[Value]", _holders(row, one.name)),
            }
            for one in view.resources
            if one.kind == "quantity"
        ],
        "conditions": [
            {"name": one.name, "value": one.value}
            for one in view.resources
            if one.kind == "condition"
        ],
        "waiting": row.get("waiting"),
        "shared": row.get("shared"),
    }


def _lines(view: NodeView, row: Row) -> Iterator[tuple[str, ...]]:
    free = {one.name: one for one in _free(view, row)}
    name = view.name
    for one in view.resources:
        if one.kind == "condition":
            continue
        is_known = view.is_alive and row.get("held") is not None
        left = _amount(free[one.name].value, one.unit) if is_known else "?"
        held = ", ".join(_holder(holder, one.unit) for holder in _holders(row, one.name))
        yield name, one.name, left, _amount(one.value, one.unit), held
        name = ""
    conditions = [resource_text(one) for one in view.resources if one.kind == "condition"]
    if conditions:
        yield name, ", ".join(conditions), "", "", ""
    for waits in _rows(row.get("waiting")):
        yield "", f"{waits.get('needs')!s}", "", "", f"{waits.get('task')!s} waits"


def _holder(holder: Row, unit: str) -> str:
    since = datetime.fromtimestamp(cast("float", holder["since_s"]), UTC)
    amount = _amount(cast("float", holder["amount"]), unit)
    return f"{holder['task']!s} {amount} since {since:%Y-%m-%d %H:%M:%S}"


def _amount(value: object, unit: str) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return format_size(value) if unit == "B" else f"{value:g}"

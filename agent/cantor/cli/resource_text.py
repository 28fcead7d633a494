"""The tables and the JSON of ``cantor resources``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

from cantor.base.ids import short_name
from cantor.base.units import format_size
from cantor.cli.agent import resource_text
from cantor.cli.table import format_table
from cantor.node.usage import overview

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.node.usage import NodeUsage, Part, Whole
    from cantor.wire.frame import Value

    Row = dict[str, Value]
    Names = Mapping[NodeId, str]

HEADER = ("NODE", "RESOURCE", "TOTAL", "TAKEN", "FREE", "WAITING")
SUM_HEADER = ("RESOURCE", "TOTAL", "TAKEN", "FREE", "WAITING", "NODES")
HELD_HEADER = ("HELD BY", "FOR NODE", "ON NODE", "TAKES", "PROJECT", "SINCE (UTC)")
WAITS_HEADER = ("WAITS", "FOR NODE", "ON NODE", "NEEDS", "PROJECT", "SINCE (UTC)")
SHARED_HEADER = ("SHARED", "OWNER", "TOTAL", "NOT GIVEN", "RIGHTS")


def tables(nodes: Sequence[NodeUsage], names: Names) -> Iterator[str]:
    """What each node has, then who holds, who waits, and what is shared."""
    yield format_table(HEADER, [line for node in nodes for line in _node_lines(node)])
    yield from _further(nodes, names)


def summed_tables(
    nodes: Sequence[NodeUsage], names: Names, shared: Mapping[str, int]
) -> Iterator[str]:
    """Each resource once, then who holds, who waits, and what is shared."""
    yield format_table(SUM_HEADER, [_sum_line(whole) for whole in _overview(nodes, shared)])
    yield from _further(nodes, names)


def as_json(node: NodeUsage) -> Row:
    """A node; what is taken and free is null where it cannot be asked."""
    shown = node.shown
    return {
        "id": node.view.id,
        "name": node.view.name,
        "state": node.view.state,
        "quantities": [_quantity(node, part, whole) for whole, part in _parts(node)],
        "conditions": [
            {"name": one.name, "value": one.value}
            for one in node.view.resources
            if one.kind == "condition"
        ],
        "waiting": None if shown is None else [one.as_value() for one in shown.waiting],
        "shared": list(node.shared),
    }


def shared_units(nodes: Sequence[NodeUsage]) -> dict[str, int]:
    """How many units of each quantity these nodes own for all."""
    shared: dict[str, int] = {}
    for node in nodes:
        for row in node.shared:
            name = str(row["name"])
            shared[name] = shared.get(name, 0) + cast("int", row["total"])
    return shared


def summed_as_json(nodes: Sequence[NodeUsage], shared: Mapping[str, int]) -> list[Row]:
    """Each resource once, over all nodes that are reached."""
    return [
        {
            "name": whole.name,
            "kind": whole.kind,
            "unit": whole.unit,
            "nodes": [part.node.id for part in whole.reached],
            **(
                {"values": cast("list[Value]", [part.value for part in whole.reached])}
                if whole.kind == "condition"
                else {
                    "total": whole.total,
                    "taken": whole.taken,
                    "free": whole.free,
                    "waiting": whole.waiting,
                    "shared": whole.shared,
                }
            ),
        }
        for whole in _overview(nodes, shared)
    ]


def _overview(nodes: Sequence[NodeUsage], shared: Mapping[str, int]) -> list[Whole]:
    pooled = {node.view.id: node.pooled for node in nodes}
    return overview([node.view for node in nodes], shared, pooled)


def _parts(node: NodeUsage) -> Iterator[tuple[Whole, Part]]:
    for whole in overview([node.view], {}, {node.view.id: node.pooled}):
        if whole.kind == "quantity":
            yield from ((whole, part) for part in whole.parts)


def _quantity(node: NodeUsage, part: Part, whole: Whole) -> Row:
    shown = node.shown
    return {
        "name": whole.name,
        "unit": whole.unit,
        "total": part.value,
        "taken": None if shown is None else part.taken,
        "free": None if shown is None else part.free,
        "waiting": None if shown is None else part.waiting,
        "holders": [
            {
                "task": lease.key.task,
                "attempt": lease.key.attempt,
                "node": lease.holder,
                "amount": lease.taken[whole.name],
                "units": list(lease.units.get(whole.name, ())),
                "since_s": lease.since,
                "project": lease.project,
            }
            for lease in (shown.held if shown is not None else ())
            if whole.name in lease.taken
        ],
    }


def _node_lines(node: NodeUsage) -> Iterator[tuple[str, ...]]:
    name = node.view.name if node.view.is_alive else f"{node.view.name} ({node.view.state})"
    is_known = node.shown is not None
    for whole, part in _parts(node):
        figures = (part.taken, part.free) if is_known else (None, None)
        amounts = [_amount(one, whole.unit) for one in (part.total, *figures)]
        yield name, whole.name, *amounts, _count(part.waiting if is_known else None)
        name = ""
    conditions = [resource_text(one) for one in node.view.resources if one.kind == "condition"]
    if conditions:
        yield name, ", ".join(conditions), "", "", "", ""


def _sum_line(whole: Whole) -> tuple[str, ...]:
    nodes = str(len({part.node.id for part in whole.reached}))
    if whole.kind == "condition":
        texts = dict.fromkeys(
            resource_text(one)
            for part in whole.reached
            for one in part.node.resources
            if one.kind == "condition" and one.name == whole.name
        )
        return ", ".join(texts), "", "", "", "", nodes
    amounts = [_amount(one, whole.unit) for one in (whole.total, whole.taken, whole.free)]
    return whole.name, *amounts, _count(whole.waiting), nodes


def _further(nodes: Sequence[NodeUsage], names: Names) -> Iterator[str]:
    known = [(node.view, node.shown) for node in nodes if node.shown is not None]
    units = {one.name: one.unit for view, _ in known for one in view.resources}
    held = [
        (
            f"{lease.key.task} #{lease.key.attempt}",
            _name(names, lease.holder),
            view.name,
            ", ".join(f"{n} = {_amount(a, units.get(n, ''))}" for n, a in lease.taken.items()),
            lease.project,
            _time(lease.since),
        )
        for view, shown in known
        for lease in shown.held
    ]
    waits = [
        (one.task, _name(names, one.holder), view.name, one.needs, one.project, _time(one.since))
        for view, shown in known
        for one in shown.waiting
    ]
    shared = [line for node in nodes for line in _shared(node, names)]
    for header, rows in ((HELD_HEADER, held), (WAITS_HEADER, waits), (SHARED_HEADER, shared)):
        if rows:
            yield format_table(header, rows)


def _shared(node: NodeUsage, names: Names) -> Iterator[tuple[str, ...]]:
    """What a node owns for others: rights that nobody has, and who has the rest."""
    for one in node.shared:
        held = cast("dict[NodeId, Value]", one.get("held") or {})
        rights = ", ".join(f"{_name(names, owner)} {units!s}" for owner, units in held.items())
        frozen = "must be counted: cantor resources --count; " if one.get("is_frozen") else ""
        yield str(one["name"]), node.view.name, str(one["total"]), str(one["free"]), frozen + rights


def _name(names: Names, node: NodeId) -> str:
    return names.get(node) or short_name(node)


def _time(since: float) -> str:
    return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M:%S}"


def _count(number: int | None) -> str:
    return "?" if number is None else str(number or "")


def _amount(value: float | None, unit: str) -> str:
    if value is None:
        return "?"
    return format_size(value) if unit == "B" else f"{value:g}"

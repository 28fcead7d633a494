"""A service as people see it from any node: what is wanted, and how it is on each node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.ids import short_name
from cantor.services.wishes import is_met

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.node.view import NodeView
    from cantor.services.orders import Order, Revision
    from cantor.services.reports import Report
    from cantor.wire.frame import Value


def view_of(
    order: Order, reports: Mapping[NodeId, Report], nodes: Sequence[NodeView]
) -> dict[str, Value]:
    """The service of an order; its nodes are those that meet the needs and those that report."""
    names = {view.id: view.name for view in nodes}
    rows: list[Value] = []
    for view in nodes:
        report = reports.get(view.id)
        fits = order.wanted == "running" and is_met(order.revision, view.resources, view.labels)
        if report is None and not (fits and view.is_alive):
            continue
        rows.append(
            {
                "node": view.id,
                "name": view.name,
                "is_alive": view.is_alive,
                "is_canary": view.id in order.canaries,
                "is_current": report is not None and report.wanted == order.revision.stamp,
                **(report.as_value() if report else {"state": "waiting", "running": 0, "why": ""}),
            }
        )
    return {
        "tenant": order.key.tenant,
        "name": order.key.name,
        "kind": order.kind,
        "project": order.project,
        "number": order.number,
        "wanted": order.wanted,
        "at": order.at,
        "by": order.by,
        "why": order.why,
        "canaries": list(order.canaries),
        "revision": _shown(order.revision, names),
        "past": [_shown(one, names) for one in order.past],
        "nodes": rows,
    }


def _shown(revision: Revision, names: Mapping[NodeId, str]) -> Value:
    by = revision.stamp.by
    return {**revision.as_value(), "by_name": names.get(by, short_name(by))}

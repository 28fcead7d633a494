"""What one node shall do about a service: pure, from orders and reports as its ledger has them.

There is no centre. Every node that meets the needs of a revision runs it. While an order names
canaries, all others stay with the revision before until the canaries are good; a canary on which
the revision fails orders the return for everybody.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.scheduling.needs import parse
from cantor.scheduling.reach import Place, can_ever, missing
from cantor.services.reports import BAD, GOOD

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cantor.base.ids import NodeId
    from cantor.base.resources import Resource
    from cantor.services.orders import Order, Revision
    from cantor.services.reports import Report

TOMBSTONE_S = 7 * 24 * 3600.0
"""How long the order to remove is kept, so that a node that was away does not revive a service."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The revision that is to run here, or None; ``why`` says what it waits for, or why none.

    ``is_waiting``: nothing runs here until the canaries are good.
    """

    revision: Revision | None
    why: str = ""
    is_waiting: bool = False


def is_met(
    revision: Revision, resources: Iterable[Resource], labels: Mapping[str, str] | None
) -> bool:
    """Whether a node may run it: units that others hold now may be free one day."""
    return can_ever(parse(revision.needs), resources, labels)


def wish(
    order: Order,
    me: NodeId,
    resources: Sequence[Resource],
    labels: Mapping[str, str],
    reports: Mapping[NodeId, Report],
    names: Mapping[NodeId, str],
) -> Wish:
    """What an order asks of this node; ``reports`` are those of all nodes, ``names`` for people."""
    if order.wanted != "running":
        return Wish(None, f"it is {order.wanted}")
    revision, why = order.revision, ""
    if me not in order.canaries and (why := canaries_say(order, reports, names)):
        if order.previous is None:
            meets = is_met(revision, resources, labels)
            return Wish(None, why, is_waiting=meets)
        revision = order.previous
    if not is_met(revision, resources, labels):
        here = [Place("this node", tuple(resources), labels)]
        return Wish(None, missing(parse(revision.needs), here))
    return Wish(revision, why)


def canaries_say(
    order: Order, reports: Mapping[NodeId, Report], names: Mapping[NodeId, str]
) -> str:
    """Why those that are no canaries still wait; empty if they need not.

    Whoever is no canary and runs the revision shows that the canaries were good.
    """
    told = {node: one for node, one in reports.items() if one.wanted == order.revision.stamp}
    if any(
        one.running == order.number and one.state in GOOD
        for node, one in told.items()
        if node not in order.canaries
    ):
        return ""
    for node in order.canaries:
        report, name = told.get(node), names.get(node, node[:8])
        if report is None:
            return f"waits for the canary {name}"
        if report.state in BAD:
            return f"it failed on the canary {name}: {report.why}"
        if report.state not in GOOD:
            return f"waits for the canary {name}: {report.state}"
    return ""


def own_return(
    order: Order, packed: bytes, report: Report, me: NodeId, now: float, name: str
) -> Order | None:
    """The return that this node orders, because it was to try the revision and it failed.

    ``packed`` is the signed order, ``now`` UTC seconds, ``name`` what people call this node.
    """
    failed = report.wanted == order.revision.stamp and report.state in BAD
    is_asked = me in order.canaries and order.wanted == "running" and not order.proof
    if not (failed and is_asked) or order.previous is None:
        return None
    why = f"revision {order.revision.stamp.number} failed on {name}: {report.why}"
    return order.returned(me, order.previous, now, why, packed)


def is_return_of(order: Order, failed: Order) -> bool:
    """Whether a return by itself is what the order that failed allows its canaries."""
    previous = failed.previous
    return (
        order.key == failed.key
        and order.number == failed.number + 1
        and order.by in failed.canaries
        and not failed.proof
        and order.kind == failed.kind
        and not order.canaries
        and order.wanted == "running"
        and previous is not None
        and _code_of(order.revision) == _code_of(previous)
    )


def _code_of(revision: Revision) -> tuple[str, str, tuple[str, ...]]:
    return revision.bundle, revision.needs, revision.secrets


def is_forgotten(order: Order, now: float) -> bool:
    """Whether the order to remove a service is so old that nobody needs it any more."""
    return order.wanted == "removed" and now - order.at > TOMBSTONE_S


def is_mine_to_copy(holders: Iterable[NodeId], alive: frozenset[NodeId], me: NodeId) -> bool:
    """Whether this node publishes a copy of an order: nobody that can be reached has one."""
    return not alive & set(holders) and me == min(alive, default=me)

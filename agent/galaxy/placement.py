"""Where the filters of a pipeline run. Pure: the same facts give the same answer on every node.

Each strong group goes to one node that satisfies the needs of all its filters. Among those the
cheapest wins: its load, plus the cost of the links to the groups before it. A group stays where it
is unless another node is cheaper by more than 20 %.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.ids import short_name
from galaxy.check import find_cycle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.base.resources import Resource
    from galaxy.pipeline import Pipeline

    Unmet = Callable[[str, Iterable[Resource]], str]
    """Why resources do not satisfy an expression; empty if they do."""

STAY_FACTOR = 1.2
LOAD_COST_MS = 20.0
NO_LINK_MS = 1000.0


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What placement knows of a node: free resources, and load from 0 (idle) to 1 per core."""

    id: NodeId
    resources: tuple[Resource, ...] = ()
    load: float = 0.0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """The node of each filter, and for each filter that has none, why."""

    nodes: Mapping[str, NodeId] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every filter has a node."""
        return not self.reasons


def place(
    pipeline: Pipeline,
    needs: Mapping[str, tuple[str, ...]],
    nodes: Iterable[NodeFacts],
    link_ms: Mapping[tuple[NodeId, NodeId], float],
    unmet: Unmet,
    previous: Mapping[str, NodeId] | None = None,
) -> Placement:
    """Place each strong group; ``needs`` holds every filter's expressions (its own, its type's).

    ``link_ms`` is the cost of sending one frame from one node to another; a pair that is not there
    is dear, not impossible, since other nodes relay.
    """
    known = sorted(nodes, key=lambda node: node.id)
    placed: dict[str, NodeId] = {}
    reasons: dict[str, str] = {}
    groups_on: dict[NodeId, int] = {}
    for group in _in_order(pipeline):
        fitting, refusals = _fitting(group, pipeline, needs, known, unmet)
        if not fitting:
            reasons.update(dict.fromkeys(group, "; ".join(refusals) or "there is no node"))
            continue
        before = [
            placed[connection.source.filter]
            for connection in pipeline.connections
            if connection.target.filter in group
            and connection.source.filter in placed
            and connection.source.filter not in group
        ]
        costs = {
            node.id: LOAD_COST_MS * (node.load + groups_on.get(node.id, 0))
            + sum(_link(link_ms, source, node.id) for source in before)
            for node in fitting
        }
        chosen = min(costs, key=lambda node: (costs[node], node))
        kept = (previous or {}).get(group[0])
        if kept in costs and costs[kept] <= costs[chosen] * STAY_FACTOR:
            chosen = kept
        groups_on[chosen] = groups_on.get(chosen, 0) + 1
        placed.update(dict.fromkeys(group, chosen))
    return Placement(placed, reasons)


def _fitting(
    group: tuple[str, ...],
    pipeline: Pipeline,
    needs: Mapping[str, tuple[str, ...]],
    nodes: list[NodeFacts],
    unmet: Unmet,
) -> tuple[list[NodeFacts], list[str]]:
    """The nodes on which every filter of the group may run, and why each other one is out."""
    fitting: list[NodeFacts] = []
    refusals: list[str] = []
    pinned = {pipeline.filters[name].node for name in group} - {""}
    for node in nodes:
        shown = node.name or short_name(node.id)
        if pinned and not pinned <= {node.id, node.name}:
            refusals.append(f"{shown}: the pipeline asks for {min(pinned)}")
            continue
        whys = (unmet(text, node.resources) for name in group for text in needs.get(name, ()))
        why = next((why for why in whys if why), "")
        if why:
            refusals.append(f"{shown}: {why}")
        else:
            fitting.append(node)
    return fitting, refusals


def _link(link_ms: Mapping[tuple[NodeId, NodeId], float], source: NodeId, target: NodeId) -> float:
    return 0.0 if source == target else link_ms.get((source, target), NO_LINK_MS)


def _in_order(pipeline: Pipeline) -> list[tuple[str, ...]]:
    """The strong groups, each after those that feed it; in file order if they feed one another."""
    waiting = pipeline.groups()
    if find_cycle(pipeline):
        return waiting
    ordered: list[tuple[str, ...]] = []
    done: set[str] = set()
    while waiting:
        ready = next((group for group in waiting if _fed(pipeline, group, done)), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
        done.update(ready)
    return ordered


def _fed(pipeline: Pipeline, group: tuple[str, ...], done: set[str]) -> bool:
    return all(
        connection.source.filter in done or connection.source.filter in group
        for connection in pipeline.connections
        if connection.target.filter in group
    )


def needs_of(pipeline: Pipeline, type_needs: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Every filter's expressions: its own and, from ``type_needs``, its type's."""
    return {
        name: tuple(text for text in (spec.needs, type_needs.get(spec.type, "")) if text)
        for name, spec in pipeline.filters.items()
    }


def unmet_needs(text: str, resources: Iterable[Resource]) -> str:
    """Why the resources do not satisfy the expression; empty if they do. Cantor's grammar."""
    from cantor.scheduling.needs import parse

    return parse(text).explain(resources)

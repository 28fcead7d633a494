"""Where the filters of a pipeline run. Pure: the same facts give the same answer on every node.

Each strong group goes to one node that has the types of all its filters and satisfies their needs
together. Among those the cheapest wins: the group's work times what is taken of the node already,
plus the cost of the links to the groups that it is connected with. So a heavy group leaves a busy
node, and a light one follows its neighbours. A group stays where it was unless another node is
cheaper by more than 20 %.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId, short_name
from cantor.scheduling.needs import parse
from galaxy.check import find_cycle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from cantor.base.resources import Resource
    from cantor.scheduling.needs import Needs
    from cantor.wire.frame import Value
    from galaxy.pipeline import Pipeline

LinkMs = Callable[[NodeId, NodeId], float]
"""The cost of sending one frame from one node to another, in milliseconds; 0 on the same node."""

STAY_FACTOR = 1.2
LOAD_COST_MS = 20.0
NO_LINK_MS = 1000.0
WORK_DEFAULT = 1.0
"""Of a group, if the node does not tell what filters take; all groups count the same then."""
WORK_MAX = 1000.0
WORK_TYPES_MAX = 512
REFUSALS_NAMED_MAX = 8
REASON_CHARACTERS_MAX = 1000


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What placement knows of a node: its resources, and load from 0 (idle) to 1 per core.

    ``types`` are the filter types that it can run, each with the type's own needs; ``work`` is what
    they typically take of a core. ``refusal`` says why it cannot be chosen for anything; it is
    empty if it can.
    """

    id: NodeId
    resources: tuple[Resource, ...] = ()
    load: float = 0.0
    name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    refusal: str = ""
    work: Mapping[str, float] = field(default_factory=dict)

    @property
    def shown(self) -> str:
        """What people call it."""
        return self.name or short_name(self.id)


@dataclass(frozen=True, slots=True)
class Placement:
    """The node of each filter, and for each filter that has none, why."""

    nodes: Mapping[str, NodeId] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether every filter has a node."""
        return not self.reasons

    def as_value(self) -> dict[str, Value]:
        """The placement as msgpack types; ``placement_from_value`` reads it back."""
        return {"nodes": dict(self.nodes), "reasons": dict(self.reasons)}


def placement_from_value(value: Value) -> Placement:
    """A placement that ``as_value`` made.

    Raises:
        RemoteProtocolError: it was made by something else.
    """
    nodes, reasons = (
        value.get(key) if isinstance(value, dict) else None for key in ("nodes", "reasons")
    )
    if not isinstance(nodes, dict) or not isinstance(reasons, dict):
        raise RemoteProtocolError("the agent's answer holds no placement")
    return Placement(
        {name: NodeId(str(node)) for name, node in nodes.items()},
        {name: str(why) for name, why in reasons.items()},
    )


def work_from_value(value: Value) -> dict[str, float]:
    """What filter types take of a core, as a node tells it; it may tell nothing.

    Raises:
        RemoteProtocolError: it is no mapping from names to such numbers.
    """
    rows = {} if value is None else value
    if not isinstance(rows, dict) or len(rows) > WORK_TYPES_MAX:
        raise RemoteProtocolError("work is no mapping from filter types")
    work: dict[str, float] = {}
    for name, share in rows.items():
        if type(share) not in (int, float) or not 0 <= cast("float", share) <= WORK_MAX:
            raise RemoteProtocolError(f"the work of {str(name)[:60]!r} is no number from 0")
        work[str(name)] = float(cast("float", share))
    return work


class Pool:
    """What is free on the nodes while groups take their share, one after the other."""

    def __init__(self, nodes: Iterable[NodeFacts]) -> None:
        self.nodes = {node.id: node for node in sorted(nodes, key=lambda node: node.id)}
        self._taken: dict[NodeId, float] = {}

    def refusal(self, pipeline: Pipeline, group: tuple[str, ...], node: NodeId) -> str:
        """Why the group cannot run on the node; empty if it can."""
        return self._fit(pipeline, group, node)[0]

    def take(self, pipeline: Pipeline, group: tuple[str, ...], node: NodeId) -> str:
        """Let the group take what it needs of the node; like ``refusal`` if it cannot."""
        why, left = self._fit(pipeline, group, node)
        if not why:
            self.nodes[node] = replace(self.nodes[node], resources=left)
            work = self._work(pipeline, group, node)
            self._taken[node] = self._taken.get(node, 0.0) + work
        return why

    def cost_ms(self, pipeline: Pipeline, group: tuple[str, ...], node: NodeId) -> float:
        """What the load of the node, the groups there included, costs a frame of this group."""
        busy = self.nodes[node].load + self._taken.get(node, 0.0)
        return LOAD_COST_MS * self._work(pipeline, group, node) * busy

    def _work(self, pipeline: Pipeline, group: tuple[str, ...], node: NodeId) -> float:
        known = self.nodes[node].work
        if not known:
            return WORK_DEFAULT
        return sum(known.get(pipeline.filters[name].type, WORK_DEFAULT) for name in group)

    def _fit(
        self, pipeline: Pipeline, group: tuple[str, ...], node: NodeId
    ) -> tuple[str, tuple[Resource, ...]]:
        here = self.nodes.get(node)
        if here is None:
            return f"{short_name(node)}: is not reachable", ()
        free = here.resources
        why = here.refusal or _misfit(pipeline, group, here)
        for text in () if why else _expressions(pipeline, group, here):
            why, free = _taken(text, free, here)
            if why:
                break
        return (f"{here.shown}: {why}" if why else ""), free


def place(
    pipeline: Pipeline,
    pool: Pool,
    link_ms: LinkMs,
    *,
    previous: Mapping[str, NodeId] | None = None,
    fixed: Mapping[str, NodeId] | None = None,
) -> Placement:
    """Place each strong group; it takes what it needs from ``pool``.

    ``fixed`` gives the node of filters that do not move; they have taken theirs already.
    ``previous`` is where filters were before.
    """
    placed: dict[str, NodeId] = dict(fixed or {})
    reasons: dict[str, str] = {}
    for group in _in_order(pipeline):
        if group[0] in placed:
            continue
        refusals = {node: pool.refusal(pipeline, group, node) for node in pool.nodes}
        neighbours = [placed[name] for name in _neighbours(pipeline, group) if name in placed]
        costs = {
            node: pool.cost_ms(pipeline, group, node)
            + sum(link_ms(other, node) for other in neighbours)
            for node, why in refusals.items()
            if not why
        }
        if not costs:
            reasons.update(dict.fromkeys(group, _reason(refusals)))
            continue
        chosen = min(costs, key=lambda node: (costs[node], node))
        kept = (previous or {}).get(group[0])
        if kept in costs and costs[kept] <= costs[chosen] * STAY_FACTOR:
            chosen = kept
        pool.take(pipeline, group, chosen)
        placed.update(dict.fromkeys(group, chosen))
    return Placement(placed, reasons)


def _reason(refusals: Mapping[NodeId, str]) -> str:
    named = list(refusals.values())[:REFUSALS_NAMED_MAX]
    more = len(refusals) - len(named)
    text = "; ".join(named) + (f"; and {more} more" if more else "")
    cut = text if len(text) <= REASON_CHARACTERS_MAX else text[:REASON_CHARACTERS_MAX] + "…"
    return cut or "there is no node"


def _misfit(pipeline: Pipeline, group: tuple[str, ...], here: NodeFacts) -> str:
    """What, besides its resources, keeps the node from running the group."""
    pinned = {pipeline.filters[name].node for name in group} - {""}
    if pinned and not pinned <= {here.id, here.name}:
        return f"the pipeline asks for {min(pinned)}"
    missing = sorted({pipeline.filters[name].type for name in group} - here.types.keys())
    return f"it has no filter type {', '.join(missing)}" if missing else ""


def _expressions(pipeline: Pipeline, group: tuple[str, ...], here: NodeFacts) -> Iterator[str]:
    for name in group:
        spec = pipeline.filters[name]
        yield from (text for text in (spec.needs, here.types[spec.type]) if text)


def _taken(
    text: str, free: tuple[Resource, ...], here: NodeFacts
) -> tuple[str, tuple[Resource, ...]]:
    """Why the expression is not met, or what is free once it has taken its units."""
    try:
        needs = _parsed(text)
    except ConfigError as error:
        return f"its needs cannot be read: {error.what}", free
    taken = needs.takes(free, here.labels)
    if taken is None:
        return needs.explain(free, here.labels), free
    left = dict(taken)
    return "", tuple(_without(resource, left) for resource in free)


def _without(resource: Resource, left: dict[str, int | float]) -> Resource:
    """The resource less what is still to be taken, which is taken off ``left``."""
    amount = left.get(resource.name, 0)
    if not amount or resource.kind != "quantity" or not isinstance(resource.value, int | float):
        return resource
    part = min(amount, resource.value)
    left[resource.name] = amount - part
    return replace(resource, value=resource.value - part)


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Needs:
    return parse(text)


def _neighbours(pipeline: Pipeline, group: tuple[str, ...]) -> Iterator[str]:
    """The filters outside the group that its connections reach, one for each connection."""
    for connection in pipeline.connections:
        source, target = connection.source.filter, connection.target.filter
        if (source in group) != (target in group):
            yield target if source in group else source


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

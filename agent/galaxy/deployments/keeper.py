"""What one node does about the deployments of its mesh: pure, the same on every node.

Every node calls :func:`reconcile` when facts or liveness have changed. One node, the *keeper* of a
deployment, places its groups; all others follow the newest placement. The keeper is who wrote that
placement, while it can be reached, else the able node with the highest rank. Where two nodes think
that they are the keeper, because each cannot see the other, the higher (epoch, keeper) holds as
soon as they meet. A group that is well where it is stays there, and its run goes on untouched.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeGuard

from galaxy.deployments.facts import Facts, Memory
from galaxy.deployments.records import PLACEMENT, RUN, NodeRun, Placed
from galaxy.deployments.views import views
from galaxy.placement import Pool, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value
    from galaxy.deployments.facts import Held
    from galaxy.deployments.records import Deployment, GroupRun
    from galaxy.pipeline import Pipeline
    from galaxy.placement import Placement

__all__ = [
    "Decision", "Facts", "LocalRun", "Memory", "Route", "pack_runs", "plan", "reconcile",
    "run_fact", "views",
]  # fmt: skip

TOMBSTONE_S = 7 * 24 * 3600.0
"""How long a removed deployment is remembered, so that a node that was away does not revive it."""
STRAYS_MAX = 64
"""How many facts about deployments that nobody here knows a node keeps: who knows them may be away,
and epochs must not be forgotten before that one returns."""


@dataclass(frozen=True, slots=True)
class Route:
    """The two ends of a connection between groups: node, and epoch of the group's run there."""

    sender: tuple[NodeId, int]
    receiver: tuple[NodeId, int]


@dataclass(frozen=True, slots=True)
class LocalRun:
    """What this node runs of a deployment: groups by leader, each with the epoch of its run.

    ``past`` is what this node's own fact says of its groups. A group whose past run has the same
    epoch was run before and is not started again: if that run is gone (``GroupRun.ended``), say so,
    and the keeper gives a new epoch. ``groups`` may be empty, while ``past`` still has to be said.
    """

    deployment: Deployment
    pipeline: Pipeline
    groups: Mapping[str, int] = field(default_factory=dict)
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    past: Mapping[str, GroupRun] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """Lasting facts to publish (``None`` withdraws), and the runs that this node shall have."""

    publish: Mapping[str, Value] = field(default_factory=dict)
    runs: Mapping[str, LocalRun] = field(default_factory=dict)


def run_fact(deployment: str) -> str:
    """The name of the fact in which a node says how its groups are."""
    return RUN + deployment


def pack_runs(deployment: Deployment, groups: Iterable[GroupRun]) -> Value:
    """The value of that fact; it names ended groups too, for as long as the deployment runs."""
    runs = {run.leader: run for run in groups}
    return NodeRun(deployment.id, deployment.revision, runs).as_value()


def plan(pipeline: Pipeline, facts: Facts) -> Placement:
    """Where a pipeline would run if it were deployed now, beside all that runs already."""
    pool = Pool(facts.nodes)
    for held, _ in _by_age(facts):
        _kept(held, pool)
    return place(pipeline, pool, facts.link_ms)


def reconcile(facts: Facts, me: NodeId, now: float, *, may_keep: bool = True) -> Decision:
    """What this node is to say and to run. ``now`` is UTC seconds.

    ``may_keep`` is False while a node that has just started does not know the mesh yet: it follows
    what is placed, but does no keeper's work.
    """
    publish: dict[str, Value] = {}
    runs: dict[str, LocalRun] = {}
    pool = Pool(facts.nodes)
    wanted = _by_age(facts)
    kept = [_kept(held, pool) for held, _ in wanted]
    for (held, pipeline), staying in zip(wanted, kept, strict=True):
        identity = held.deployment.id
        fit = _fit(held, pipeline, staying, pool, facts)
        local = _local(held, pipeline, fit, me)
        if local.groups or local.past:
            runs[identity] = local
        if may_keep and not fit.is_in(held.placed) and _keeper(held, facts) == me:
            publish[PLACEMENT + identity] = fit.signed(held, me).as_value()
    if may_keep:
        for held in facts.held.values():
            publish.update(_tidied(held, facts, me, now))
        strays = sorted(name for owner, name in facts.strays if owner == me)
        publish.update(dict.fromkeys(strays[STRAYS_MAX:]))
    return Decision(publish, runs)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Where the groups should run."""

    nodes: Mapping[str, NodeId]
    epochs: Mapping[str, int]
    reasons: Mapping[str, str]

    def is_in(self, placed: Placed | None) -> bool:
        return self._moves_nothing(placed) and self.reasons == placed.reasons

    def _moves_nothing(self, placed: Placed | None) -> TypeGuard[Placed]:
        return (
            placed is not None and placed.nodes == self.nodes and placed.group_epochs == self.epochs
        )

    def signed(self, held: Held, me: NodeId) -> Placed:
        """As a placement of this node; a new text of a reason alone needs no new epoch."""
        placed = held.placed
        mine = placed is not None and placed.keeper == me and self._moves_nothing(placed)
        epoch = placed.epoch if mine and placed else held.last_epoch + 1
        identity, revision = held.deployment.id, held.deployment.revision
        return Placed(identity, revision, epoch, me, self.nodes, self.epochs, self.reasons)


def _by_age(facts: Facts) -> list[tuple[Held, Pipeline]]:
    """What shall run, the oldest first: it has the first claim on units that were given twice."""
    wanted = [
        (held, held.pipeline)
        for held in facts.held.values()
        if held.deployment.wanted == "running" and held.pipeline is not None
    ]
    return sorted(wanted, key=lambda pair: (pair[0].deployment.created_at, pair[0].deployment.id))


def _keeper(held: Held, facts: Facts) -> NodeId | None:
    newest = held.newest
    if newest is not None and newest.keeper in facts.able:
        return newest.keeper
    identity = held.deployment.id
    return max(facts.able, key=lambda node: _rank(identity, node), default=None)


def _rank(deployment: str, node: NodeId) -> bytes:
    return hashlib.sha256(f"{deployment} {node}".encode()).digest()


def _kept(held: Held, pool: Pool) -> dict[str, tuple[NodeId, int]]:
    """The node and epoch of each group that stays where it is; it takes its units there."""
    placed = held.placed
    kept: dict[str, tuple[NodeId, int]] = {}
    for group in held.pipeline.groups() if held.pipeline and placed else ():
        leader = group[0]
        if placed is None or leader not in placed.nodes or leader not in placed.group_epochs:
            continue
        node = placed.nodes[leader]
        if _stays(held, placed, group, pool):
            kept[leader] = node, placed.group_epochs[leader]
    return kept


def _stays(held: Held, placed: Placed, group: tuple[str, ...], pool: Pool) -> bool:
    """Whether the group is well on its node; a run that has ended takes nothing."""
    node = placed.nodes[group[0]]
    run = held.run(placed, group[0])
    match run.state if run else "starting":
        case "finished":
            return True
        case "failed":
            return node in pool.nodes
        case "stopped":
            return False
    return held.pipeline is not None and not pool.take(held.pipeline, group, node)


def _fit(
    held: Held,
    pipeline: Pipeline,
    kept: Mapping[str, tuple[NodeId, int]],
    pool: Pool,
    facts: Facts,
) -> _Fit:
    """Where the groups should run, given those that stay.

    Any other goes first to where it runs: the parts of a mesh that meet again each have runs that
    the placement of the other does not know.
    """
    groups = pipeline.groups()
    settled = dict(kept)
    for group in groups:
        running = None if group[0] in settled else _running(held, pipeline, group, pool)
        if running is not None:
            settled[group[0]] = running
    fixed = {
        name: settled[group[0]][0] for group in groups if group[0] in settled for name in group
    }
    previous = held.newest.nodes if held.newest else {}
    found = place(pipeline, pool, facts.link_ms, previous=previous, fixed=fixed)
    new = held.last_epoch + 1
    leaders = [group[0] for group in groups if group[0] in found.nodes]
    epochs = {name: settled[name][1] if name in settled else new for name in leaders}
    return _Fit(found.nodes, epochs, found.reasons)


def _running(
    held: Held, pipeline: Pipeline, group: tuple[str, ...], pool: Pool
) -> tuple[NodeId, int] | None:
    """The newest run of the group that goes on somewhere; it takes its units there."""
    running = [
        (node.groups[group[0]].epoch, owner)
        for owner, node in held.runs.items()
        if node.revision == held.deployment.revision
        and group[0] in node.groups
        and node.groups[group[0]].goes_on
    ]
    for epoch, owner in sorted(running, reverse=True):
        if not pool.take(pipeline, group, owner):
            return owner, epoch
    return None


def _local(held: Held, pipeline: Pipeline, fit: _Fit, me: NodeId) -> LocalRun:
    """The share of this node: what is placed on it, and what it runs that is placed nowhere."""
    placed = held.placed
    own = held.runs.get(me)
    past = own.groups if own and own.revision == held.deployment.revision else {}
    at: dict[str, tuple[NodeId, int]] = {}
    leader_of: dict[str, str] = {}
    filters: dict[str, tuple[str, ...]] = {}
    for group in pipeline.groups():
        leader = group[0]
        leader_of.update(dict.fromkeys(group, leader))
        run = past.get(leader)
        if placed and leader in placed.nodes and leader in placed.group_epochs:
            at[leader] = placed.nodes[leader], placed.group_epochs[leader]
        if run and (leader not in at or (at[leader][0] == me and at[leader][1] < run.epoch)):
            at.pop(leader, None)
            if run.goes_on and (fit.nodes.get(leader), fit.epochs.get(leader)) == (me, run.epoch):
                at[leader] = me, run.epoch
        if leader in at and at[leader][0] == me:
            filters[leader] = group
    routes: dict[str, Route] = {}
    for connection in pipeline.connections:
        source, target = (leader_of[end.filter] for end in (connection.source, connection.target))
        touches = source in filters or target in filters
        if connection.kind != "strong" and touches and {source, target} <= at.keys():
            routes[connection.name] = Route(at[source], at[target])
    groups = {leader: at[leader][1] for leader in filters}
    return LocalRun(held.deployment, pipeline, groups, filters, routes, past)


def _tidied(held: Held, facts: Facts, me: NodeId, now: float) -> dict[str, Value]:
    """This node's own copies: renewed if they are old, made if they are missing, or withdrawn."""
    best = held.copy
    deployment = best.deployment
    publish: dict[str, Value] = {}
    mine = next((copy for copy in held.copies if copy.owner == me), None)
    alive = {node.id for node in facts.nodes}
    if _is_forgotten(held, now):
        if mine is not None:
            publish[deployment.fact] = None
    elif mine is not None:
        if mine.value != best.value:
            publish[deployment.fact] = best.value
    elif _keeper(held, facts) == me and not any(
        copy.owner in alive and copy.value == best.value for copy in held.copies
    ):
        publish[deployment.fact] = best.value
    placed = next((one for one in held.placements if one.keeper == me), None)
    if placed is not None and _is_outdated(held, placed):
        publish[PLACEMENT + deployment.id] = None
    if me in held.runs and deployment.wanted == "removed":
        publish[run_fact(deployment.id)] = None
    return publish


def _is_forgotten(held: Held, now: float) -> bool:
    return all(
        copy.deployment.wanted == "removed" and now - copy.deployment.changed_at > TOMBSTONE_S
        for copy in held.copies
    )


def _is_outdated(held: Held, placed: Placed) -> bool:
    """Whether a placement says nothing any more; the newest stays, so that epochs never go back."""
    if held.deployment.wanted == "removed":
        return True
    return placed is not held.placed and placed is not held.newest

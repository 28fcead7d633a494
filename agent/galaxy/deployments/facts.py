"""What one node knows of deployments: the facts of all nodes, read once for one look."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.mesh.routes import read_links
from galaxy.deployments import records
from galaxy.deployments.records import (
    ABLE,
    DEPLOYMENT,
    PLACEMENT,
    RUN,
    Able,
    GroupRun,
    NodeRun,
    Placed,
    able_from_value,
    deployment_from_value,
    pipeline_of,
    placed_from_value,
    run_from_value,
)
from galaxy.deployments.units import TASKS
from galaxy.placement import NO_LINK_MS, NodeFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value
    from galaxy.deployments.records import Deployment
    from galaxy.pipeline import Pipeline

LINKS = "links"
DEPLOYMENTS = TASKS.rstrip("/")
MS_PER_COST = 5.0


@dataclass(frozen=True, slots=True)
class Copy:
    """One node's copy of a deployment, as it stands in its fact."""

    owner: NodeId
    deployment: Deployment
    value: Value
    hlc: int

    @property
    def rank(self) -> tuple[int, int, int, NodeId]:
        """The highest copy holds. Of two changes at once, the one that ends it."""
        ends = ("running", "stopped", "removed").index(self.deployment.wanted)
        return self.deployment.revision, ends, self.hlc, self.owner


@dataclass(frozen=True, slots=True)
class Held:
    """A deployment with all that nodes have said about it."""

    copies: tuple[Copy, ...]
    pipeline: Pipeline | None
    problem: str = ""
    placements: tuple[Placed, ...] = ()
    runs: Mapping[NodeId, NodeRun] = field(default_factory=dict)

    @property
    def copy(self) -> Copy:
        """The copy that holds."""
        return self.copies[0]

    @property
    def deployment(self) -> Deployment:
        """What is wanted."""
        return self.copies[0].deployment

    @property
    def newest(self) -> Placed | None:
        """The newest placement, of whatever revision."""
        return max(self.placements, key=lambda placed: placed.stamp, default=None)

    @property
    def placed(self) -> Placed | None:
        """The placement that holds: the newest one of this revision."""
        fitting = [p for p in self.placements if p.revision == self.deployment.revision]
        return max(fitting, key=lambda placed: placed.stamp, default=None)

    def run(self, placed: Placed, leader: str) -> GroupRun | None:
        """What the node of a group says of the run that ``placed`` gives it.

        A node that has begun a later run of the group does not go back to this one: it is over.
        """
        node = self.runs.get(placed.nodes[leader]) if leader in placed.nodes else None
        epoch = placed.group_epochs.get(leader, 0)
        if node is None or node.revision != placed.revision or leader not in node.groups:
            return None
        run = node.groups[leader]
        if run.epoch > epoch:
            return GroupRun(leader, epoch, "stopped")
        return run if run.epoch == epoch else None

    @property
    def last_epoch(self) -> int:
        """The highest epoch that anybody has named."""
        runs = (run for node in self.runs.values() for run in node.groups.values())
        return max(
            (*(placed.epoch for placed in self.placements), *(run.epoch for run in runs)), default=0
        )


@dataclass(frozen=True, slots=True)
class Facts:
    """One look at the mesh. ``nodes`` are all that can be reached, whether able or not."""

    nodes: tuple[NodeFacts, ...] = ()
    held: Mapping[str, Held] = field(default_factory=dict)
    strays: frozenset[tuple[NodeId, str]] = frozenset()
    """Placements and runs (owner, fact) of deployments that nobody knows."""
    links: Mapping[NodeId, Mapping[NodeId, float]] = field(default_factory=dict)
    _from: dict[NodeId, dict[NodeId, float]] = field(default_factory=dict, compare=False)

    @classmethod
    def read(
        cls,
        facts: Iterable[Fact],
        nodes: Iterable[NodeView],
        alive: Iterable[NodeId],
        memory: Memory | None = None,
    ) -> Facts:
        """Read facts of any names; those of another shape, or of other matters, are left out."""
        reader = _Reader(memory or Memory())
        for fact in facts:
            reader.take(fact)
        living = frozenset(alive)
        links = {node: reader.links[node] for node in sorted(living & reader.links.keys())}
        return cls(
            nodes=tuple(
                _node_facts(view, reader.able.get(view.id))
                for view in sorted(nodes, key=lambda view: view.id)
                if view.id in living
            ),
            held=reader.held(),
            strays=reader.strays(),
            links={
                node: {peer: cost for peer, cost in row.items() if peer in living}
                for node, row in links.items()
            },
        )

    @property
    def deployments(self) -> Mapping[str, Deployment]:
        """What is wanted, by id; the removed are left out."""
        return {
            identity: held.deployment
            for identity, held in self.held.items()
            if held.deployment.wanted != "removed"
        }

    @property
    def able(self) -> frozenset[NodeId]:
        """The nodes that can be reached and run pipelines."""
        return frozenset(node.id for node in self.nodes if not node.refusal)

    def link_ms(self, source: NodeId, target: NodeId) -> float:
        """The cost of one frame on the shortest path; both ends of a link agree on the dearer."""
        if source == target:
            return 0.0
        if source not in self._from:
            self._from[source] = _distances(source, self.links)
        return self._from[source].get(target, NO_LINK_MS)


class Memory:
    """Facts that were read before: most do not change from one look to the next."""

    def __init__(self) -> None:
        self._old: dict[tuple[NodeId, str], tuple[tuple[int, int], object]] = {}
        self._new: dict[tuple[NodeId, str], tuple[tuple[int, int], object]] = {}

    def turn(self) -> None:
        """Begin a look; what the last one did not ask for is forgotten."""
        self._old, self._new = self._new, {}

    def recall(self, fact: Fact, read: Callable[[], object]) -> object:
        """What ``read`` gives for the fact, or gave when it last had this stamp."""
        key = fact.owner, fact.name
        kept = self._old.get(key)
        if kept is None or kept[0] != fact.stamp:
            kept = fact.stamp, read()
        self._new[key] = kept
        return kept[1]


class _Reader:
    """Sorts the facts of one look."""

    def __init__(self, memory: Memory) -> None:
        memory.turn()
        self._memory = memory
        self.links: dict[NodeId, dict[NodeId, float]] = {}
        self.able: dict[NodeId, Able] = {}
        self._copies: dict[str, list[_CopyRead]] = {}
        self._placements: dict[str, list[Placed]] = {}
        self._runs: dict[str, dict[NodeId, NodeRun]] = {}

    def take(self, fact: Fact) -> None:
        if fact.value is None or not fact.name.startswith(_STARTS):
            return
        found = self._memory.recall(fact, lambda: _read(fact))
        match found:
            case Able():
                self.able[fact.owner] = found
            case Placed(deployment=identity):
                self._placements.setdefault(identity, []).append(found)
            case NodeRun(deployment=identity):
                self._runs.setdefault(identity, {})[fact.owner] = found
            case _CopyRead(copy):
                self._copies.setdefault(copy.deployment.id, []).append(found)
            case dict():
                self.links[fact.owner] = found

    def held(self) -> dict[str, Held]:
        held: dict[str, Held] = {}
        for identity in sorted(self._copies):
            copies = sorted(self._copies[identity], key=lambda read: read.copy.rank, reverse=True)
            held[identity] = Held(
                tuple(read.copy for read in copies),
                copies[0].pipeline,
                copies[0].problem,
                tuple(self._placements.get(identity, ())),
                self._runs.get(identity, {}),
            )
        return held

    def strays(self) -> frozenset[tuple[NodeId, str]]:
        placed = {
            (one.keeper, PLACEMENT + identity)
            for identity, placements in self._placements.items()
            if identity not in self._copies
            for one in placements
        }
        runs = {
            (owner, RUN + identity)
            for identity, nodes in self._runs.items()
            if identity not in self._copies
            for owner in nodes
        }
        return frozenset(placed | runs)


@dataclass(frozen=True, slots=True)
class _CopyRead:
    copy: Copy
    pipeline: Pipeline | None
    problem: str


_STARTS = (DEPLOYMENT, PLACEMENT, RUN, ABLE, LINKS)


def _read(fact: Fact) -> Able | Placed | NodeRun | _CopyRead | dict[NodeId, float] | None:
    """The fact in our words; None if it is none of ours or has another shape."""
    kind, slash, identity = fact.name.partition("/")
    try:
        match kind + slash:
            case records.DEPLOYMENT:
                deployment = deployment_from_value(identity, fact.value)
                return _copy(Copy(fact.owner, deployment, fact.value, fact.hlc))
            case records.PLACEMENT:
                return placed_from_value(identity, fact.owner, fact.value)
            case records.RUN:
                return run_from_value(identity, fact.owner, fact.value)
            case records.ABLE:
                return able_from_value(fact.owner, fact.value)
    except RemoteProtocolError:
        return None
    return read_links(fact.value) if fact.name == LINKS else None


def _copy(copy: Copy) -> _CopyRead:
    if copy.deployment.wanted == "removed":
        return _CopyRead(copy, None, "")
    try:
        return _CopyRead(copy, pipeline_of(copy.deployment), "")
    except ConfigError as error:
        return _CopyRead(copy, None, str(error))


def _node_facts(view: NodeView, able: Able | None) -> NodeFacts:
    return NodeFacts(
        id=view.id,
        resources=view.free(but=DEPLOYMENTS),  # placement counts what deployments take
        load=able.load if able else 0.0,
        name=view.name,
        labels=view.labels,
        types=able.types if able else {},
        work=able.work if able else {},
        refusal="" if able else "it runs no pipelines",
    )


def _distances(
    start: NodeId, links: Mapping[NodeId, Mapping[NodeId, float]]
) -> dict[NodeId, float]:
    """Milliseconds from ``start`` to every node that a path leads to."""
    found: dict[NodeId, float] = {}
    heap: list[tuple[float, NodeId]] = [(0.0, start)]
    while heap:
        distance, node = heapq.heappop(heap)
        if node in found:
            continue
        found[node] = distance
        for peer, cost in links.get(node, {}).items():
            if peer not in found:
                dearer = max(cost, links.get(peer, {}).get(node, cost))
                heapq.heappush(heap, (distance + MS_PER_COST * dearer, peer))
    return found

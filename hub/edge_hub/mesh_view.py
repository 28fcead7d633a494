"""What the hub sees of the mesh that it is a node of, and a fake of it."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.ids import NodeId
from cantor.identity.policies import Policy
from cantor.ledger.facts import Fact
from cantor.node.grants.sharing import Sharing
from cantor.node.graph import LINKS_FACT, mesh_graph

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from cantor.base.resources import Device, Resource
    from cantor.node.grants.showing import Shown
    from cantor.node.graph import MeshGraph
    from cantor.wire.frame import Value


@dataclass(frozen=True, slots=True)
class LiveNode:
    """What the ledger says about a node now; ``seen_at_s`` is wall time, None if never.

    ``taken`` and ``waiting`` are the hints of :class:`cantor.node.view.NodeView`.
    """

    id: NodeId
    state: Literal["online", "stale", "expired", "offline", "denied"]
    name: str = ""
    version: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()
    resources: tuple[Resource, ...] = ()
    devices: tuple[Device, ...] = ()
    taken: Mapping[str, Mapping[str, int | float]] = field(default_factory=dict)
    waiting: Mapping[str, int] = field(default_factory=dict)
    seen_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class PolicyView:
    """The policy of a mesh's tenant as the hub's node has it.

    ``may_decide``: the hub can sign another. ``held`` is the stamp of the policy that each node
    says it keeps to, where it has said one; ``fresh_until_s`` is until when each counts as
    confirmed by an issuer, in seconds since 1970.
    """

    tenant: str
    policy: Policy
    may_decide: bool
    held: Mapping[NodeId, int]
    fresh_until_s: Mapping[NodeId, float]


class MeshView(Protocol):
    """The mesh as its ledger shows it on the hub's own node."""

    def nodes(self) -> Mapping[NodeId, LiveNode]:
        """Every node that the ledger knows."""

    def seeds(self) -> list[str]:
        """Addresses (``host:port``) at which a new node finds the mesh."""

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call ``changed`` in the event loop after changes; the result ends that."""

    @property
    def denied(self) -> Collection[NodeId]:
        """The nodes that no longer belong to the mesh."""

    def is_banned(self, node: NodeId) -> bool:
        """Whether a node is never let in again."""

    def earliest_s(self, node: NodeId) -> float:
        """When a certificate of a node must begin (seconds since 1970) to be accepted."""

    def deny(self, nodes: Collection[NodeId]) -> None:
        """Put nodes out of the mesh for ever."""

    def deny_again(self, nodes: Collection[NodeId]) -> None:
        """Put out those of which the list says nothing: an older hub denied them."""

    def allow(self, nodes: Collection[NodeId]) -> None:
        """Take denials back."""

    def replace(self, old: NodeId, new: NodeId) -> str:
        """Put a node out for ever; the word that another took its place, signed, in base64."""

    async def renew(self, body: bytes) -> tuple[int, Mapping[str, object]]:
        """Answer a node that asks for a new certificate: status and JSON.

        Raises:
            EnrolmentError: the request is malformed.
        """

    @property
    def kept_policy(self) -> Policy:
        """What holds for all nodes of the hub's tenant."""

    def policy(self) -> PolicyView:
        """The same, and who keeps to it."""

    def decide_policy(self, stale_days: int, by: str) -> None:
        """Let another policy hold from now on.

        Raises:
            ConfigError: the hub is no issuer, or what is given is out of range.
            OSError: the disk does not take it; what held before holds.
        """

    def graph(self) -> MeshGraph:
        """The nodes and links that the ledger knows."""

    async def links_of(self, node: NodeId) -> Sequence[Mapping[str, Value]]:
        """What a node says of its links now.

        Raises:
            UnavailableError: it cannot be reached.
            RemoteProtocolError: it does not understand.
        """

    async def logs_of(self, node: NodeId, asked: dict[str, Value]) -> Mapping[str, Value]:
        """A page of a node's logs: see :class:`cantor.node.logs.service.Logs`.

        Raises:
            ConfigError: that is no question.
            UnavailableError: it cannot be reached.
            RemoteProtocolError: it refuses.
        """

    async def metrics_of(self, node: NodeId, glob: str) -> Mapping[str, Value]:
        """A node's row of :mod:`cantor.node.metrics.service`: its series now, by a pattern.

        Raises:
            UnavailableError: it cannot be reached, or does not answer.
        """

    async def past_of(self, node: NodeId, glob: str, step: int) -> Mapping[str, Value]:
        """How a node's series were, every 1 or 60 seconds.

        Raises:
            UnavailableError: it cannot be reached.
            RemoteProtocolError: it refuses.
        """

    def sharing(self) -> Sharing:
        """The quantities that nodes share."""

    async def grants_of(self, node: NodeId) -> Shown | None:
        """What a node has granted and who waits there now; None if it does not answer."""


class FakeMeshView:
    """A mesh that a test, or a hub alone, moves by hand."""

    def __init__(self, *, seeds: Collection[str] = ()) -> None:
        self.denied: frozenset[NodeId] = frozenset()
        self._seeds = list(seeds)
        self._nodes: dict[NodeId, LiveNode] = {}
        self._links: dict[NodeId, Value] = {}
        self.told: dict[NodeId, Sequence[Mapping[str, Value]]] = {}
        self.said: dict[NodeId, Mapping[str, Value]] = {}
        self.asked: list[dict[str, Value]] = []
        """Pages of logs, and how they were asked for."""
        self.counted: dict[NodeId, Mapping[str, Value]] = {}
        """Metrics, now and past."""
        self.granted: dict[NodeId, Shown] = {}
        self.shared = Sharing({}, {}, {})
        self.is_issuer = True
        self.kept_policy = Policy()
        self.held: dict[NodeId, int] = {}
        self.fresh_until_s: dict[NodeId, float] = {}
        self._subscribers: list[Callable[[], None]] = []

    def put(self, node: LiveNode) -> None:
        """Let the ledger say this about a node."""
        self._nodes[node.id] = node
        self._tell()

    def put_links(self, node: NodeId, rows: Value) -> None:
        """Let a node announce these links: rows of peer, cost and figures. The first is here."""
        self._links[node] = rows
        self._tell()

    def _tell(self) -> None:
        for changed in list(self._subscribers):
            changed()

    def nodes(self) -> Mapping[NodeId, LiveNode]:
        return dict(self._nodes)

    def seeds(self) -> list[str]:
        return list(self._seeds)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    def is_banned(self, node: NodeId) -> bool:
        return node in self.denied

    def earliest_s(self, node: NodeId) -> float:
        return 2.0**53 if node in self.denied else 0.0

    def deny(self, nodes: Collection[NodeId]) -> None:
        self.denied |= set(nodes)

    def deny_again(self, nodes: Collection[NodeId]) -> None:
        self.deny(nodes)

    def allow(self, nodes: Collection[NodeId]) -> None:
        self.denied -= set(nodes)

    def replace(self, old: NodeId, new: NodeId) -> str:
        self.deny([old])
        return base64.b64encode(f"{new} for {old}".encode()).decode()

    async def renew(self, body: bytes) -> tuple[int, Mapping[str, object]]:
        return 200, {"asked_bytes": len(body)}

    def policy(self) -> PolicyView:
        held, fresh = dict(self.held), dict.fromkeys(self._nodes, 0.0) | self.fresh_until_s
        return PolicyView("default", self.kept_policy, self.is_issuer, held, fresh)

    def decide_policy(self, stale_days: int, by: str) -> None:
        if not self.is_issuer:
            raise ConfigError("only an issuer can set the policy")
        known = self.kept_policy
        self.put_policy(
            replace(
                known, stamp=known.stamp + 1, stale_days=stale_days, number=known.number + 1, by=by
            )
        )

    def put_policy(self, policy: Policy) -> None:
        """Let this policy hold."""
        self.kept_policy = policy
        self._tell()

    def graph(self) -> MeshGraph:
        facts = [Fact(owner, LINKS_FACT, rows, 1, 1) for owner, rows in self._links.items()]
        alive = frozenset(n.id for n in self._nodes.values() if n.state != "offline")
        names = {node.id: node.name for node in self._nodes.values()}
        return mesh_graph(next(iter(self._links), NodeId("0" * 32)), facts, alive, names)

    async def links_of(self, node: NodeId) -> Sequence[Mapping[str, Value]]:
        if node not in self.told:
            raise UnavailableError("there is no path to it", where=node)
        return self.told[node]

    async def logs_of(self, node: NodeId, asked: dict[str, Value]) -> Mapping[str, Value]:
        self.asked.append(asked)
        if node not in self.said:
            raise UnavailableError("there is no path to it", where=node)
        return self.said[node]

    async def metrics_of(self, node: NodeId, glob: str) -> Mapping[str, Value]:
        self.asked.append({"glob": glob})
        if node not in self.counted:
            raise UnavailableError("there is no path to it", where=node)
        return self.counted[node]

    async def past_of(self, node: NodeId, glob: str, step: int) -> Mapping[str, Value]:
        self.asked.append({"glob": glob, "step": step})
        if node not in self.counted:
            raise UnavailableError("there is no path to it", where=node)
        return self.counted[node]

    def sharing(self) -> Sharing:
        return self.shared

    async def grants_of(self, node: NodeId) -> Shown | None:
        return self.granted.get(node)

"""What the mesh says of shared quantities: who owns them, and who may have rights to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypedDict

from cantor.base.ids import NodeId
from cantor.scheduling.expression import KEYWORDS, NAME
from cantor.scheduling.grants.book import UNITS_MAX
from cantor.scheduling.grants.purse import Pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from cantor.ledger.facts import Fact
    from cantor.node.services import Node
    from cantor.wire.frame import Value

NAME_CHARACTERS_MAX = 64
SITE_LABEL = "site"
SHARED_FACT, RIGHTS_FACT = "shared", "rights"


class SharedRow(TypedDict):
    """A shared quantity of one owner: units that nobody has a right to, and who has the rest."""

    name: str
    total: int
    free: int
    held: dict[NodeId, int]
    is_frozen: bool


@dataclass(frozen=True, slots=True)
class Sharing:
    """The pools that this node may have rights to, where nodes are, and what owners say.

    ``everywhere`` are all pools that are known, also those of other sites and tenants.

    A quantity is shared among the nodes of its owner's tenant; if the owner has the label
    ``site``, among those with the same label.
    """

    pools: Mapping[tuple[NodeId, str], Pool]
    places: Mapping[NodeId, tuple[str, str]]
    said: Mapping[NodeId, Mapping[str, Mapping[str, Value]]]
    everywhere: Mapping[tuple[NodeId, str], Pool] = field(default_factory=dict)

    def may_have(self, owner: NodeId, node: NodeId) -> bool:
        """Whether a node may have rights of this owner."""
        return may_hold(self.places, owner, node)

    def pooled(self, node: NodeId) -> dict[str, int]:
        """How many units of each stand in the total of a node, whoever owns them."""
        pooled: dict[str, int] = {}
        for pool in self.everywhere.values():
            if may_hold(self.places, pool.owner, node):
                pooled[pool.name] = pooled.get(pool.name, 0) + pool.total
        return pooled

    @property
    def totals(self) -> dict[str, int]:
        """How many units there are of each, whoever owns them."""
        totals: dict[str, int] = {}
        for pool in self.pools.values():
            totals[pool.name] = totals.get(pool.name, 0) + pool.total
        return totals

    def everyone(self, owner: NodeId) -> set[NodeId]:
        """All nodes that are known and may have rights of this owner."""
        return {node for node in self.places if may_hold(self.places, owner, node)}

    def shown(self, owner: NodeId) -> list[SharedRow]:
        """What a node shares, for people."""
        return [
            {
                "name": pool.name,
                "total": pool.total,
                "free": pool.free,
                "held": self.held(owner, pool.name),
                "is_frozen": self._said_of(owner, pool.name).get("frozen") is True,
            }
            for pool in self.everywhere.values()
            if pool.owner == owner
        ]

    def held(self, owner: NodeId, name: str) -> dict[NodeId, int]:
        """How many units of a pool each node has a right to, as its owner says."""
        held = self._said_of(owner, name).get("held")
        rows = held if isinstance(held, dict) else {}
        return {NodeId(node): units for node, units in rows.items() if type(units) is int}

    def _said_of(self, owner: NodeId, name: str) -> Mapping[str, Value]:
        return self.said.get(owner, {}).get(name, {})


def may_hold(places: Mapping[NodeId, tuple[str, str]], owner: NodeId, node: NodeId) -> bool:
    """Whether a node may have rights of an owner: ``places`` are tenant and site."""
    if owner not in places or node not in places:
        return False
    (tenant, site), (other, where) = places[owner], places[node]
    return tenant == other and site in ("", where)


def read_sharing(facts: Iterable[Fact], node: Node, is_dead: Callable[[NodeId], bool]) -> Sharing:
    """What facts say; what does not have the right shape is left out."""
    by_name: dict[str, dict[NodeId, Mapping[str, Value]]] = {"node": {}, "shared": {}, "rights": {}}
    for fact in facts:
        if fact.name in by_name and isinstance(fact.value, dict):
            by_name[fact.name][fact.owner] = fact.value
    places = {
        owner: (str(about.get("tenant", node.tenant)), _site(about.get("labels")))
        for named in (by_name["node"], by_name["shared"])
        for owner, about in named.items()
    }
    said = {
        owner: {name: one for name, one in value.items() if isinstance(one, dict)}
        for owner, value in by_name["rights"].items()
    }
    everywhere = {
        (owner, name): Pool(owner, name, total, _free(said.get(owner, {}).get(name), total))
        for owner, value in sorted(by_name["shared"].items())
        for name, total in _units(value).items()
        if is_shared(name, total) and not is_dead(owner) and isinstance(total, int)
    }
    pools = {
        key: pool for key, pool in everywhere.items() if may_hold(places, pool.owner, node.node_id)
    }
    return Sharing(pools, places, said, everywhere)


def is_shared(name: str, total: object) -> bool:
    """Whether this can be a shared quantity."""
    is_name = NAME.fullmatch(name) is not None and name not in KEYWORDS
    is_whole = type(total) is int and 0 < total <= UNITS_MAX
    return is_name and len(name) <= NAME_CHARACTERS_MAX and is_whole


def place_of(node: Node, shared: Mapping[str, int]) -> Value:
    """The lasting fact of a node that has, or gives, rights: also of one that is away."""
    labels: Value = {SITE_LABEL: node.labels.get(SITE_LABEL, "")}
    return {"tenant": node.tenant, "labels": labels, "units": dict(shared)}


def _units(value: Mapping[str, Value]) -> Mapping[str, Value]:
    units = value.get("units")
    return units if isinstance(units, dict) else {}


def _site(labels: Value) -> str:
    return str(labels.get(SITE_LABEL, "")) if isinstance(labels, dict) else ""


def _free(said: Mapping[str, Value] | None, total: int) -> int:
    free = said.get("free") if said is not None else None
    return min(free, total) if type(free) is int and free > 0 else 0

"""What the mesh has in all and on each node, what of it is taken, and how many wait for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from cantor.node.grants.hints import ELSEWHERE
from cantor.node.grants.showing import Shown, shown_from_value
from cantor.node.view import NodeView, view_from_value
from cantor.scheduling.grants.standing import names_in
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.ids import NodeId
    from cantor.base.resources import ResourceValue
    from cantor.wire.frame import Value

Amount = int | float


@dataclass(frozen=True, slots=True)
class Part:
    """What one node has of a resource, in base units.

    ``elsewhere`` counts units of a shared quantity that other nodes have a right to, and ``pooled``
    those units of its total that are the site's and not the node's own.
    """

    node: NodeView
    value: ResourceValue
    taken: Amount = 0
    elsewhere: Amount = 0
    pooled: int = 0
    waiting: int = 0

    @property
    def total(self) -> Amount:
        """All of its units, taken or not; 0 of a condition that is text."""
        return 0 if isinstance(self.value, str) else self.value

    @property
    def free(self) -> Amount:
        """What nothing takes here."""
        return max(0, self.total - self.taken - self.elsewhere)


@dataclass(frozen=True, slots=True)
class Whole:
    """A resource of the mesh: a condition, or a quantity with its units.

    ``shared`` counts the units that owners share; they stand in the total of every node that may
    have rights to them, and are counted once here. Nodes that cannot be reached do not count.
    """

    name: str
    kind: Literal["condition", "quantity"]
    unit: str
    parts: tuple[Part, ...]
    shared: int = 0

    @property
    def reached(self) -> list[Part]:
        """The parts of nodes that can be reached."""
        return [part for part in self.parts if part.node.is_alive]

    @property
    def total(self) -> Amount:
        """All units."""
        return sum(part.total - part.pooled for part in self.reached) + self.shared

    @property
    def taken(self) -> Amount:
        """The units that work takes, whoever owns them."""
        return sum(part.taken for part in self.reached)

    @property
    def free(self) -> Amount:
        """What nothing takes."""
        return max(0, self.total - self.taken)

    @property
    def waiting(self) -> int:
        """How much work waits for it."""
        return sum(part.waiting for part in self.reached)


@dataclass(frozen=True, slots=True)
class NodeUsage:
    """A node and what it says of its grants; ``shown`` is None where it cannot be asked.

    ``shared`` are the quantities that it owns for others, ``pooled`` those in its own totals.
    """

    view: NodeView
    shown: Shown | None
    shared: tuple[dict[str, Value], ...] = ()
    pooled: Mapping[str, int] = field(default_factory=dict)


def node_from_value(row: dict[str, Value]) -> NodeUsage:
    """A row of the control call ``resources``; what is taken is what the node says itself.

    Raises:
        RemoteProtocolError: it was made by something else.
    """
    view, shown = view_from_value(row), None
    if row.get("held") is not None:
        shown = shown_from_value(row)
        waiting = Counter(name for one in shown.waiting for name in names_in(parse(one.needs)))
        taken: dict[str, Mapping[str, Amount]] = {"work": shown.taken, ELSEWHERE: shown.elsewhere}
        view = replace(view, taken=taken, waiting=waiting)
    shared, pooled = row.get("shared"), row.get("pooled")
    return NodeUsage(
        view,
        shown,
        tuple(one for one in shared if isinstance(one, dict)) if isinstance(shared, list) else (),
        {str(n): units for n, units in pooled.items() if type(units) is int}
        if isinstance(pooled, dict)
        else {},
    )


def overview(
    views: Iterable[NodeView],
    shared: Mapping[str, int],
    pooled: Mapping[NodeId, Mapping[str, int]],
) -> list[Whole]:
    """Every resource of these nodes, quantities first, by name.

    ``shared`` says how many units owners share in all, and ``pooled`` how many of them stand in the
    total of each node, both by quantity.
    """
    parts: dict[tuple[bool, str], list[Part]] = {}
    units: dict[tuple[bool, str], str] = {}
    for view in views:
        of = pooled.get(view.id, {})
        for one in view.resources:
            key = one.kind == "condition", one.name
            units[key] = units.get(key) or one.unit
            parts.setdefault(key, []).append(
                Part(view, one.value)
                if one.kind == "condition"
                else Part(view, one.value, *_taken(view, one.name), of.get(one.name, 0),
                          view.waiting.get(one.name, 0))
            )  # fmt: skip
    return [
        Whole(
            key[1],
            "condition" if key[0] else "quantity",
            units[key],
            tuple(parts[key]),
            0 if key[0] else shared.get(key[1], 0),
        )
        for key in sorted(parts)
    ]


def _taken(view: NodeView, name: str) -> tuple[Amount, Amount]:
    """What is taken of a quantity, and what of it others have rights to."""
    taken = sum(kinds.get(name, 0) for kind, kinds in view.taken.items() if kind != ELSEWHERE)
    return taken, view.taken.get(ELSEWHERE, {}).get(name, 0)

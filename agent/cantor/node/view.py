"""What this node's copy of the ledger says about the nodes of the mesh."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId, short_name
from cantor.base.resources import Device, Resource, ResourceValue, without
from cantor.base.text import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import Value

ID_DIGITS_MIN = 4
SHOWN = ("node", "resources", "devices", "taken", "waiting")
"""The facts that a view is made of."""

NodeState: TypeAlias = Literal["online", "stale", "expired", "offline", "denied"]


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node as the ledger knows it; ``is_alive`` as far as this node can reach it.

    ``standing`` is empty, ``stale`` where no issuer has confirmed it lately, ``expired`` where
    none has for longer than its tenant allows, or ``denied``.
    """

    id: NodeId
    name: str
    is_alive: bool
    version: str
    labels: dict[str, str]
    addresses: tuple[str, ...]
    resources: tuple[Resource, ...]
    devices: tuple[Device, ...]
    standing: str = ""
    taken: Mapping[str, Mapping[str, int | float]] = field(default_factory=dict)
    """What is granted of its quantities, by kind of work; a hint, some tenths of a second old."""
    waiting: Mapping[str, int] = field(default_factory=dict)
    """How many wait for each of its quantities; a hint as well."""

    def free(self, *, but: str = "") -> tuple[Resource, ...]:
        """Its resources less what is granted, but not to the kind of work ``but``: as is known."""
        left: dict[str, int | float] = {}
        for kind, amounts in self.taken.items():
            for name, amount in amounts.items() if kind != but else ():
                left[name] = left.get(name, 0) + amount
        return without(self.resources, left)

    @property
    def state(self) -> NodeState:
        """One word for people: online, stale (online as well), expired, offline or denied."""
        if self.standing == "denied":
            return "denied"
        if self.standing == "expired":
            return "expired"
        if not self.is_alive:
            return "offline"
        return "stale" if self.standing == "stale" else "online"

    def as_value(self) -> dict[str, Value]:
        """The view as msgpack types; ``view_from_value`` reads it back."""
        return {
            "id": self.id,
            "name": self.name,
            "state": self.state,
            "version": self.version,
            "labels": dict(self.labels),
            "addresses": list(self.addresses),
            "resources": pack_resources(self.resources),
            "devices": pack_devices(self.devices),
            "taken": {kind: dict(amounts) for kind, amounts in self.taken.items()},
            "waiting": dict(self.waiting),
        }


def view_from_value(value: Value) -> NodeView:
    """A view that ``as_value`` made.

    Raises:
        RemoteProtocolError: it was made by something else.
    """
    if not isinstance(value, dict) or not isinstance(value.get("id"), str):
        raise RemoteProtocolError("the agent's answer holds no nodes")
    facts = {name: value.get(name) for name in ("resources", "devices", "taken", "waiting")}
    facts["node"] = value
    owner = NodeId(_text(value["id"]))
    state = value.get("state")
    standing = str(state) if state in ("stale", "expired", "denied") else ""
    return _view(owner, facts, is_alive=state in ("online", "stale"), standing=standing)


def find_node(views: Iterable[NodeView], word: str) -> NodeView:
    """The node that a person means: its name, its id or the start of its id.

    Raises:
        ConfigError: no node is called that, or several are.
    """
    listed = list(views)
    found = [view for view in listed if word in (view.name, view.id)]
    if not found and len(word) >= ID_DIGITS_MIN:
        found = [view for view in listed if view.id.startswith(word)]
    if not found:
        raise ConfigError(
            f"no node is called {word[:64]!r}", remedy="cantor nodes lists names and ids"
        )
    if len(found) > 1:
        meant = ", ".join(f"{view.name} {short_name(view.id)}" for view in found[:8])
        raise ConfigError(
            f"{word[:64]!r} means {len(found)} nodes: {meant}",
            remedy="give the start of the id of one of them",
        )
    return found[0]


def view_nodes(
    facts: Iterable[Fact], alive: set[NodeId], standings: Mapping[NodeId, str] | None = None
) -> list[NodeView]:
    """The nodes that have published who they are, by name.

    Facts are another node's words: what does not have the right shape is left out.
    """
    by_owner: dict[NodeId, dict[str, Value]] = {}
    for fact in facts:
        if fact.value is not None:
            by_owner.setdefault(fact.owner, {})[fact.name] = fact.value
    views = [
        _view(owner, values, is_alive=owner in alive, standing=(standings or {}).get(owner, ""))
        for owner, values in by_owner.items()
        if isinstance(values.get("node"), dict)
    ]
    return sorted(views, key=_order)


class KnownNodes:
    """The views of a ledger's nodes, each made anew only when what it shows has changed.

    They are asked for after every change of any fact, and there are many of those.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._made: dict[NodeId, tuple[object, NodeView]] = {}

    def views(self, alive: Collection[NodeId], standings: Mapping[NodeId, str]) -> list[NodeView]:
        """The same as :func:`view_nodes` of all facts."""
        made: dict[NodeId, tuple[object, NodeView]] = {}
        for owner in self._ledger.owners():
            is_alive, standing = owner in alive, standings.get(owner, "")
            state = is_alive, standing, *(self._ledger.stamp(owner, name) for name in SHOWN)
            known = self._made.get(owner)
            if known is not None and known[0] == state:
                made[owner] = known
                continue
            values = {name: self._ledger.get(owner, name) for name in SHOWN}
            if isinstance(values["node"], dict):
                made[owner] = state, _view(owner, values, is_alive=is_alive, standing=standing)
        self._made = made
        return sorted((view for _, view in made.values()), key=_order)


def _order(view: NodeView) -> tuple[str, NodeId]:
    return view.name, view.id


def pack_resources(resources: Iterable[Resource]) -> list[Value]:
    """Resources as the value of the fact ``resources``."""
    return [{"name": r.name, "kind": r.kind, "value": r.value, "unit": r.unit} for r in resources]


def pack_devices(devices: Iterable[Device]) -> list[Value]:
    """Devices as the value of the fact ``devices``."""
    return [{"id": d.id, "kind": d.kind, "name": d.name, "path": d.path} for d in devices]


def _view(owner: NodeId, values: dict[str, Value], *, is_alive: bool, standing: str) -> NodeView:
    about = cast("dict[str, Value]", values["node"])
    labels = about.get("labels")
    addresses = about.get("addresses")
    return NodeView(
        id=owner,
        name=printable(_text(about.get("name"))) or short_name(owner),
        is_alive=is_alive,
        version=_text(about.get("version")),
        labels={k: v for k, v in labels.items() if isinstance(v, str)}
        if isinstance(labels, dict)
        else {},
        addresses=tuple(a for a in addresses if isinstance(a, str))
        if isinstance(addresses, list)
        else (),
        resources=tuple(_resources(values.get("resources"))),
        devices=tuple(_devices(values.get("devices"))),
        standing=standing,
        taken=_taken(values.get("taken")),
        waiting=_waiting(values.get("waiting")),
    )


def _taken(value: Value) -> dict[str, dict[str, int | float]]:
    rows = value if isinstance(value, dict) else {}
    return {
        kind: {
            name: amount
            for name, amount in amounts.items()
            if isinstance(amount, int | float) and math.isfinite(amount) and amount > 0
        }
        for kind, amounts in rows.items()
        if isinstance(amounts, dict)
    }


def _waiting(value: Value) -> dict[str, int]:
    counts = value if isinstance(value, dict) else {}
    return {name: count for name, count in counts.items() if type(count) is int and count > 0}


def _resources(value: Value) -> Iterable[Resource]:
    for row in _rows(value):
        name, kind, amount, unit = (row.get(k) for k in ("name", "kind", "value", "unit"))
        if isinstance(name, str) and isinstance(unit, str) and isinstance(amount, ResourceValue):
            if kind == "condition":
                yield Resource(name, "condition", amount, unit)
            elif kind == "quantity":
                yield Resource(name, "quantity", amount, unit)


def _devices(value: Value) -> Iterable[Device]:
    for row in _rows(value):
        identity, kind, name, path = (_text(row.get(k)) for k in ("id", "kind", "name", "path"))
        if identity and kind:
            yield Device(identity, kind, name, path)


def _rows(value: Value) -> list[dict[str, Value]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""

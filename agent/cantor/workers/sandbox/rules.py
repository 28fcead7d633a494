"""Whose code runs how closed: what the owner of a box has said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.base.ids import parse_node_id
from cantor.workers.sandbox.levels import LEVELS, level_named

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cantor.base.address import Address
    from cantor.base.ids import NodeId
    from cantor.workers.sandbox.levels import Level

OWN, OTHERS, NODES = "own", "others", "nodes"
NODES_MAX = 1000
"""As many as a mesh has."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The levels of principals: of this box's ``own`` programs, of some ``nodes`` by their id, and
    of all ``others``. Names of nodes do not count: each says its own.
    ``files`` are folders of this box whose files the work of other nodes may read, ``addresses``
    what it may reach from here although it is closed in.
    """

    own: Level = "none"
    others: Level = "full"
    nodes: Mapping[NodeId, Level] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    addresses: tuple[Address, ...] = ()

    def level_of(self, node: NodeId, me: NodeId) -> Level:
        """At which level code of a node runs on this one."""
        return self.own if node == me else self.nodes.get(node, self.others)

    @property
    def of_others(self) -> frozenset[Level]:
        """The levels of all that is not this box's own."""
        return frozenset((self.others, *self.nodes.values()))


def rules_with(rules: Rules, texts: Iterable[str], where: str = "--sandbox") -> Rules:
    """Rules with what people typed besides: ``net``, ``own=full``, or a node's id ``=net``.

    Raises:
        ConfigError: one of them is none of that.
    """
    for text in texts:
        who, sign, level = text.partition("=")
        if not sign:
            who, level = OTHERS, text
        rules = _with(rules, who, level_named(level, where=where), where)
    return rules


def rules_from(value: object) -> Rules:
    """Rules in a file: a level for all others, or ``own``, ``others`` and ``nodes``.

    Raises:
        ConfigError: they are none.
    """
    if isinstance(value, str):
        return Rules(others=level_named(value))
    rules = Rules()
    for key, told in _keys(value).items():
        if key == NODES:
            for node, level in _keys(told).items():
                rules = _with(rules, node, level_named(str(level)), NODES)
        elif key in (OWN, OTHERS):
            rules = _with(rules, key, level_named(str(told)), key)
        else:
            raise ConfigError(f"no such key: {key!r}", remedy=f"{OWN}, {OTHERS} or {NODES}")
    return rules


def rules_schema() -> dict[str, Any]:
    """JSON Schema of what :func:`rules_from` reads."""
    level = {"enum": list(LEVELS)}
    nodes = {
        "type": "object",
        "description": "Of single nodes, by their id.",
        "propertyNames": {"pattern": "^[0-9a-f]{32}$"},
        "maxProperties": NODES_MAX,
        "additionalProperties": level,
    }
    each = {
        OWN: {**level, "default": "none", "description": "Of this box's own programs."},
        OTHERS: {**level, "default": "full", "description": "Of other nodes."},
        NODES: nodes,
    }
    keyed = {"type": "object", "additionalProperties": False, "properties": each}
    return {"description": "How closed whose code runs.", "anyOf": [level, keyed]}


def _with(rules: Rules, who: str, level: Level, where: str) -> Rules:
    if who == OWN:
        return replace(rules, own=level)
    if who == OTHERS:
        return replace(rules, others=level)
    try:
        node = parse_node_id(who)
    except ValueError as error:
        raise ConfigError(
            f"neither {OWN} nor {OTHERS} nor the id of a node: {who[:40]!r}",
            where=where,
            remedy="cantor nodes --json shows the ids",
        ) from error
    nodes = {**rules.nodes, node: level}
    if len(nodes) > NODES_MAX:
        raise ConfigError(f"more than {NODES_MAX} nodes", where=where)
    return replace(rules, nodes=nodes)


def _keys(value: object) -> Mapping[str, object]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(
            f"{value!r:.40} is no level and no list of them", remedy=f"one of {', '.join(LEVELS)}"
        )
    return value

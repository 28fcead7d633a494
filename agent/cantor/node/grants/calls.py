"""What processes here ask about resources: who has what, who holds it; and what they add.

What is advertised stays until it is withdrawn, or the program that said it or the agent ends.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource, ResourceValue
from cantor.node.control import caller
from cantor.node.grants.advertised import AGENT, Advertised
from cantor.node.grants.written import checked, value_from_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.grants.grants import Grants
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value

NOT_KNOWN: dict[str, Value] = {"held": None, "waiting": None, "elsewhere": None}


def _nodes(args: dict[str, Value]) -> int:
    nodes = args.get("nodes")
    if not isinstance(nodes, int) or nodes < 1:
        raise ConfigError("say how many nodes may have rights", where="resources --count")
    return nodes


class ResourceCalls:
    """The calls of one node."""

    def __init__(self, node: Node, grants: Grants) -> None:
        self._node = node
        self._grants = grants
        self._advertised = Advertised(lambda given: node.offer("advertised", (), given))

    def calls(self) -> Mapping[str, Call]:
        """By name."""
        return {
            "resources": self._resources,
            "resources.advertise": self._advertise,
            "resources.count": lambda args: self._grants.rights.count(_nodes(args)),
        }

    async def _resources(self, _args: dict[str, Value]) -> Value:
        views, sharing = self._node.nodes(), self._grants.rights.sharing
        told = await asyncio.gather(*(self._grants.shown_by(view.id) for view in views))
        return [
            {
                **view.as_value(),
                **(NOT_KNOWN if shown is None else shown.as_value()),
                "shared": [cast("Value", row) for row in sharing.shown(view.id)],
                "pooled": dict(sharing.pooled(view.id)),
            }
            for view, shown in zip(views, told, strict=True)
        ]

    def _advertise(self, args: dict[str, Value]) -> Value:
        name, kind, value = str(args.get("name", "")), args.get("kind"), args.get("value")
        process = AGENT if args.get("stays") is True else caller()
        if value is None:
            self._advertised.withdraw(process, name)
        elif kind not in ("condition", "quantity") or not isinstance(value, ResourceValue):
            raise ConfigError("give a condition or a quantity", where=name)
        else:
            unit = ""
            if kind == "quantity" and isinstance(value, str):
                value, unit = value_from_text(value)
            made = Resource(name, "quantity" if kind == "quantity" else "condition", value, unit)
            self._advertised.add(process, checked(made))
        return cast("Value", self._advertised.names)

"""What processes here ask about resources: who has what, who holds it; and what they add.

What is advertised stays until it is withdrawn, or the program that said it or the agent ends.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource, ResourceValue
from cantor.base.units import parse_size
from cantor.node.control import caller
from cantor.node.grants.advertised import AGENT, Advertised
from cantor.node.grants.sharing import is_shared
from cantor.scheduling.expression import KEYWORDS, NAME
from cantor.scheduling.grants.book import UNITS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.grants.grants import Grants
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value

VALUE_CHARACTERS_MAX = 256
NUMBER_MAX = 2**63
NOT_KNOWN: dict[str, Value] = {"held": None, "waiting": None, "elsewhere": None}
_RESOURCE = re.compile(rf"({NAME.pattern})\s*(==?)\s*(.*)", re.DOTALL)


def resource_from_text(text: str) -> Resource:
    """A resource as people give it: ``Licence=4`` is a quantity, ``Detectron2==1`` a condition.

    Raises:
        ConfigError: it is neither.
    """
    match = _RESOURCE.fullmatch(text.strip())
    if match is None:
        raise ConfigError(
            f"not a resource: {text[:80]!r}",
            where="--resource",
            remedy="write Licence=4 for units that are taken, Detectron2==1 for what holds",
        )
    name, sign, written = match.groups()
    value, unit = value_from_text(written)
    return checked(Resource(name, "quantity" if sign == "=" else "condition", value, unit))


def value_from_text(text: str) -> tuple[ResourceValue, str]:
    """A value and its unit: ``4``, ``0.5``, ``8GiB`` (bytes), ``true``, else text."""
    for read in (int, float):
        try:
            return read(text), ""
        except ValueError:
            continue
    try:
        return parse_size(text), "B"
    except ValueError:
        return {"true": True, "false": False}.get(text, text.strip("\"'")), ""


def shared_from_text(text: str) -> tuple[str, int]:
    """A shared quantity as people give it: ``Licence=8``.

    Raises:
        ConfigError: it is none.
    """
    if _RESOURCE.fullmatch(text.strip()):
        found = resource_from_text(text)
        total = found.value
        if found.kind == "quantity" and isinstance(total, int) and is_shared(found.name, total):
            return found.name, total
    raise ConfigError(
        f"not a shared quantity: {text[:80]!r}",
        where="--shared",
        remedy=f"write Licence=8: a short name and 1 to {UNITS_MAX} whole units",
    )


def checked(resource: Resource) -> Resource:
    """The resource, if a node may say so.

    Raises:
        ConfigError: its name or its value is of no use.
    """
    name, value = resource.name, resource.value
    if not NAME.fullmatch(name) or name in KEYWORDS:
        raise ConfigError(f"no name of a resource: {name[:80]!r}", remedy="write a word: Licence")
    is_number = not isinstance(value, bool | str)
    if isinstance(value, int | float) and not abs(value) < NUMBER_MAX:  # it may be none: nan
        raise ConfigError(f"{value!r:.40} is no number to count with", where=name, remedy="write 4")
    if resource.kind == "quantity" and not (is_number and float(value) > 0):
        raise ConfigError(f"{value!r:.40} is no number of units", where=name, remedy="write 4")
    if isinstance(value, str) and (len(value) > VALUE_CHARACTERS_MAX or not value.isprintable()):
        raise ConfigError(f"{value!r:.40} is no short text", where=name, remedy="shorten it")
    return resource


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

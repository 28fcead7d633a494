"""Names of actors: one actor of each name in a mesh, without a node that knows them all.

Whoever wants to start an actor of a name asks the *registrar* of that name, the same node for all
who see the same nodes; it lets one have it. Keepers then say in facts which names theirs have.
While the mesh is in parts, each may have one; when they come together, the older one stays.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.wire.frame import Value

NAME_CHARACTERS_MAX = 128
NAMES_MAX = 256
"""Names that one node keeps actors of."""
METHODS_CHARACTERS_MAX = 4096
LIFE_DIGITS_MAX = 20


@dataclass(frozen=True, slots=True, order=True)
class Named:
    """An actor that has a name, and what its handle says; the older one is the smaller."""

    since_ms: int
    """UTC milliseconds since 1970 on its keeper's clock."""
    address: str
    kind: str = ""
    methods: str = ""
    """Their names, with spaces between."""
    mode: int = 0
    retries: int = 0

    def is_of(self, lives: Mapping[NodeId, int]) -> bool:
        """Whether its keeper can be reached, in the life in which it started it.

        ``lives`` are those of nodes that can be reached, 0 if that is not known.
        """
        node, life = keeper_of(self.address)
        return lives.get(node) in (0, life)

    def as_value(self) -> Value:
        """As it travels."""
        return [self.since_ms, self.address, self.kind, self.methods, self.mode, self.retries]

    @classmethod
    def from_value(cls, value: object) -> Named:
        """As it came.

        Raises:
            RemoteProtocolError: it is none.
        """
        kinds = (int, str, str, str, int, int)
        if not isinstance(value, list | tuple) or tuple(type(one) for one in value) != kinds:
            raise RemoteProtocolError("not a named actor")
        if any(type(one) is str and len(one) > METHODS_CHARACTERS_MAX for one in value):
            raise RemoteProtocolError("a named actor that is too long")
        keeper_of(value[1])
        return cls(*value)


def keeper_of(address: str) -> tuple[NodeId, int]:
    """The node that keeps the actor with this address, and in which of its lives.

    Raises:
        RemoteProtocolError: it is no address.
    """
    node, _, rest = address.partition("/")
    life = rest.partition("-")[0]
    if not node or not (life.isascii() and life.isdecimal() and len(life) <= LIFE_DIGITS_MAX):
        raise RemoteProtocolError(f"not the address of an actor: {address!r:.80}")
    return NodeId(node), int(life)


class Names:
    """What one node knows of names."""

    def __init__(self) -> None:
        self._said: dict[str, dict[NodeId, Named]] = {}
        self._granted: dict[str, tuple[NodeId, Named]] = {}

    def heard(
        self, facts: Mapping[NodeId, Mapping[str, Named]], lives: Mapping[NodeId, int]
    ) -> None:
        """All that keepers say now; what is not of these ``lives`` is forgotten."""
        self._said = {}
        for node, names in facts.items():
            for name, named in names.items():
                if named.is_of(lives):
                    self._said.setdefault(name, {})[node] = named
        for name, (node, named) in list(self._granted.items()):
            if not named.is_of(lives) or self._said.get(name, {}).get(node) == named:
                del self._granted[name]

    @property
    def has_granted(self) -> bool:
        """Whether this node has given a name that its keeper has not said yet."""
        return bool(self._granted)

    def holder(self, name: str) -> Named | None:
        """The actor of that name, as far as is known here."""
        known = list(self._said.get(name, {}).values())
        if name in self._granted:
            known.append(self._granted[name][1])
        return min(known, default=None)

    def claim(self, node: NodeId, name: str, named: Named) -> Named:
        """This node is the registrar: who has the name now, the one who asks or another."""
        holder = self.holder(name)
        if holder is None or holder.address == named.address:
            self._granted[name] = node, named
            return named
        return holder

    def released(self, node: NodeId, name: str, address: str) -> None:
        """The actor of that name has ended."""
        granted = self._granted.get(name)
        if granted is not None and granted[0] == node and granted[1].address == address:
            del self._granted[name]
        said = self._said.get(name, {}).get(node)
        if said is not None and said.address == address:
            del self._said[name][node]

    def beaten(self, own: Mapping[str, Named]) -> list[str]:
        """Names of which another node has an older actor than this one's."""
        return [
            name
            for name, named in own.items()
            if any(other < named for other in self._said.get(name, {}).values())
        ]


def registrar(name: str, nodes: Iterable[NodeId]) -> NodeId:
    """The node that decides about a name: the same for all who see these nodes, of which there
    is one at least.
    """
    return max(nodes, key=lambda node: hashlib.blake2b(f"{node} {name}".encode()).digest())

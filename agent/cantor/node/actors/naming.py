"""The names of actors on a running node: asked for, said in the fact ``actors``, and looked up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.node.tasks.places import lives_of, nodes_with_actors
from cantor.node.tasks.wording import NAME, NAMED, UNNAME
from cantor.scheduling.actors.names import (
    NAME_CHARACTERS_MAX,
    NAMES_MAX,
    Named,
    Names,
    registrar,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Node
    from cantor.node.tasks.lines import Lines
    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Value

FACT = "actors"


@dataclass(slots=True)
class _Claim:
    named: Named
    decided: Callable[[Named], None]
    asked: NodeId | None = None


class Naming:
    """On the event loop only.

    Names are worked out from all facts when somebody asks for one. Only a node that has a part in
    some does so at each change.
    """

    def __init__(self, node: Node, lines: Lines, beaten: Callable[[str], None]) -> None:
        """``beaten`` is told the address of an actor of this node that must end: another of its
        name is older.
        """
        self._node = node
        self._lines = lines
        self._beaten = beaten
        self._core = Names()
        self._own: dict[str, Named] = {}
        self._claims: dict[str, _Claim] = {}
        self._is_stale = True

    def find(self, name: str) -> Named | None:
        """The actor of that name, if there is one."""
        self._refresh()
        return self._own.get(name) or self._core.holder(name)

    def claim(self, name: str, named: Named, decided: Callable[[Named], None]) -> None:
        """Ask for a name; ``decided`` is told who has it then, this one or another.

        Raises:
            ConfigError: the name is of no use, or this node has too many.
        """
        if not 0 < len(name) <= NAME_CHARACTERS_MAX:
            raise ConfigError(f"a name has 1 to {NAME_CHARACTERS_MAX} characters", where=name[:40])
        if len(self._own) + len(self._claims) >= NAMES_MAX:
            raise ConfigError(
                f"this node keeps {NAMES_MAX} named actors already", where=name,
                remedy="close some, or start it from another node",
            )  # fmt: skip
        other = self._claims.get(name)
        holder = other.named if other is not None else self.find(name)
        if holder is not None:
            decided(holder)
            return
        self._claims[name] = _Claim(named, decided)
        self._ask(name)

    def release(self, name: str, address: str) -> None:
        """The actor of that name has ended."""
        self._refresh()
        claim, own = self._claims.get(name), self._own.get(name)
        if claim is not None and claim.named.address == address:
            del self._claims[name]
        if own is not None and own.address == address:
            del self._own[name]
            self._say()
        self._core.released(self._node.node_id, name, address)
        self._lines.tell(self._registrar(name), [UNNAME, name, address])

    def changed(self) -> None:
        """Facts or nodes have changed."""
        self._is_stale = True
        if self._own or self._claims or self._core.has_granted:
            self._refresh()

    def _refresh(self) -> None:
        """Let the core know the names and nodes as they are."""
        if not self._is_stale:
            return
        self._is_stale = False
        me, alive = self._node.node_id, self._node.alive()
        told = {
            fact.owner: _names(fact.value)
            for fact in self._node.facts(FACT)
            if fact.name == FACT and fact.owner != me
            and self._node.tenant_of(fact.owner) == self._node.tenant
        }  # fmt: skip
        lives = dict(lives_of(self._node))
        self._core.heard(told, {node: lives.get(node, 0) for node in alive})
        for name in self._core.beaten(self._own):
            self._beaten(self._own[name].address)
        for name, claim in list(self._claims.items()):
            if claim.asked not in alive:
                self._ask(name)

    def heard_name(self, node: NodeId, message: Message, _: Parts) -> None:
        """A keeper asks for a name, and this node decides.

        Raises:
            RemoteProtocolError: the question is odd.
        """
        _, name, value = message
        named = Named.from_value(value)
        if self._node.tenant_of(node) != self._node.tenant or type(name) is not str:
            raise RemoteProtocolError("a name that is not for this node to give")
        self._refresh()
        holder = self._own.get(name) or self._core.claim(node, name, named)
        self._lines.tell(node, [NAMED, name, named.address, holder.as_value()])

    def heard_named(self, _: NodeId, message: Message, __: Parts) -> None:
        """A registrar has decided.

        Raises:
            RemoteProtocolError: the answer is odd.
        """
        _kind, name, address, value = message
        claim, holder = self._claims.get(name), Named.from_value(value)
        if claim is None or claim.named.address != address:
            return
        del self._claims[name]
        if holder.address == address:
            self._own[name] = claim.named
            self._say()
        claim.decided(holder)

    def heard_unname(self, node: NodeId, message: Message, _: Parts) -> None:
        """An actor with a name has ended."""
        self._refresh()
        _kind, name, address = message
        self._core.released(node, name, address)

    def _ask(self, name: str) -> None:
        claim = self._claims[name]
        claim.asked = self._registrar(name)
        self._lines.tell(claim.asked, [NAME, name, claim.named.as_value()])

    def _registrar(self, name: str) -> NodeId:
        return registrar(name, nodes_with_actors(self._node) or {self._node.node_id})

    def _say(self) -> None:
        names = {name: named.as_value() for name, named in sorted(self._own.items())}
        told = cast("Value", {"life": self._node.life, "names": names} if names else None)
        self._node.publish(FACT, told)


def _names(value: Value) -> dict[str, Named]:
    """What a keeper says; what is odd in it does not count."""
    names = value.get("names") if isinstance(value, dict) else None
    if not isinstance(names, dict):
        return {}
    found: dict[str, Named] = {}
    for name, told in list(names.items())[:NAMES_MAX]:
        try:
            found[str(name)] = Named.from_value(told)
        except RemoteProtocolError:
            continue
    return found

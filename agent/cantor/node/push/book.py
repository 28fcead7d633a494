"""The orders that this node believes: of the signed words in the ledger, the highest of each.

A word that does not hold, or whose signer has no ``code.run`` here, is told once in the log, and is
as if it were not there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, IdentityError
from cantor.services.orders import KIND, ORDER, Key, Order, key_of, order_from, seen_in
from cantor.services.wishes import is_return_of

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node
    from cantor.services.orders import Pushes

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Entry:
    """The order that holds; ``holders`` publish it, ``outdated`` nodes publish another. ``seen`` is
    which code of the service this node has seen pushed, by whom.
    """

    order: Order
    packed: bytes
    seen: Pushes
    holders: set[NodeId] = field(default_factory=set)
    outdated: set[NodeId] = field(default_factory=set)


class Book:
    """On the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._entries: dict[Key, Entry] = {}
        self._judged: dict[tuple[NodeId, str], tuple[int, int]] = {}
        self.refused: dict[tuple[NodeId, str], str] = {}
        self.unwelcome: dict[Key, tuple[Order, str]] = {}
        """Orders that hold, but whose code may not run here; each with why."""

    def believe(self, order: Order, packed: bytes, seen: Pushes = ()) -> None:
        """Take an order that was judged before: this node's own, or one that it kept, with what it
        has ``seen`` pushed.
        """
        entry = self._entries.get(order.key)
        if entry is None or order.rank > entry.order.rank:
            before = seen if entry is None else entry.seen
            self._entries[order.key] = Entry(order, packed, seen_in(order, before))
        unwelcome = self.unwelcome.get(order.key)
        if unwelcome is not None and order.rank > unwelcome[0].rank:
            del self.unwelcome[order.key]

    def forget(self, key: Key) -> None:
        """A service is of the past."""
        self._entries.pop(key, None)

    def look(self) -> dict[Key, Entry]:
        """Read the ledger."""
        facts = [(key, fact) for fact in self._node.facts(ORDER) if (key := key_of(fact.name))]
        for key, fact in facts:
            self._judge(key, fact)
        known = {(fact.owner, fact.name) for _, fact in facts}
        self._judged = {about: stamp for about, stamp in self._judged.items() if about in known}
        self.refused = {about: why for about, why in self.refused.items() if about in known}
        for entry in self._entries.values():
            entry.holders, entry.outdated = set(), set()
        for key, fact in facts:
            found = self._entries.get(key)
            if found is not None:
                same = fact.value == entry.packed
                (found.holders if same else found.outdated).add(fact.owner)
        return self._entries

    def read(self, packed: object, key: Key) -> Order:
        """The order in a signed word, if it counts here.

        Raises:
            IdentityError: the word does not hold, or its signer may not run code here.
            RemoteProtocolError: it is no order.
        """
        order, is_allowed = self._read(packed, key)
        if order.proof:
            failed, is_allowed = self._read(order.proof, key)
            if not is_return_of(order, failed):
                raise IdentityError("a return that nobody was asked for", where=_where(order))
        if not is_allowed:
            error = IdentityError(
                "its signer has no code.run on this node",
                where=_where(order),
                remedy="push from this node, or start its agent with --code-run tenant",
            )
            self._not_welcome(order, f"{error.what} — {error.remedy}")
            raise error
        return order

    def _not_welcome(self, order: Order, why: str) -> None:
        before = self.unwelcome.get(order.key)
        if before is None or order.rank > before[0].rank:
            self.unwelcome[order.key] = order, why

    def _read(self, packed: object, key: Key) -> tuple[Order, bool]:
        word = self._node.words.read(packed, KIND)
        order = order_from(word.content, word.by)
        if order.key != key or word.tenant != key.tenant:
            raise IdentityError("it is about another service, or tenant", where=_where(order))
        is_ours = key.tenant == self._node.tenant
        return order, not is_ours or self._node.words.may_run_code(word)

    def _judge(self, key: Key, fact: Fact) -> None:
        about = fact.owner, fact.name
        entry = self._entries.get(key)
        if self._judged.get(about) == fact.stamp or (entry and fact.value == entry.packed):
            return
        self._judged[about] = fact.stamp
        self.refused.pop(about, None)
        try:
            order = self.read(fact.value, key)
        except CantorError as error:
            self.refused[about] = str(error)
            _log.warning("an order is refused", extra={"what": key.name, "reason": str(error)})
            return
        if isinstance(fact.value, bytes):
            self.believe(order, fact.value)


def _where(order: Order) -> str:
    return f"service {order.key.name}, order {order.number} of node {order.by[:8]}"

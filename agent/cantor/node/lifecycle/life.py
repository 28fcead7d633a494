"""A node's life in its mesh, put together: what the agent has to know of it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.base.ids import parse_node_id
from cantor.identity.authority_folder import load_authority
from cantor.identity.certificates import node_name, parse_certificates
from cantor.identity.denials import DENIED
from cantor.identity.statements import StatementReader
from cantor.node.lifecycle.denials import Denials
from cantor.node.view import find_node

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.identity.authority import Authority
    from cantor.identity.store import IdentityFolder
    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger
    from cantor.node.services import Call, Node
    from cantor.transport.links import Links
    from cantor.wire.frame import Value

AUTHORITY_FOLDER = "authority"


class Lifecycle:
    """Everything about this node's and others' admission; ``changed`` tells that it has changed.

    Raises:
        ConfigError: what is kept of it is damaged.
        IdentityError: the authority in the node's folder cannot be used.
    """

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        ledger: Ledger,
        *,
        authority: Authority | None = None,
        changed: Callable[[], None],
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._changed = changed
        self._links: Links | None = None
        identity = folder.identity
        self.reader = StatementReader(identity.mesh, identity.root_pem)
        self.authority = authority or _authority_in(folder.path)
        self.denials = Denials(
            node,
            self.reader,
            folder.path / DENIED,
            authority=self.authority,
            changed=self._denials_changed,
        )
        self.denied: frozenset[NodeId] = frozenset()
        self._watched: frozenset[NodeId] = frozenset()
        self._denials_changed()

    async def start(self, links: Links) -> None:
        """Begin; the node is in the mesh."""
        self._links = links
        self.denials.start()

    async def close(self) -> None:
        """End what was started."""
        self.denials.close()

    def heard(self, facts: Iterable[Fact]) -> None:
        """Facts have changed."""
        for fact in facts:
            if fact.name == DENIED:
                asyncio.get_running_loop().call_soon(self.denials.heard, fact)
            if fact.owner in self._watched and fact.name == "node":
                self._judge()

    def counted(self, facts: Iterable[Fact]) -> Iterator[Fact]:
        """The facts without those of denied nodes."""
        return (fact for fact in facts if fact.owner not in self.denied)

    def standings(self) -> Mapping[NodeId, str]:
        """What is to be said about nodes that are not in good standing: see ``NodeView``."""
        return dict.fromkeys(self.denied, "denied")

    def calls(self) -> dict[str, Call]:
        """What a process of the same user may ask."""
        return {"node.deny": self._call_deny, "node.allow": self._call_allow}

    def _call_deny(self, args: dict[str, Value]) -> Value:
        node = self._named(args)
        if args.get("for_ever"):
            self.denials.ban([node])
        else:
            self.denials.evict([node])
        return {"node": node}

    def _call_allow(self, args: dict[str, Value]) -> Value:
        node = self._named(args)
        self.denials.allow([node])
        return {"node": node}

    def _named(self, args: dict[str, Value]) -> NodeId:
        """A node by name or id; one that has gone without a trace by its whole id."""
        word = str(args.get("node", ""))
        try:
            return find_node(self._node.nodes(), word).id
        except ConfigError:
            with contextlib.suppress(ValueError):
                return parse_node_id(word)
            raise

    def _denials_changed(self) -> None:
        self._judge()
        if self._links is not None:
            self._links.drop_denied("this node is denied")
            self._changed()

    def _judge(self) -> None:
        """Whose facts count no longer: the certificate under them was denied."""
        known = self.denials.known.nodes()
        self._watched = frozenset(node for _, node in known)
        self.denied = frozenset(node for tenant, node in known if self._is_out(tenant, node))

    def _is_out(self, tenant: str, node: NodeId) -> bool:
        batch = self._ledger.batch(node, "node")
        if batch is None:
            return True
        try:
            leaf = parse_certificates(batch.certificate)[0]
            of = node_name(leaf)
        except IdentityError:
            return True
        began_s = leaf.not_valid_before_utc.timestamp()
        return of.tenant == tenant and self.denials.known.is_denied(tenant, node, began_s)


def _authority_in(folder: Path) -> Authority | None:
    path = folder / AUTHORITY_FOLDER
    return load_authority(path) if path.exists() else None

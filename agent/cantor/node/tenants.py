"""Whose nodes others are, and whose work one may ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node

HUB_ROLE = "hub"


def alive_of_tenant(node: Node) -> frozenset[NodeId]:
    """The nodes of this one's tenant that can be reached, by certificates; itself among them."""
    return frozenset(one for one in node.alive() if node.tenant_of(one) == node.tenant)


def check_tenant(tenant: str, what: str, asker: NodeId, facts: Iterable[Fact]) -> None:
    """Refuse a node of another tenant; a hub speaks for every tenant of its console.

    ``facts`` are those named ``node``. A node that says nothing of its tenant is answered.

    Raises:
        RemoteProtocolError: ``what`` is another tenant's.
    """
    for fact in facts:
        if fact.name != "node" or fact.owner != asker or not isinstance(fact.value, dict):
            continue
        labels, theirs = fact.value.get("labels"), fact.value.get("tenant")
        is_hub = isinstance(labels, dict) and labels.get("role") == HUB_ROLE
        if isinstance(theirs, str) and theirs not in ("", tenant) and not is_hub:
            raise RemoteProtocolError("it belongs to another tenant", where=what)

"""Whose nodes others are, and whose work one may ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import RemoteProtocolError

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.services import Node

HUB_ROLE = "hub"


def alive_of_tenant(node: Node) -> frozenset[NodeId]:
    """The nodes of this one's tenant that can be reached, by certificates; itself among them."""
    return frozenset(one for one in node.alive() if node.tenant_of(one) == node.tenant)


def check_tenant(node: Node, tenant: str, what: str, asker: NodeId) -> None:
    """Refuse a node of another tenant, as certificates say it: what it says of itself is not asked.

    Raises:
        RemoteProtocolError: ``what`` is another tenant's.
    """
    if node.tenant_of(asker) != tenant:
        raise RemoteProtocolError("it belongs to another tenant", where=what)

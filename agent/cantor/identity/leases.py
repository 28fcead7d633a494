"""Leases: the authority's word, a day long, that it still knows a node.

A certificate lives for weeks, so that nodes go on without any issuer. A lease tells who was seen
lately: a node without a fresh one goes on working and is shown as *stale*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId
from cantor.identity.statements import Statement, make_statement

if TYPE_CHECKING:
    from cantor.identity.authority import Authority

LEASE = "lease"
LEASE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Lease:
    """Until when a node counts as fresh; times are in seconds since 1970.

    ``epoch`` tells two leases of one node apart: the greater is the later.
    """

    node: NodeId
    key_hash: str
    from_s: float
    until_s: float
    epoch: int


def make_lease(
    authority: Authority, node: NodeId, key_hash: str, now_s: float, life_s: float = LEASE_S
) -> Statement:
    """A lease for a node from now on."""
    return make_statement(
        authority,
        LEASE,
        {
            "node": node,
            "key": key_hash,
            "from": now_s,
            "until": now_s + life_s,
            "epoch": int(now_s * 1000),
        },
        now_s,
    )


def lease_in(statement: Statement) -> Lease:
    """The lease that a checked statement holds.

    Raises:
        IdentityError: it is malformed.
    """
    said = statement.content
    try:
        node, key_hash, epoch = said["node"], said["key"], said["epoch"]
        from_s, until_s = said["from"], said["until"]
        if (
            not isinstance(node, str)
            or not isinstance(key_hash, str)
            or not isinstance(epoch, int)
            or not isinstance(from_s, float)
            or not isinstance(until_s, float)
        ):
            raise TypeError
    except (KeyError, TypeError) as error:
        raise IdentityError("a lease of the wrong shape", where="identity") from error
    return Lease(NodeId(node), key_hash, from_s, until_s, epoch)

"""Which nodes are fresh, stale or expired, as their leases and the policy of their tenant say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError
from cantor.identity.certificates import node_name, parse_certificates
from cantor.identity.leases import LEASE, LEASE_S, lease_in

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.identity.statements import StatementReader
    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger
    from cantor.node.lifecycle.policies import Policies

_CERTIFICATES_MAX = 4096


class Leases:
    """The leases that nodes have published, as far as the authority signed them."""

    def __init__(self, ledger: Ledger, reader: StatementReader, policies: Policies) -> None:
        self._ledger = ledger
        self._reader = reader
        self._policies = policies
        self._until_s: dict[NodeId, float] = {}
        self._known: dict[bytes, tuple[float, str]] = {}

    def heard(self, fact: Fact) -> None:
        """Take a node's fact named ``lease``."""
        try:
            lease = lease_in(self._reader.read(fact.value, LEASE))
        except IdentityError:
            return
        if lease.node == fact.owner:
            self._until_s[fact.owner] = max(self._until_s.get(fact.owner, 0.0), lease.until_s)

    def is_stale(self, node: NodeId, now_s: float) -> bool:
        """Whether no issuer has confirmed a node lately.

        A new certificate counts as a lease, so that a node is fresh before it has asked for one.
        """
        return now_s >= self.fresh_until_s(node)

    def is_expired(self, node: NodeId, now_s: float) -> bool:
        """Whether a node has been stale for longer than its tenant lets it work on."""
        tenant = self.tenant_of(node)
        worked_on_s = now_s - self.fresh_until_s(node)
        return bool(tenant) and worked_on_s >= self._policies.stale_s_max(tenant)

    def fresh_until_s(self, node: NodeId) -> float:
        """Until when a node counts as confirmed, in seconds since 1970; 0 if nothing is known."""
        return max(self._until_s.get(node, 0.0), self._certified(node)[0] + LEASE_S)

    def tenant_of(self, node: NodeId) -> str:
        """Whose node it is, as its certificate says; "" if none is known."""
        return self._certified(node)[1]

    def _certified(self, node: NodeId) -> tuple[float, str]:
        """When the certificate began by which a node says who it is, and its tenant."""
        batch = self._ledger.batch(node, "node")
        if batch is None:
            return -LEASE_S, ""
        known = self._known.get(batch.certificate)
        if known is None:
            if len(self._known) >= _CERTIFICATES_MAX:
                self._known.clear()
            leaf = parse_certificates(batch.certificate)[0]
            known = leaf.not_valid_before_utc.timestamp(), node_name(leaf).tenant
            self._known[batch.certificate] = known
        return known

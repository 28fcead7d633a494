"""Which nodes are fresh, as their leases say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError
from cantor.identity.certificates import parse_certificates
from cantor.identity.leases import LEASE, LEASE_S, lease_in

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.identity.statements import StatementReader
    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger

_CERTIFICATES_MAX = 4096


class Leases:
    """The leases that nodes have published, as far as the authority signed them."""

    def __init__(self, ledger: Ledger, reader: StatementReader) -> None:
        self._ledger = ledger
        self._reader = reader
        self._until_s: dict[NodeId, float] = {}
        self._began: dict[bytes, float] = {}

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
        return now_s >= max(self._until_s.get(node, 0.0), self._certified_until_s(node))

    def _certified_until_s(self, node: NodeId) -> float:
        batch = self._ledger.batch(node, "node")
        if batch is None:
            return 0.0
        began_s = self._began_s(batch.certificate)
        return began_s + LEASE_S

    def _began_s(self, certificate: bytes) -> float:
        known = self._began.get(certificate)
        if known is None:
            if len(self._began) >= _CERTIFICATES_MAX:
                self._began.clear()
            leaf = parse_certificates(certificate)[0]
            known = self._began[certificate] = leaf.not_valid_before_utc.timestamp()
        return known

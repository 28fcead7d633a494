"""The policies of tenants on one node: heard from issuers, and that of its own tenant kept."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.identity.policies import DAY_S, POLICY, Policy, make_policy, policy_in
from cantor.node.lifecycle.decided import Decided, Kind

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from cantor.identity.statements import StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.node.services import Node

_KIND = Kind(POLICY, Policy(), make_policy, policy_in)


class Policies(Decided[Policy]):
    """What the authorities of the tenants have decided, as this node knows it."""

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        *,
        authority: Authority | None,
    ) -> None:
        super().__init__(node, folder, reader, _KIND, authority=authority)

    def stale_s_max(self, tenant: str) -> float:
        """For how long a node of that tenant may work on with a stale lease."""
        return float(self.of(tenant).stale_days * DAY_S)

    def decide(self, stale_days: int) -> None:
        """As an issuer: let another policy hold from now on.

        Raises:
            ConfigError: this node is no issuer, or the number is out of range.
        """
        self._decide(lambda known: replace(known, stale_days=stale_days), "set the policy")

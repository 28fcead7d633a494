"""The policies of tenants on one node: heard from issuers, and that of its own tenant kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.base.ids import short_name
from cantor.identity.policies import DAY_S, POLICY, Policy, make_policy, policy_in

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from cantor.identity.statements import Statement, StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node

_DEFAULT = Policy()
_log = logging.getLogger(__name__)


class Policies:
    """What the authorities of the tenants have decided, as this node knows it."""

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        *,
        authority: Authority | None,
    ) -> None:
        self._node = node
        self._folder = folder
        self._reader = reader
        self._authority = authority
        self._known: dict[str, Policy] = {}
        if packed := folder.statement(POLICY):
            try:
                self._take(reader.read(packed, POLICY))
            except IdentityError as error:
                _log.warning("the policy that was kept is lost", extra={"reason": str(error)})

    def of(self, tenant: str) -> Policy:
        """The policy of a tenant; the default if none was heard of."""
        return self._known.get(tenant, _DEFAULT)

    def stale_s_max(self, tenant: str) -> float:
        """For how long a node of that tenant may work on with a stale lease."""
        return float(self.of(tenant).stale_days * DAY_S)

    def heard(self, fact: Fact) -> None:
        """Take a fact named ``policy``."""
        if fact.value is None:
            return
        try:
            statement = self._reader.read(fact.value, POLICY)
            is_new = self._take(statement)
        except IdentityError as error:
            extra = {"peer": short_name(fact.owner), "reason": str(error)}
            _log.warning("a policy that proves nothing", extra=extra)
            return
        if is_new and statement.tenant == self._node.tenant:
            self._folder.keep_statement(POLICY, statement.packed)

    def decide(self, stale_days: int) -> None:
        """As an issuer: let another policy hold from now on.

        Raises:
            ConfigError: this node is no issuer, or the number is out of range.
        """
        if self._authority is None:
            raise ConfigError(
                "only an issuer can set the policy",
                where=f"node {short_name(self._node.node_id)}",
                remedy="ask at the hub, or at the node where cantor mesh init was run",
            )
        now_s = self._node.wall()
        stamp = max(self.of(self._authority.tenant).stamp + 1, int(now_s * 1000))
        statement = make_policy(self._authority, Policy(stamp, stale_days), now_s)
        self._take(statement)
        self._folder.keep_statement(POLICY, statement.packed)
        self._node.publish(POLICY, statement.packed, lasting=True)

    def say_again(self) -> None:
        """As an issuer with a new root: sign what holds anew."""
        if self._authority is not None and self._authority.tenant in self._known:
            self.decide(self.of(self._authority.tenant).stale_days)

    def _take(self, statement: Statement) -> bool:
        policy = policy_in(statement)
        is_new = policy.stamp > self.of(statement.tenant).stamp
        if is_new:
            self._known[statement.tenant] = policy
        return is_new

"""What a tenant decides for all its nodes: signed by its authority, and the later word holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import LEAF_LIFE
from cantor.identity.statements import Statement, make_statement

if TYPE_CHECKING:
    from cantor.identity.authority import Authority

POLICY = "policy"
DAY_S = 86_400
STALE_DAYS_MAX = 3650


@dataclass(frozen=True, slots=True)
class Policy:
    """How many days a node may work on with a stale lease; of two policies the later ``stamp``."""

    stamp: int = 0
    stale_days: int = LEAF_LIFE.days

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ConfigError: the number is out of range.
        """
        if not 1 <= self.stale_days <= STALE_DAYS_MAX:
            raise ConfigError(
                f"expected 1 to {STALE_DAYS_MAX} days, not {self.stale_days}",
                where="stale_days",
                remedy="choose another number",
            )


def make_policy(authority: Authority, policy: Policy, now_s: float) -> Statement:
    """Let the authority of a tenant decide so."""
    content = {"stamp": policy.stamp, "stale_days": policy.stale_days}
    return make_statement(authority, POLICY, content, now_s)


def policy_in(statement: Statement) -> Policy:
    """The policy that a checked statement holds.

    Raises:
        IdentityError: it is malformed.
    """
    stamp, days = (statement.content.get(name) for name in ("stamp", "stale_days"))
    try:
        if type(stamp) is not int or type(days) is not int:
            raise TypeError
        return Policy(stamp, days)
    except (TypeError, ConfigError) as error:
        raise IdentityError("a policy of the wrong shape", where="identity") from error

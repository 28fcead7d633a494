"""What a tenant decides for all its nodes: signed by its authority, and the later word holds."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.base.ids import parse_node_id
from cantor.identity.authority import LEAF_LIFE
from cantor.identity.statements import Statement, make_statement

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from cantor.wire.frame import Value

POLICY = "policy"
DAY_S = 86_400
STALE_DAYS_MAX = 3650
BY_CHARS_MAX = 64


@dataclass(frozen=True, slots=True)
class Policy:
    """What a tenant's nodes keep to; of two policies the one with the later ``stamp`` holds.

    ``stale_days`` is how long a node may work on with a stale lease. The rest tells where it comes
    from: ``number`` counts decisions from 1, and is 0 where nobody has decided anything yet;
    ``at_ms`` is when (milliseconds since 1970), ``by`` whose wish it was, a user of the console or
    ``local:NAME`` for an account of a machine, and ``issuer`` the node that signed it first. What
    an earlier version signed does not say these: it counts as the first, made at its stamp.
    """

    stamp: int = 0
    stale_days: int = LEAF_LIFE.days
    number: int = 0
    at_ms: int = 0
    by: str = ""
    issuer: str = ""

    def __post_init__(self) -> None:
        """Check it.

        Raises:
            ConfigError: the number is out of range, or who wished it is no line of text.
        """
        if not 1 <= self.stale_days <= STALE_DAYS_MAX:
            raise ConfigError(
                f"expected 1 to {STALE_DAYS_MAX} days, not {self.stale_days}",
                where="stale_days",
                remedy="choose another number",
            )
        if len(self.by) > BY_CHARS_MAX or not self.by.isprintable():
            raise ConfigError(
                f"expected a name of at most {BY_CHARS_MAX} characters", where="by",
                remedy="choose another name",
            )  # fmt: skip


def make_policy(authority: Authority, policy: Policy, now_s: float) -> Statement:
    """Let the authority of a tenant decide so."""
    return make_statement(authority, POLICY, asdict(policy), now_s)


def policy_in(statement: Statement) -> Policy:
    """The policy that a checked statement holds.

    Raises:
        IdentityError: it is malformed.
    """
    content = statement.content
    try:
        stamp, days = content["stamp"], content["stale_days"]
        number, at_ms = content.get("number", 1), content.get("at_ms", stamp)
        by, issuer = content.get("by", ""), content.get("issuer", "")
        if not isinstance(by, str) or not isinstance(issuer, str):
            raise TypeError
        if issuer:
            parse_node_id(issuer)
        return Policy(_whole(stamp), _whole(days), _whole(number), _whole(at_ms), by, issuer)
    except (KeyError, TypeError, ValueError, ConfigError) as error:
        raise IdentityError("a policy of the wrong shape", where="identity") from error


def _whole(value: Value) -> int:
    """A number that a clock or a counter can have come to; what is below 0 is none."""
    if type(value) is not int or not 0 <= value < 2**53:
        raise TypeError
    return value

"""Who no longer belongs to the mesh: a list that only grows, signed by the authority.

A denial names a node and a second: certificates that began before it are refused. So a node that
was *evicted* comes back with a new token, whose certificate begins later; a *banned* one never.
Each word about a node carries a stamp, and of two words the later holds. Two lists therefore make
one, in whatever order they come; nothing is forgotten, also not what the newest list leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import IdentityError, LocalProtocolError
from cantor.base.ids import NodeId, parse_node_id
from cantor.identity.statements import Statement, make_statement

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.identity.authority import Authority
    from cantor.wire.frame import Value

DENIED = "denied"
FOR_EVER = 2**53
"""The second before which every certificate begins."""
ALLOWED = 0
DENIALS_MAX = 8192


@dataclass(frozen=True, slots=True, order=True)
class Denial:
    """A word about a node; the greatest holds. ``before_s`` is in seconds since 1970."""

    stamp: int
    before_s: int


class DenyList:
    """What the authorities of a mesh have said so far, and the statements that prove it."""

    def __init__(self) -> None:
        self._denials: dict[tuple[str, NodeId], Denial] = {}
        self._proofs: dict[tuple[str, NodeId], Statement] = {}

    def is_denied(self, tenant: str, node: NodeId, began_s: float) -> bool:
        """Whether a certificate of that node, valid from ``began_s`` on, is refused."""
        denial = self._denials.get((tenant, node))
        return denial is not None and began_s < denial.before_s

    def is_banned(self, tenant: str, node: NodeId) -> bool:
        """Whether the node never gets another certificate."""
        return self.is_denied(tenant, node, FOR_EVER - 1)

    def has(self, tenant: str, node: NodeId) -> bool:
        """Whether anything was ever said about the node."""
        return (tenant, node) in self._denials

    def earliest_s(self, tenant: str, node: NodeId) -> float:
        """When a certificate must begin so that it is not refused."""
        denial = self._denials.get((tenant, node))
        return denial.before_s if denial is not None else 0.0

    def nodes(self) -> list[tuple[str, NodeId]]:
        """Tenant and node of all that certificates are refused of."""
        return [key for key, denial in self._denials.items() if denial.before_s > ALLOWED]

    def statements(self) -> list[Statement]:
        """The statements that prove what holds; together they are the whole list."""
        return list({id(proof): proof for proof in self._proofs.values()}.values())

    def merge(self, statement: Statement) -> bool:
        """Take what a statement says; whether anything is new.

        Raises:
            IdentityError: the statement is malformed or holds too much.
        """
        return self._take(statement, _denials(statement))

    def lacks(self, statement: Statement) -> bool:
        """Whether this list holds words that a statement of the same tenant does not."""
        theirs = dict(_denials(statement))
        mine = ((n, d) for (t, n), d in self._denials.items() if t == statement.tenant)
        nothing = Denial(-1, ALLOWED)
        return any(denial > theirs.get(node, nothing) for node, denial in mine)

    def evict(self, authority: Authority, nodes: Iterable[NodeId], now_s: float) -> Statement:
        """Refuse the certificates that these nodes have; a new token lets them in again."""
        return self._say(authority, dict.fromkeys(nodes, int(now_s) + 1), now_s)

    def ban(self, authority: Authority, nodes: Iterable[NodeId], now_s: float) -> Statement:
        """Refuse these nodes for ever."""
        return self._say(authority, dict.fromkeys(nodes, FOR_EVER), now_s)

    def allow(self, authority: Authority, nodes: Iterable[NodeId], now_s: float) -> Statement:
        """Take back what was said about these nodes."""
        return self._say(authority, dict.fromkeys(nodes, ALLOWED), now_s)

    def whole(self, authority: Authority, now_s: float, by: NodeId | None = None) -> Statement:
        """Everything that is known about the nodes of the authority's tenant, in one statement.

        ``by`` is the issuer that tells it: see :func:`said_by`.
        """
        return self._say(authority, {}, now_s, by)

    def _say(
        self,
        authority: Authority,
        words: dict[NodeId, int],
        now_s: float,
        by: NodeId | None = None,
    ) -> Statement:
        tenant = authority.tenant
        rows = {n: d for (t, n), d in self._denials.items() if t == tenant}
        for node, before_s in words.items():
            old = rows.get(node, Denial(0, ALLOWED))
            is_eviction = ALLOWED < before_s < FOR_EVER
            later_s = max(before_s, old.before_s + 1) if is_eviction else before_s
            if not (is_eviction and old.before_s == FOR_EVER):  # a ban is only lifted by name
                rows[node] = Denial(max(old.stamp + 1, int(now_s * 1000)), later_s)
        if len(rows) > DENIALS_MAX:
            raise LocalProtocolError(
                f"the deny list is full ({DENIALS_MAX} nodes)",
                where=f"tenant {tenant}",
                remedy="go over to a new root: nodes that do not follow are out",
            )
        listed: list[Value] = [
            [node, denial.stamp, denial.before_s] for node, denial in sorted(rows.items())
        ]
        told: dict[str, Value] = {"denied": listed, **({"by": by} if by else {})}
        statement = make_statement(authority, DENIED, told, now_s)
        self._take(statement, list(rows.items()))
        return statement

    def _take(self, statement: Statement, said: list[tuple[NodeId, Denial]]) -> bool:
        is_new = False
        for node, denial in said:
            key = statement.tenant, node
            old = self._denials.get(key)
            is_new = is_new or old is None or denial > old
            if old is None or denial >= old:
                self._denials[key], self._proofs[key] = denial, statement
        return is_new


def said_by(statement: Statement) -> str:
    """The node that says this list as an issuer; "" for one that was signed to be passed on."""
    by = statement.content.get("by")
    return by if isinstance(by, str) else ""


def _denials(statement: Statement) -> list[tuple[NodeId, Denial]]:
    rows = statement.content.get("denied")
    try:
        if statement.kind != DENIED or not isinstance(rows, list) or len(rows) > DENIALS_MAX:
            raise ValueError
        return [_denial(row) for row in rows]
    except (ValueError, TypeError) as error:
        raise IdentityError("a deny list of the wrong shape", where="identity") from error


def _denial(row: object) -> tuple[NodeId, Denial]:
    if not isinstance(row, list) or [type(part) for part in row[:3]] != [str, int, int]:
        raise ValueError
    node, stamp, before_s = row[:3]
    if not (0 <= stamp < 2**63 and 0 <= before_s <= FOR_EVER):
        raise ValueError
    return parse_node_id(node), Denial(stamp, before_s)

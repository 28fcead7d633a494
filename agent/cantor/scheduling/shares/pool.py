"""Who uses what of the pool, as one node knows it: for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cantor.scheduling.shares.accounts import Accounts
    from cantor.scheduling.shares.terms import Terms
    from cantor.wire.frame import Value


@dataclass(frozen=True, slots=True)
class PoolRow:
    """A project and one quantity, in base units.

    ``share`` is how much of ``total`` is its own by the shares of all projects; what it holds
    beyond is ``lent`` to it.
    """

    project: str
    quantity: str
    total: float
    share: float
    held: float
    waiting: float

    @property
    def lent(self) -> float:
        """What others may take back."""
        return max(0.0, self.held - self.share)

    def as_value(self) -> dict[str, Value]:
        """As msgpack types."""
        return {
            "resource": self.quantity,
            "total": self.total,
            "share": round(self.share, 3),
            "held": self.held,
            "lent": round(self.lent, 3),
            "waiting": self.waiting,
        }


def pool_rows(accounts: Accounts, project: str, projects: Iterable[str]) -> Iterator[PoolRow]:
    """What a project has of each quantity that it has to do with, of those that ``projects`` share.

    The default project has a share of its own only while it uses something.
    """
    others = [p for p in projects if p != DEFAULT_PROJECT or p == project or p in accounts.active]
    shares = sum(accounts.terms(one).share for one in {*others, project})
    held, waiting = accounts.held(project), accounts.waiting(project)
    for name in sorted({*held, *waiting, *accounts.terms(project).limits}):
        total = max(accounts.totals.get(name, 0), held.get(name, 0))
        share = total * accounts.terms(project).share / shares
        yield PoolRow(project, name, total, share, held.get(name, 0), waiting.get(name, 0))


def pool_value(accounts: Accounts, project: str, projects: Iterable[str]) -> dict[str, Value]:
    """A project with its terms and its rows, as msgpack types."""
    terms: Terms = accounts.terms(project)
    rows: Value = [row.as_value() for row in pool_rows(accounts, project, projects)]
    return {"project": project, **terms.as_value(), "uses": rows}

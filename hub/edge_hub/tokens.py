"""Enrolment tokens in the hub's database: made, listed, revoked; of secrets only hashes."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa

from cantor.identity.tokens import EnrolmentToken, hash_secret, new_secret
from edge_hub.database import enrolments, nodes, tokens
from edge_hub.events import Happening, Scope, record
from edge_hub.problems import ProblemError
from edge_hub.schemas import NewToken, TokenMade, TokenView, rfc3339

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from cantor.base.clock import Clock
    from edge_hub.database import Database

TokenState = Literal["live", "used", "expired", "revoked", "stolen"]


@dataclass(slots=True)
class EnrolmentPoint:
    """What every token of this hub carries: where boxes go (``host:port``) and the root's pin."""

    hub: str
    root_pin: str


class Tokens:
    """The enrolment tokens of one hub."""

    def __init__(self, database: Database, clock: Clock, point: EnrolmentPoint) -> None:
        self._database = database
        self._clock = clock
        self._point = point

    async def create(self, scope: Scope, wish: NewToken, by: str) -> TokenMade:
        """Make a token, as ``by`` wishes. Its text is in the answer and nowhere else.

        Raises:
            ProblemError: the project has no node that it could replace (404).
        """
        token_id, now = secrets.token_hex(8), self._clock.wall()
        token = EnrolmentToken(self._point.hub, self._point.root_pin, new_secret())
        async with self._database.write() as connection:
            if wish.replaces:
                await _check_node(connection, scope, wish.replaces)
            await connection.execute(
                sa.insert(tokens).values(
                    id=token_id,
                    tenant=scope.tenant,
                    project=scope.project,
                    secret_hash=hash_secret(token.secret),
                    labels=wish.labels,
                    max_uses=wish.max_uses,
                    approval=wish.approval,
                    created_at=now,
                    created_by=by,
                    replaces=wish.replaces or None,
                    expires_at=now + wish.ttl_s,
                )
            )
            told = Happening("token.created", token_id)
            await record(connection, scope, told, now=now)
        return TokenMade(
            id=token_id,
            token=token.text,
            command=f"cantor enroll {token.text}",
            expires_at=rfc3339(now + wish.ttl_s),
            max_uses=wish.max_uses,
        )

    async def list(
        self, scope: Scope, *, limit: int, after: tuple[float, str] | None = None
    ) -> tuple[list[TokenView], tuple[float, str] | None]:
        """One page, newest first, and where the next one starts."""
        uses = sa.select(sa.func.count()).where(enrolments.c.token_id == tokens.c.id)
        query = sa.select(tokens, uses.scalar_subquery().label("uses")).where(
            tokens.c.tenant == scope.tenant, tokens.c.project == scope.project
        )
        if after is not None:
            query = query.where(sa.tuple_(tokens.c.created_at, tokens.c.id) < sa.tuple_(*after))
        query = query.order_by(tokens.c.created_at.desc(), tokens.c.id.desc()).limit(limit + 1)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        page, now = rows[:limit], self._clock.wall()
        last = (page[-1]["created_at"], page[-1]["id"]) if len(rows) > limit else None
        return [_view(row, now) for row in page], last

    async def revoke(self, scope: Scope, token_id: str) -> None:
        """Make a token worthless; nodes that it let in stay.

        Raises:
            ProblemError: the project has no such token (404).
        """
        now = self._clock.wall()
        mine = (
            tokens.c.id == token_id,
            tokens.c.tenant == scope.tenant,
            tokens.c.project == scope.project,
        )
        async with self._database.write() as connection:
            values = {"revoked_at": sa.func.coalesce(tokens.c.revoked_at, now)}
            changed = await connection.execute(sa.update(tokens).where(*mine).values(**values))
            if changed.rowcount != 1:
                raise ProblemError(404, "no-such-token", f"there is no token {token_id[:40]!r}")
            told = Happening("token.revoked", token_id)
            await record(connection, scope, told, now=now)


async def _check_node(connection: AsyncConnection, scope: Scope, node_id: str) -> None:
    mine = (nodes.c.id == node_id, nodes.c.tenant == scope.tenant, nodes.c.project == scope.project)
    if (await connection.execute(sa.select(nodes.c.id).where(*mine))).first() is None:
        raise ProblemError(404, "no-such-node", f"this project has no node {node_id[:40]!r}")


def _state(row: sa.RowMapping, now: float) -> TokenState:
    if row["stolen_at"] is not None:
        return "stolen"
    if row["revoked_at"] is not None:
        return "revoked"
    if row["uses"] >= row["max_uses"]:
        return "used"
    return "expired" if now >= row["expires_at"] else "live"


def _view(row: sa.RowMapping, now: float) -> TokenView:
    labels: dict[str, Any] = row["labels"]
    return TokenView(
        id=row["id"],
        labels=labels,
        max_uses=row["max_uses"],
        uses=row["uses"],
        approval=row["approval"],
        expires_at=rfc3339(row["expires_at"]),
        state=_state(row, now),
        created_at=rfc3339(row["created_at"]),
        created_by=row["created_by"] or "",
        replaces=row["replaces"] or "",
        thefts=row["thefts"] or 0,
    )

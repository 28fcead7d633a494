"""What happened: an append-only record that people read in the console."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from edge_hub.database import events
from edge_hub.schemas import Event, rfc3339

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

Severity = Literal["info", "warning", "alarm"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The tenant and project that a row belongs to."""

    tenant: str
    project: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something worth telling a person; ``subject`` names the node or token that it is about."""

    kind: str
    severity: Severity
    text: str
    subject: str


async def record(
    connection: AsyncConnection, scope: Scope, happening: Happening, *, now: float
) -> None:
    """Append an event in the transaction of what it tells."""
    await connection.execute(
        sa.insert(events).values(
            tenant=scope.tenant,
            project=scope.project,
            at=now,
            kind=happening.kind,
            severity=happening.severity,
            text=happening.text,
            subject=happening.subject,
        )
    )


async def latest(
    connection: AsyncConnection, scope: Scope, *, limit: int, before: int | None = None
) -> list[Event]:
    """The newest events first, older than the event ``before`` if one is given."""
    query = sa.select(events).where(
        events.c.tenant == scope.tenant, events.c.project == scope.project
    )
    if before is not None:
        query = query.where(events.c.id < before)
    rows = await connection.execute(query.order_by(events.c.id.desc()).limit(limit))
    return [
        Event(
            id=row.id,
            at=rfc3339(row.at),
            kind=row.kind,
            severity=row.severity,
            text=row.text,
            subject=row.subject,
        )
        for row in rows
    ]

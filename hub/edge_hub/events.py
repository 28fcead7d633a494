"""What happened: an append-only record that people read in the console.

The text is English; ``kind`` and ``params`` let the console say the same in another language.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import sqlalchemy as sa

from edge_hub.database import events
from edge_hub.schemas import Event, rfc3339

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

Severity = Literal["info", "warning", "alarm"]
ParamValue = str | int

PARAM_CHARS_MAX = 300
KINDS: Mapping[str, tuple[Severity, str]] = {
    "node.enrolled": ("info", "{name} joined the mesh"),
    "node.pending": ("warning", "{name} waits for approval"),
    "node.approved": ("info", "{name} was approved"),
    "node.denied": ("warning", "{name} was denied"),
    "node.allowed": ("info", "{name} is allowed again"),
    "node.replaced": ("warning", "{name} took the place of {old}, which is denied for ever"),
    "node.lost": ("warning", "{name} no longer answers"),
    "token.created": ("info", "An enrolment token was made"),
    "token.revoked": ("info", "An enrolment token was revoked"),
    "token.stolen": ("alarm", "A used enrolment token was shown by another key ({key}, {name})"),
    "token.stolen_again": (
        "alarm",
        "A stolen enrolment token was shown {count} times again, last by {key} ({name})",
    ),
    "project.created": ("info", "The project {name} was made"),
    "policy.changed": (
        "warning",
        "{by} changed the mesh policy: nodes that no issuer confirms work on for {days} days, "
        "not {before}",
    ),
    "service.pushed": ("info", "{by} pushed {name}: revision {number}"),
    "service.returned": ("warning", "{by} changed {name}: {to}"),
    "service.stopped": ("info", "{by} stopped the service {name}"),
    "service.started": ("info", "{by} started the service {name}"),
    "service.removed": ("warning", "{by} removed the service {name}"),
    "secret.set": ("info", "{by} set the secret {name}"),
    "secret.rotated": ("info", "{by} gave the secret {name} another value"),
    "secret.removed": ("warning", "{by} removed the secret {name}"),
    "task.cancelled": ("warning", "{by} cancelled the task {name}"),
    "deployment.started": ("info", "{name} runs on {nodes}"),
    "deployment.failed": ("alarm", "{name} failed: {reason}"),
    "deployment.finished": ("info", "{name} has finished"),
    "deployment.stopped": ("info", "{name} was stopped"),
    "deployment.removed": ("info", "{name} was removed"),
    "deployment.node_lost": ("warning", "{name} lost {node}, which ran {filters}"),
    "deployment.waiting": ("warning", "{name} waits: {filter} has no node ({reason})"),
    "deployment.moved": ("info", "{name}: {filters} moved from {source} to {target}"),
}
"""Every kind: how grave it is, and its English text with the names of its params."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The tenant and project that a row belongs to."""

    tenant: str
    project: str


@dataclass(frozen=True, slots=True)
class Happening:
    """Something worth telling a person.

    ``kind`` is one of :data:`KINDS`; ``subject`` is the id of the node, token, project, tenant or
    deployment that it is about.
    """

    kind: str
    subject: str
    params: Mapping[str, ParamValue] = field(default_factory=dict)

    @property
    def severity(self) -> Severity:
        """How grave it is."""
        return KINDS[self.kind][0]

    @property
    def text(self) -> str:
        """What happened, in English."""
        return KINDS[self.kind][1].format_map(self.shown)

    @property
    def shown(self) -> dict[str, ParamValue]:
        """The params, cut to what a line can hold."""
        return {
            name: value[:PARAM_CHARS_MAX] if isinstance(value, str) else value
            for name, value in self.params.items()
        }


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
            params=happening.shown,
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
            params=row.params or {},
        )
        for row in rows
    ]

"""The projects of a tenant: listed, made, and chosen by a session."""

from __future__ import annotations

import re
import secrets
import unicodedata
from typing import TYPE_CHECKING

import sqlalchemy as sa

from edge_hub.database import projects, tenants
from edge_hub.events import Happening, Scope, record
from edge_hub.problems import ProblemError
from edge_hub.schemas import PROJECT_ID_CHARS_MAX, Named

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from cantor.base.clock import Clock
    from edge_hub.access import Session
    from edge_hub.database import Database
    from edge_hub.schemas import NewProject

PROJECTS_MAX = 1000


class Projects:
    """Reads and makes the projects of tenants."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def tenants(self, session: Session) -> list[Named]:
        """The tenants that a session may see: its own, and an owner of the hub every one."""
        query = sa.select(tenants).order_by(tenants.c.id)
        if session.role != "owner":
            query = query.where(tenants.c.id == session.scope.tenant)
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [Named(row.id, row.name) for row in rows]

    async def scope(self, session: Session, tenant: str | None, project: str | None) -> Scope:
        """What a session asks to look at; what it does not name stays, or is the tenant's first.

        Raises:
            ProblemError: there is no such tenant or project, or it may not be seen (404).
        """
        wanted = session.scope.tenant if tenant is None else tenant
        if wanted not in {one.id for one in await self.tenants(session)}:
            raise ProblemError(404, "no-such-tenant", f"there is no tenant {wanted[:40]!r}")
        if project is None and wanted == session.scope.tenant:
            return session.scope
        if project is None:
            inside, _ = await self.list(wanted, limit=1)
            project = inside[0].id if inside else ""
        return Scope(wanted, (await self.one(wanted, project)).id)

    async def list(
        self, tenant: str, *, limit: int = PROJECTS_MAX, after: str = ""
    ) -> tuple[list[Named], str | None]:
        """One page in the order of the ids, and the last id if there are more."""
        query = sa.select(projects).where(projects.c.tenant == tenant, projects.c.id > after)
        async with self._database.read() as connection:
            rows = (await connection.execute(query.order_by(projects.c.id).limit(limit + 1))).all()
        page = [Named(row.id, row.name) for row in rows[:limit]]
        return page, page[-1].id if len(rows) > limit else None

    async def one(self, tenant: str, project: str) -> Named:
        """A project by its id.

        Raises:
            ProblemError: the tenant has no such project (404).
        """
        query = sa.select(projects).where(projects.c.tenant == tenant, projects.c.id == project)
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise ProblemError(404, "no-such-project", f"there is no project {project[:40]!r}")
        return Named(row.id, row.name)

    async def create(self, tenant: str, wish: NewProject) -> Named:
        """Make a project; without an id of its own it gets one from its name.

        Raises:
            ProblemError: the id is taken, or the tenant has too many projects (409).
        """
        async with self._database.write() as connection:
            if await _count(connection, tenant) >= PROJECTS_MAX:
                detail = f"a tenant has {PROJECTS_MAX} projects at most"
                raise ProblemError(409, "too-many-projects", detail)
            made = Named(wish.id or _id_from(wish.name), wish.name)
            row = {"tenant": tenant, "id": made.id, "name": made.name}
            added = await connection.execute(
                sa.insert(projects).prefix_with("OR IGNORE").values(**row)
            )
            if added.rowcount != 1:
                detail = f"the project id {made.id!r} is taken; give another id"
                raise ProblemError(409, "project-exists", detail)
            told = Happening("project.created", made.id, {"name": made.name})
            await record(connection, Scope(tenant, made.id), told, now=self._clock.wall())
        return made


async def _count(connection: AsyncConnection, tenant: str) -> int:
    query = sa.select(sa.func.count()).where(projects.c.tenant == tenant)
    return int((await connection.execute(query)).scalar_one())


def _id_from(name: str) -> str:
    """The letters and digits of a name; a name that has none in ASCII gets a random id."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain)[:PROJECT_ID_CHARS_MAX].strip("-")
    return words or f"project-{secrets.token_hex(3)}"

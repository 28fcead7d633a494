"""Who may speak to the console's API: sign-in links, sessions, and the origin of requests.

There is no password. The hub prints a link whose ticket works once; it buys an opaque session that
the browser keeps in a cookie that scripts cannot read. The database holds only hashes of both.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import sqlalchemy as sa

from edge_hub.database import sessions, tickets
from edge_hub.events import Scope
from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from aiohttp import web

    from cantor.base.clock import Clock
    from edge_hub.database import Database
    from edge_hub.settings import HubSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CSRF_HEADER = "X-Cantor-Request"
_TOUCH_EVERY_S = 60.0
_LOOKS_ONLY = frozenset({"viewer", "annotator", "auditor"})


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser; ``key`` is the hash under which it is kept.

    ``fixed``: the request named tenant and project, whatever the session looks at.
    """

    key: str
    user: str
    role: str
    scope: Scope
    expires_at: float
    fixed: bool = False


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _fresh() -> str:
    return secrets.token_urlsafe(32)


class Access:
    """Tickets and sessions."""

    def __init__(
        self,
        database: Database,
        settings: HubSettings,
        clock: Clock,
        *,
        home: Scope,
        fresh: Callable[[], str] = _fresh,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._home = home
        self._fresh = fresh

    @property
    def cookie(self) -> str:
        """The name of the session cookie; over HTTPS the browser ties it to this very host."""
        return "__Host-cantor_session" if self._settings.console_is_https else "cantor_session"

    async def new_ticket(self, user: str = "owner", role: str = "owner") -> str:
        """A ticket that signs one browser in, once, soon."""
        ticket, now = self._fresh(), self._clock.wall()
        async with self._database.write() as connection:
            await connection.execute(sa.delete(tickets).where(tickets.c.expires_at <= now))
            await connection.execute(
                sa.insert(tickets).values(
                    hash=_hash(ticket),
                    tenant=self._home.tenant,
                    project=self._home.project,
                    user=user,
                    role=role,
                    expires_at=now + self._settings.ticket_life_s,
                )
            )
        return ticket

    async def redeem_ticket(self, ticket: str) -> str:
        """Trade a ticket for the secret of a new session.

        Raises:
            ProblemError: the ticket is unknown, used or too old (401).
        """
        secret, now = self._fresh(), self._clock.wall()
        async with self._database.write() as connection:
            taken = await connection.execute(
                sa.delete(tickets).where(tickets.c.hash == _hash(ticket)).returning(tickets)
            )
            row = taken.one_or_none()
            await connection.execute(sa.delete(sessions).where(sessions.c.expires_at <= now))
            if row is not None and row.expires_at > now:
                await connection.execute(
                    sa.insert(sessions).values(
                        hash=_hash(secret),
                        tenant=row.tenant,
                        project=row.project,
                        user=row.user,
                        role=row.role,
                        used_at=now,
                        expires_at=now + self._settings.session_life_s,
                    )
                )
                return secret
        raise ProblemError(
            401, "ticket-refused", "this sign-in link was used or is too old; ask for a new one"
        )

    async def session(self, request: web.Request) -> Session:
        """The session of a request.

        Raises:
            ProblemError: there is none, or it has ended (401).
        """
        secret, now = request.cookies.get(self.cookie, ""), self._clock.wall()
        key = _hash(secret)
        async with self._database.read() as connection:
            found = await connection.execute(sa.select(sessions).where(sessions.c.hash == key))
            row = found.one_or_none()
        idle_s = self._settings.session_idle_s
        if row is None or now >= min(row.expires_at, row.used_at + idle_s):
            raise ProblemError(401, "not-signed-in", "open a sign-in link; the hub prints one")
        if now - row.used_at >= _TOUCH_EVERY_S:
            async with self._database.write() as connection:
                await connection.execute(
                    sa.update(sessions).where(sessions.c.hash == key).values(used_at=now)
                )
        scope = Scope(row.tenant, row.project)
        return Session(key, row.user, row.role, scope, row.expires_at)

    async def look_at(self, session: Session, scope: Scope) -> Session:
        """The session, from now on in another project; whether it may was checked before."""
        values = {"tenant": scope.tenant, "project": scope.project}
        async with self._database.write() as connection:
            mine = sessions.c.hash == session.key
            await connection.execute(sa.update(sessions).where(mine).values(values))
        return replace(session, scope=scope)

    async def end(self, session: Session) -> None:
        """Sign out."""
        async with self._database.write() as connection:
            await connection.execute(sa.delete(sessions).where(sessions.c.hash == session.key))

    def set_cookie(self, response: web.StreamResponse, secret: str) -> None:
        """Give the browser its session."""
        response.set_cookie(
            self.cookie,
            secret,
            max_age=int(self._settings.session_life_s),
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self._settings.console_is_https,
        )

    def clear_cookie(self, response: web.StreamResponse) -> None:
        """Take the browser's session away."""
        response.del_cookie(
            self.cookie, path="/", secure=self._settings.console_is_https, samesite="Strict"
        )


def check_role(session: Session, may: str) -> None:
    """Refuse what the role of a session does not allow; ``may`` is any, operator or owner.

    Raises:
        ProblemError: it is not allowed (403).
    """
    if may == "owner" and session.role != "owner":
        raise ProblemError(403, "not-allowed", "only an owner may do that")
    if may == "operator" and session.role in _LOOKS_ONLY:
        raise ProblemError(403, "not-allowed", f"the role {session.role} may look, not change")


def check_host(request: web.Request, allowed: AbstractSet[str]) -> None:
    """Refuse names that are not this hub's, so that no rebound DNS name reaches it.

    Raises:
        ProblemError: the Host header is not in the list (421).
    """
    if request.headers.get("Host", "").lower() not in allowed:
        raise ProblemError(421, "wrong-host", "this hub is not reached under that name; see --host")


def check_origin(request: web.Request, *, https: bool) -> None:
    """Refuse requests that a page of another origin started.

    Raises:
        ProblemError: the Origin header is missing or another's (403).
    """
    own = f"{'https' if https else 'http'}://{request.headers.get('Host', '')}"
    if request.headers.get("Origin", "").lower() != own.lower():
        raise ProblemError(403, "wrong-origin", "the request comes from another origin")


def check_intent(request: web.Request, *, https: bool) -> None:
    """Refuse unsafe requests that a page of another origin could forge.

    Raises:
        ProblemError: the Origin or the ``X-Cantor-Request`` header is wrong (403).
    """
    if request.method in SAFE_METHODS:
        return
    check_origin(request, https=https)
    if request.headers.get(CSRF_HEADER) != "1":
        raise ProblemError(403, "wrong-origin", f"the header {CSRF_HEADER}: 1 is missing")

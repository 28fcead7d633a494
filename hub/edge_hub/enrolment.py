"""``POST /enrol`` of a hub: the rules of ``cantor.identity.admission`` over the hub's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from aiohttp import web

from cantor.base.errors import EnrolmentError
from cantor.base.ids import NodeId, short_name
from cantor.identity.admission import (
    Bind,
    Case,
    Keep,
    RaiseAlarm,
    Ruling,
    Write,
    parse_application,
    respond,
    rule,
)
from cantor.identity.certificates import CertificateChain
from cantor.identity.enrolment import (
    Approval,
    BoundKey,
    KeyState,
    Reason,
    Refuse,
    TokenRecord,
    key_hash_of,
)
from cantor.identity.tokens import hash_secret
from edge_hub.database import enrolments, nodes, tokens
from edge_hub.events import Happening, Scope, record
from edge_hub.fleet import ENROLLED, PENDING, take_place
from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from cantor.base.clock import Clock
    from cantor.identity.admission import Applicant
    from cantor.identity.authority import Authority
    from edge_hub.database import Database
    from edge_hub.events import ParamValue
    from edge_hub.mesh_view import MeshView

ALARM_EVERY_S = 60.0
"""So often at most people are told that somebody shows one stolen token."""


class Enroller:
    """Lets boxes in."""

    def __init__(
        self,
        database: Database,
        authority: Authority,
        clock: Clock,
        mesh_view: MeshView,
        *,
        seeds: Sequence[str],
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._authority = authority
        self._clock = clock
        self._mesh = mesh_view
        self._seeds = seeds
        self._changed = changed

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            applicant = parse_application(await request.read())
        except EnrolmentError as error:
            raise ProblemError(400, "bad-request", error.what) from error
        async with self._database.write() as connection:
            ruling, replaced = await self._decide(connection, applicant)
        answer = ruling.answer
        if ruling.writes or not isinstance(answer, Refuse):
            self._changed()
        if isinstance(answer, Refuse):
            code = f"token-{answer.reason.value}"
            raise ProblemError(answer.reason.status, code, answer.reason.detail)
        now_s, seeds = self._clock.wall(), [*self._seeds, *self._mesh.seeds()]
        more: dict[str, object] = {}
        if replaced and isinstance(answer, CertificateChain):
            more["replaces"] = self._mesh.replace(NodeId(replaced), applicant.node_id)
        status, body = respond(
            ruling, applicant, self._authority, now_s=now_s, seeds=seeds, more=more
        )
        return web.json_response(body, status=status)

    async def renew(self, request: web.Request) -> web.Response:
        """Answer a node that asks for a new certificate."""
        try:
            status, body = await self._mesh.renew(await request.read())
        except EnrolmentError as error:
            raise ProblemError(400, "bad-request", error.what) from error
        return web.json_response(body, status=status)

    async def _decide(
        self, connection: AsyncConnection, applicant: Applicant
    ) -> tuple[Ruling, str]:
        """Rule on a box and carry that out; also the node whose place it takes, or empty."""
        now = self._clock.wall()
        query = sa.select(tokens).where(
            tokens.c.secret_hash == hash_secret(applicant.secret),
            tokens.c.tenant == self._authority.tenant,
        )
        token = (await connection.execute(query)).mappings().one_or_none()
        if token is None:
            return Ruling(Refuse(Reason.UNKNOWN)), ""
        mine = sa.select(enrolments.c.certificate).where(*_binding(token, applicant))
        pem = (await connection.execute(mine)).scalar_one_or_none()
        case = Case(
            await _record_of(connection, token),
            bytes(pem) if pem is not None else None,
            self._mesh.is_banned(applicant.node_id),
            self._mesh.earliest_s(applicant.node_id),
        )
        ruling = rule(case, applicant, self._authority, now)
        for write in ruling.writes:
            await _carry_out(connection, write, token, applicant, now)
        replaced = str(token["replaces"] or "")
        if replaced == applicant.node_id:  # the box was not dead: nobody replaces itself
            return ruling, ""
        if replaced and any(isinstance(write, Keep) for write in ruling.writes):
            await take_place(connection, _scope(token), replaced, applicant.node_id, now)
        return ruling, replaced


async def _carry_out(
    connection: AsyncConnection,
    write: Write,
    token: sa.RowMapping,
    applicant: Applicant,
    now: float,
) -> None:
    match write:
        case RaiseAlarm():
            await _raise_alarm(connection, token, applicant, now)
        case Bind(state):
            await _bind(connection, token, applicant, state, now)
        case Keep(chain):
            await _keep(connection, token, applicant, chain, now)


async def _keep(
    connection: AsyncConnection,
    token: sa.RowMapping,
    applicant: Applicant,
    chain: CertificateChain,
    now: float,
) -> None:
    where = _binding(token, applicant)
    await connection.execute(sa.update(enrolments).where(*where).values(certificate=chain.pem))
    values = {"state": ENROLLED, "enrolled_at": now, "revision": nodes.c.revision + 1}
    mine = nodes.c.id == applicant.node_id
    await connection.execute(sa.update(nodes).where(mine).values(**values))
    told = Happening("node.enrolled", applicant.node_id, {"name": applicant.name})
    await record(connection, _scope(token), told, now=now)


def _scope(token: sa.RowMapping) -> Scope:
    return Scope(token["tenant"], token["project"])


def _binding(token: sa.RowMapping, applicant: Applicant) -> tuple[sa.ColumnElement[bool], ...]:
    return (enrolments.c.token_id == token["id"], enrolments.c.node_id == applicant.node_id)


async def _record_of(connection: AsyncConnection, token: sa.RowMapping) -> TokenRecord:
    query = sa.select(enrolments).where(enrolments.c.token_id == token["id"])
    bound = await connection.execute(query.order_by(enrolments.c.bound_at))
    return TokenRecord(
        secret_hash=token["secret_hash"],
        expires_at=token["expires_at"],
        uses_max=token["max_uses"],
        approval=Approval(token["approval"]),
        bound=tuple(BoundKey(key_hash_of(row.public_key), KeyState(row.state)) for row in bound),
        revoked=token["revoked_at"] is not None,
        stolen=token["stolen_at"] is not None,
    )


async def _raise_alarm(
    connection: AsyncConnection, token: sa.RowMapping, applicant: Applicant, now: float
) -> None:
    """Count an attempt with another key, and tell of it: of those that come fast, once a minute."""
    thefts, told, told_at = token["thefts"] or 0, token["thefts_told"] or 0, token["theft_told_at"]
    values: dict[str, Any] = {"thefts": thefts + 1, "stolen_at": token["stolen_at"] or now}
    if told_at is None or not 0 <= now - told_at < ALARM_EVERY_S:
        values |= {"thefts_told": thefts + 1, "theft_told_at": now}
        shown: dict[str, ParamValue] = {
            "key": short_name(applicant.node_id),
            "name": applicant.name,
        }
        kind = "token.stolen"
        if token["stolen_at"] is not None:
            kind, shown["count"] = "token.stolen_again", thefts + 1 - told
        await record(connection, _scope(token), Happening(kind, token["id"], shown), now=now)
    await connection.execute(sa.update(tokens).where(tokens.c.id == token["id"]).values(**values))


async def _bind(
    connection: AsyncConnection,
    token: sa.RowMapping,
    applicant: Applicant,
    state: KeyState,
    now: float,
) -> None:
    scope: dict[str, Any] = {"tenant": token["tenant"], "project": token["project"]}
    bound = await connection.execute(
        sa.insert(enrolments)
        .prefix_with("OR IGNORE")
        .values(
            **scope,
            token_id=token["id"],
            node_id=applicant.node_id,
            public_key=applicant.public_key,
            state=state.value,
            bound_at=now,
        )
    )
    if bound.rowcount != 1:
        return
    waits = state is KeyState.PENDING
    row = {
        **scope,
        "id": applicant.node_id,
        "name": applicant.name,
        "labels": token["labels"],
        "state": PENDING if waits else ENROLLED,
        "version": applicant.facts.get("version", ""),
        "revision": 1,
    }
    await connection.execute(sa.insert(nodes).prefix_with("OR IGNORE").values(**row))
    if waits:
        told = Happening("node.pending", applicant.node_id, {"name": applicant.name})
        await record(connection, _scope(token), told, now=now)

"""``POST /enrol``: from a token and a certificate request to a certificate, in one transaction.

The write lock is held from reading the token to storing the certificate, so that of any number of
boxes that race with one token exactly as many get in as it allows.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import sqlalchemy as sa
from aiohttp import web

from cantor.base.errors import IdentityError
from cantor.base.ids import NodeId, node_id_from_public_key, short_name
from cantor.identity.certificates import CertificateChain, public_key_spki
from cantor.identity.enrolment import (
    AlreadyIssued,
    Approval,
    BoundKey,
    Issue,
    KeyState,
    Pending,
    Reason,
    Refuse,
    TokenRecord,
    key_hash_of,
    redeem,
)
from cantor.identity.keys import check_request
from cantor.identity.reply import sign_reply
from cantor.identity.tokens import hash_secret
from edge_hub.database import enrolments, nodes, tokens
from edge_hub.events import Happening, Scope, record
from edge_hub.fleet import DENIED, ENROLLED, PENDING
from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.ext.asyncio import AsyncConnection

    from cantor.base.clock import Clock
    from cantor.identity.authority import Authority
    from edge_hub.database import Database

SEEDS_MAX = 64
NAME_CHARS_MAX = 64
Fact = Annotated[str, msgspec.Meta(max_length=256)]


class Facts(msgspec.Struct):
    """What a box says about itself; shown to people, trusted by nobody."""

    hostname: Fact = ""
    platform: Fact = ""
    version: Fact = ""


class EnrolmentRequest(msgspec.Struct):
    """What a box sends."""

    secret: Annotated[str, msgspec.Meta(max_length=256)]
    csr: Annotated[str, msgspec.Meta(max_length=8192)]
    nonce: Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
    facts: Facts = msgspec.field(default_factory=Facts)


@dataclass(frozen=True, slots=True)
class _Applicant:
    node_id: NodeId
    public_key: bytes
    request: EnrolmentRequest

    @property
    def name(self) -> str:
        shown = "".join(sign for sign in self.request.facts.hostname if sign.isprintable())
        return shown.strip()[:NAME_CHARS_MAX] or short_name(self.node_id)


class Enroller:
    """Lets boxes in."""

    def __init__(
        self,
        database: Database,
        authority: Authority,
        clock: Clock,
        *,
        seeds: Callable[[], Sequence[str]],
        changed: Callable[[], None],
    ) -> None:
        self._database = database
        self._authority = authority
        self._clock = clock
        self._seeds = seeds
        self._changed = changed

    async def handle(self, request: web.Request) -> web.Response:
        """Answer one request."""
        try:
            wish = msgspec.json.decode(await request.read(), type=EnrolmentRequest)
            key = public_key_spki(check_request(wish.csr.encode()))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise ProblemError(400, "bad-request", str(error)[:200]) from error
        except IdentityError as error:
            raise ProblemError(400, "bad-request", error.what) from error
        applicant = _Applicant(node_id_from_public_key(key), key, wish)
        async with self._database.write() as connection:
            answer = await self._decide(connection, applicant)
        if isinstance(answer, Refuse):
            if answer.alarm:
                self._changed()
            code = f"token-{answer.reason.value}"
            raise ProblemError(answer.reason.status, code, answer.reason.detail)
        self._changed()
        if isinstance(answer, Pending):
            body: dict[str, object] = {"retry_after_s": answer.retry_after_s}
            return web.json_response(body, status=202)
        reply = sign_reply(
            self._authority,
            answer,
            nonce=wish.nonce,
            time_s=self._clock.wall(),
            name=applicant.name,
            seeds=list(self._seeds())[:SEEDS_MAX],
        )
        return web.json_response(reply)

    async def _decide(
        self, connection: AsyncConnection, applicant: _Applicant
    ) -> CertificateChain | Pending | Refuse:
        now = self._clock.wall()
        query = sa.select(tokens).where(
            tokens.c.secret_hash == hash_secret(applicant.request.secret),
            tokens.c.tenant == self._authority.tenant,
        )
        token = (await connection.execute(query)).mappings().one_or_none()
        if token is None:
            return Refuse(Reason.UNKNOWN)
        if await _is_denied(connection, applicant.node_id):
            return Refuse(Reason.DENIED)
        decision = redeem(await _record_of(connection, token), applicant.public_key, now)
        if isinstance(decision, Refuse):
            if decision.alarm and token["stolen_at"] is None:
                await _raise_alarm(connection, token, applicant, now)
            return decision
        if isinstance(decision, Pending):
            await _bind(connection, token, applicant, KeyState.PENDING, now)
            return decision
        if isinstance(decision, AlreadyIssued):
            return await self._issued_before(connection, token, applicant, now)
        if isinstance(decision, Issue):
            await _bind(connection, token, applicant, KeyState.ISSUED, now)
        return await self._issue(connection, token, applicant, now)

    async def _issued_before(
        self, connection: AsyncConnection, token: sa.RowMapping, applicant: _Applicant, now: float
    ) -> CertificateChain:
        query = sa.select(enrolments.c.certificate).where(*_binding(token, applicant))
        pem = (await connection.execute(query)).scalar_one()
        if pem is None:  # a person approved the node, and it asks for the first time since
            return await self._issue(connection, token, applicant, now)
        return CertificateChain(bytes(pem), self._authority.root_pem)

    async def _issue(
        self, connection: AsyncConnection, token: sa.RowMapping, applicant: _Applicant, now: float
    ) -> CertificateChain:
        moment = dt.datetime.fromtimestamp(now, dt.UTC)
        chain = self._authority.issue(applicant.request.csr.encode(), now=moment)
        where = _binding(token, applicant)
        await connection.execute(sa.update(enrolments).where(*where).values(certificate=chain.pem))
        values = {"state": ENROLLED, "enrolled_at": now, "revision": nodes.c.revision + 1}
        mine = nodes.c.id == applicant.node_id
        await connection.execute(sa.update(nodes).where(mine).values(**values))
        told = Happening("node.enrolled", applicant.node_id, {"name": applicant.name})
        await record(connection, _scope(token), told, now=now)
        return chain


def _scope(token: sa.RowMapping) -> Scope:
    return Scope(token["tenant"], token["project"])


def _binding(token: sa.RowMapping, applicant: _Applicant) -> tuple[sa.ColumnElement[bool], ...]:
    return (enrolments.c.token_id == token["id"], enrolments.c.node_id == applicant.node_id)


async def _is_denied(connection: AsyncConnection, node_id: str) -> bool:
    query = sa.select(nodes.c.id).where(nodes.c.id == node_id, nodes.c.state == DENIED)
    return (await connection.execute(query)).one_or_none() is not None


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
    connection: AsyncConnection, token: sa.RowMapping, applicant: _Applicant, now: float
) -> None:
    mine = tokens.c.id == token["id"]
    await connection.execute(sa.update(tokens).where(mine).values(stolen_at=now))
    shown = {"key": short_name(applicant.node_id), "name": applicant.name}
    told = Happening("token.stolen", token["id"], shown)
    await record(connection, _scope(token), told, now=now)


async def _bind(
    connection: AsyncConnection,
    token: sa.RowMapping,
    applicant: _Applicant,
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
        "version": applicant.request.facts.version,
        "revision": 1,
    }
    await connection.execute(sa.insert(nodes).prefix_with("OR IGNORE").values(**row))
    if waits:
        told = Happening("node.pending", applicant.node_id, {"name": applicant.name})
        await record(connection, _scope(token), told, now=now)

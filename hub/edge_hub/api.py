"""The operations of the REST API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

import cantor
from cantor.base.errors import ConfigError
from edge_hub import database as db
from edge_hub import events
from edge_hub.cursors import decode_cursor, encode_cursor
from edge_hub.filters import parse_filter
from edge_hub.problems import ProblemError
from edge_hub.routing import Call, Reply, Route, openapi
from edge_hub.schemas import (
    BatchReply,
    BatchResult,
    EventList,
    Named,
    NewProject,
    NewToken,
    Node,
    NodeBatch,
    NodeChange,
    NodeCounts,
    NodeList,
    Overview,
    ProjectList,
    SessionChange,
    SessionView,
    SignIn,
    TokenList,
    TokenMade,
    User,
)

if TYPE_CHECKING:
    from edge_hub.access import Access, Session
    from edge_hub.deployments import DeploymentApi
    from edge_hub.fleet import Fleet
    from edge_hub.idempotency import IdempotentReplies
    from edge_hub.log_api import LogApi
    from edge_hub.mesh_api import MeshApi
    from edge_hub.metric_api import MetricApi
    from edge_hub.policy_api import PolicyApi
    from edge_hub.preview import Previews
    from edge_hub.projects import Projects
    from edge_hub.resource_api import ResourceApi
    from edge_hub.secret_api import SecretApi
    from edge_hub.service_api import ServiceApi
    from edge_hub.stream import Stream
    from edge_hub.task_api import TaskApi
    from edge_hub.tokens import Tokens

OVERVIEW_EVENTS = 10


@dataclass(frozen=True, slots=True)
class Services:
    """What the operations work on."""

    mesh: str
    database: db.Database
    access: Access
    fleet: Fleet
    tokens: Tokens
    projects: Projects
    deployments: DeploymentApi
    mesh_api: MeshApi
    resource_api: ResourceApi
    log_api: LogApi
    metric_api: MetricApi
    service_api: ServiceApi
    secret_api: SecretApi
    policy_api: PolicyApi
    task_api: TaskApi
    previews: Previews
    replies: IdempotentReplies
    stream: Stream


class Api:
    """The operations, and the table that routes to them."""

    def __init__(self, services: Services) -> None:
        self._hub = services

    def routes(self) -> list[Route]:
        """Every operation of the API."""
        page, node = ("limit", "cursor"), "/nodes/{node_id}"
        token = "/enrolment-tokens"  # noqa: S105 (a path)
        return [
            Route("POST", "/sign-in", "Trade a sign-in ticket for a session", self.sign_in,
                  status=204, body=SignIn, public=True, errors=(401,), place=""),
            Route("POST", "/sign-out", "End this session", self.sign_out, status=204, role="any",
                  place=""),
            Route("GET", "/session", "Who is signed in", self.session, reply=SessionView,
                  place=""),
            Route("PATCH", "/session", "Look at another tenant or project", self.change_session,
                  body=SessionChange, reply=SessionView, role="any", errors=(404,), place=""),
            Route("GET", "/projects", "List projects", self.list_projects, reply=ProjectList,
                  query=page, place="tenant"),
            Route("POST", "/projects", "Make a project", self.create_project, status=201,
                  body=NewProject, reply=Named, role="owner", errors=(409,), repeatable=True,
                  place="tenant"),
            Route("GET", "/overview", "The fleet at a glance", self.overview, reply=Overview),
            Route("GET", "/nodes", "List nodes", self.list_nodes, reply=NodeList,
                  query=("filter", *page)),
            Route("POST", "/nodes:batch", "One action on many nodes", self.batch_nodes,
                  body=NodeBatch, reply=BatchReply),
            Route("GET", node, "One node", self.get_node, reply=Node),
            Route("PATCH", node, "Rename or label a node", self.change_node, body=NodeChange,
                  reply=Node, needs_match=True),
            Route("DELETE", node, "Deny a node", self.deny_node, status=204),
            Route("POST", token, "Make an enrolment token", self.create_token, status=201,
                  body=NewToken, reply=TokenMade, repeatable=True, errors=(404,)),
            Route("GET", token, "List enrolment tokens", self.list_tokens, reply=TokenList,
                  query=page),
            Route("DELETE", token + "/{token_id}", "Revoke an enrolment token",
                  self.revoke_token, status=204),
            *self._hub.deployments.routes(),
            *self._hub.mesh_api.routes(),
            *self._hub.log_api.routes(),
            *self._hub.metric_api.routes(),
            *self._hub.resource_api.routes(),
            *self._hub.service_api.routes(),
            *self._hub.secret_api.routes(),
            *self._hub.policy_api.routes(),
            *self._hub.task_api.routes(),
            Route("GET", "/events", "List events, newest first", self.list_events,
                  reply=EventList, query=page),
            Route("GET", "/openapi.json", "This document", self.describe, public=True, place=""),
            Route("GET", "/stream", "Changes as they happen (WebSocket)", self.open_stream,
                  status=101, errors=(403, 426)),
        ]  # fmt: skip

    async def sign_in(self, call: Call) -> web.Response:
        secret = await self._hub.access.redeem_ticket(call.body.ticket)
        response = web.Response(status=204)
        self._hub.access.set_cookie(response, secret)
        return response

    async def sign_out(self, call: Call) -> web.Response:
        await self._hub.access.end(call.signed_in)
        await self._hub.stream.drop(call.signed_in)
        self._hub.previews.drop(call.signed_in.key)
        response = web.Response(status=204)
        self._hub.access.clear_cookie(response)
        return response

    async def session(self, call: Call) -> Reply:
        return Reply(await self._session_view(call.signed_in))

    async def change_session(self, call: Call) -> Reply:
        before = call.signed_in
        if call.body.tenant is None and call.body.project is None:
            raise ProblemError(400, "bad-request", "give a tenant, a project or both")
        scope = await self._hub.projects.scope(before, call.body.tenant, call.body.project)
        session = await self._hub.access.look_at(before, scope)
        self._hub.stream.follow(session)
        self._hub.previews.drop(session.key)
        return Reply(await self._session_view(session))

    async def _session_view(self, who: Session) -> SessionView:
        tenants = await self._hub.projects.tenants(who)
        inside, _ = await self._hub.projects.list(who.scope.tenant)
        return SessionView(
            user=User(who.user, who.role),
            tenant=next(one for one in tenants if one.id == who.scope.tenant),
            project=next(one for one in inside if one.id == who.scope.project),
            tenants=tenants,
            projects=inside,
            version=cantor.__version__,
            mesh=self._hub.mesh,
        )

    async def list_projects(self, call: Call) -> Reply:
        after = decode_cursor(call.request.query.get("cursor"), tuple[str])
        items, last = await self._hub.projects.list(
            call.signed_in.scope.tenant, limit=call.limit, after=after[0] if after else ""
        )
        return Reply(ProjectList(items, encode_cursor((last,) if last else None)))

    async def create_project(self, call: Call) -> Reply:
        async def create() -> Reply:
            made = await self._hub.projects.create(call.signed_in.scope.tenant, call.body)
            self._hub.stream.changed()
            return Reply(made)

        return await self._hub.replies.once(call, create)

    async def overview(self, call: Call) -> Reply:
        counts = NodeCounts()
        for node, _ in (await self._hub.fleet.all(call.signed_in.scope)).values():
            if node.state != "denied":
                setattr(counts, node.state, getattr(counts, node.state) + 1)
        async with self._hub.database.read() as connection:
            latest = await events.latest(connection, call.signed_in.scope, limit=OVERVIEW_EVENTS)
        return Reply(Overview(counts, latest))

    async def list_nodes(self, call: Call) -> Reply:
        query, limit = call.request.query, call.limit
        try:
            wanted = parse_filter(query.get("filter", ""))
        except ConfigError as error:
            raise ProblemError(400, "bad-filter", str(error)) from error
        after = decode_cursor(query.get("cursor"), tuple[str, str])
        everything = await self._hub.fleet.all(call.signed_in.scope)
        found = [node for node, _ in everything.values() if wanted.matches(node)]
        rest = [node for node in found if after is None or (node.name, node.id) > after]
        last = (rest[limit - 1].name, rest[limit - 1].id) if len(rest) > limit else None
        return Reply(NodeList(rest[:limit], encode_cursor(last), len(found)))

    async def get_node(self, call: Call) -> Reply:
        node_id = call.request.match_info["node_id"]
        node, revision = await self._hub.fleet.one(call.signed_in.scope, node_id)
        return Reply(node, {"ETag": _etag(revision)})

    async def change_node(self, call: Call) -> Reply:
        scope, node_id = call.signed_in.scope, call.request.match_info["node_id"]
        changes: dict[str, Any] = {
            name: value
            for name, value in (("name", call.body.name), ("labels", call.body.labels))
            if value is not None
        }
        _, revision = await self._hub.fleet.one(scope, node_id)
        if call.request.headers["If-Match"] not in {"*", _etag(revision)}:
            detail = "this node has changed; load it again"
            raise ProblemError(412, "changed-meanwhile", detail, headers={"ETag": _etag(revision)})
        await self._hub.fleet.change(scope, node_id, changes, revision=revision)
        self._hub.stream.changed()
        return await self.get_node(call)

    async def deny_node(self, call: Call) -> Reply:
        await self._hub.fleet.deny(call.signed_in.scope, call.request.match_info["node_id"])
        self._hub.stream.changed()
        return Reply()

    async def batch_nodes(self, call: Call) -> Reply:
        if (call.body.action == "label") != (call.body.labels is not None):
            raise ProblemError(400, "bad-request", "labels go with the action label only")
        results = [await self._one_of_batch(call, node_id) for node_id in call.body.ids]
        self._hub.stream.changed()
        return Reply(BatchReply(results))

    async def _one_of_batch(self, call: Call, node_id: str) -> BatchResult:
        fleet, scope = self._hub.fleet, call.signed_in.scope
        try:
            if call.body.action == "approve":
                await fleet.approve(scope, node_id)
            elif call.body.action == "deny":
                await fleet.deny(scope, node_id)
            elif call.body.action == "allow":
                await fleet.allow(scope, node_id)
            else:
                node, _ = await fleet.one(scope, node_id)
                await fleet.change(scope, node_id, {"labels": {**node.labels, **call.body.labels}})
        except ProblemError as error:
            return BatchResult(node_id, error.status, error.detail)
        return BatchResult(node_id, 200)

    async def create_token(self, call: Call) -> Reply:
        async def create() -> Reply:
            who = call.signed_in
            made = await self._hub.tokens.create(who.scope, call.body, by=who.user)
            self._hub.stream.changed()
            return Reply(made, {"Cache-Control": "no-store"})

        return await self._hub.replies.once(call, create)

    async def list_tokens(self, call: Call) -> Reply:
        after = decode_cursor(call.request.query.get("cursor"), tuple[float, str])
        items, last = await self._hub.tokens.list(
            call.signed_in.scope, limit=call.limit, after=after
        )
        return Reply(TokenList(items, encode_cursor(last)))

    async def revoke_token(self, call: Call) -> Reply:
        await self._hub.tokens.revoke(call.signed_in.scope, call.request.match_info["token_id"])
        self._hub.stream.changed()
        return Reply()

    async def list_events(self, call: Call) -> Reply:
        before = decode_cursor(call.request.query.get("cursor"), tuple[int])
        limit = call.limit
        async with self._hub.database.read() as connection:
            found = await events.latest(
                connection,
                call.signed_in.scope,
                limit=limit + 1,
                before=before[0] if before else None,
            )
        last = (found[limit - 1].id,) if len(found) > limit else None
        return Reply(EventList(found[:limit], encode_cursor(last)))

    async def describe(self, _call: Call) -> Reply:
        return Reply(openapi(self.routes(), version=cantor.__version__))

    async def open_stream(self, call: Call) -> web.StreamResponse:
        return await self._hub.stream.serve(call.request, call.signed_in)


def _etag(revision: int) -> str:
    return f'"{revision}"'

"""Routes described once: the description checks the request and writes the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from aiohttp import web

from edge_hub.access import SAFE_METHODS, Session, check_intent, check_role
from edge_hub.problems import ProblemError
from edge_hub.schemas import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge_hub.access import Access
    from edge_hub.events import Scope

PREFIX = "/api/v1"
PLACES = {"": "", "tenant": "/tenants/{tenant}", "project": "/tenants/{tenant}/projects/{project}"}
PAGE_ITEMS_DEFAULT = 50
PAGE_ITEMS_MAX = 200
KEY_CHARS_MAX = 128


@dataclass(frozen=True, slots=True)
class Call:
    """One checked request; ``body`` is an instance of the route's body type."""

    request: web.Request
    session: Session | None
    body: Any = None

    @property
    def signed_in(self) -> Session:
        """The session, which every route has that is not public."""
        if self.session is None:
            raise ProblemError(401, "not-signed-in", "open a sign-in link; the hub prints one")
        return self.session

    def location(self, path: str) -> str:
        """Where a thing is that this request made, under the place that the request named."""
        session = self.signed_in
        if not session.fixed:
            return PREFIX + path
        scope = session.scope
        return PREFIX + PLACES["project"].format(tenant=scope.tenant, project=scope.project) + path

    @property
    def limit(self) -> int:
        """The page size asked for."""
        text = self.request.query.get("limit", str(PAGE_ITEMS_DEFAULT))
        if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= PAGE_ITEMS_MAX):
            raise ProblemError(400, "bad-limit", f"limit is a number from 1 to {PAGE_ITEMS_MAX}")
        return int(text)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a handler answers."""

    body: msgspec.Struct | dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)


if TYPE_CHECKING:
    ApiHandler = Callable[[Call], Awaitable[Reply | web.StreamResponse]]
    Scopes = Callable[[Session, str | None, str | None], Awaitable[Scope]]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API.

    ``place``: what it is about. It stands under that tenant and project, and also without them:
    then it is about what the session looks at.
    """

    method: str
    path: str
    summary: str
    handler: ApiHandler
    status: int = 200
    body: type[msgspec.Struct] | None = None
    reply: type[msgspec.Struct] | None = None
    public: bool = False
    needs_match: bool = False
    query: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    role: Literal["", "any", "owner"] = ""
    repeatable: bool = False
    media: str = "application/json"
    place: Literal["", "tenant", "project"] = "project"

    @property
    def may(self) -> str:
        """Who may do it: any, operator (the default for what changes something) or owner."""
        return self.role or ("any" if self.method in SAFE_METHODS else "operator")

    @property
    def name(self) -> str:
        """The operation id."""
        return str(getattr(self.handler, "__name__", self.path))

    @property
    def paths(self) -> dict[str, str]:
        """Each path that leads here, under ``/api/v1``, by its operation id."""
        found = {self.name: PREFIX + self.path}
        if self.place:
            found[f"{self.name}_in_{self.place}"] = PREFIX + PLACES[self.place] + self.path
        return found


def add_routes(
    app: web.Application, routes: list[Route], access: Access, scopes: Scopes, *, https: bool
) -> None:
    """Serve the routes under ``/api/v1``; ``scopes`` says what a session may look at."""
    for route in routes:
        serve = _guarded(route, access, scopes, https)
        for name, path in route.paths.items():
            app.router.add_route(route.method, path, serve, name=name)


def _guarded(
    route: Route, access: Access, scopes: Scopes, https: bool
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        session = None if route.public else await access.session(request)
        check_intent(request, https=https)
        tenant = request.match_info.get("tenant")
        if session is not None and tenant is not None:
            scope = await scopes(session, tenant, request.match_info.get("project"))
            session = replace(session, scope=scope, fixed=True)
        if session is not None:
            check_role(session, route.may)
        if route.needs_match and "If-Match" not in request.headers:
            raise ProblemError(428, "precondition-required", "send If-Match with the ETag of it")
        body = None if route.body is None else await _decode(request, route.body)
        reply = await route.handler(Call(request, session, body))
        if isinstance(reply, web.StreamResponse):
            return reply
        content = b"" if reply.body is None else msgspec.json.encode(reply.body)
        return web.Response(
            status=route.status,
            body=content or None,
            headers=reply.headers,
            content_type="application/json" if content else "application/octet-stream",
        )

    return serve


async def _decode(request: web.Request, kind: type[msgspec.Struct]) -> msgspec.Struct:
    if request.content_type != "application/json":
        raise ProblemError(415, "unsupported-media-type", "send JSON as application/json")
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(400, "bad-request", str(error)[:200]) from error


def openapi(routes: list[Route], *, version: str) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the routes."""
    kinds: dict[str, type[msgspec.Struct]] = {Problem.__name__: Problem}
    for kind in (kind for route in routes for kind in (route.body, route.reply)):
        if kind is not None:
            kinds[kind.__name__] = kind
    ordered = [kinds[name] for name in sorted(kinds)]
    _, components = msgspec.json.schema_components(
        ordered, ref_template="#/components/schemas/{name}"
    )
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        for name, path in route.paths.items():
            paths.setdefault(path, {})[route.method.lower()] = _operation(route, name, path)
    cookie = {"type": "apiKey", "in": "cookie", "name": "cantor_session"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cantor Edge hub", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"session": cookie}},
        "security": [{"session": []}],
    }


def _operation(route: Route, name: str, path: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": route.summary,
        "parameters": _parameters(route, path),
        "responses": _responses(route, path),
    }
    if route.public:
        operation["security"] = []
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.body)}
    return operation


def _parameters(route: Route, path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in names
    ]
    limit = {"type": "integer", "minimum": 1, "maximum": PAGE_ITEMS_MAX}
    found += [
        {"name": name, "in": "query", "schema": limit if name == "limit" else {"type": "string"}}
        for name in route.query
    ]
    if route.method != "GET":
        one = {"type": "string", "const": "1"}
        found.append({"name": "X-Cantor-Request", "in": "header", "required": True, "schema": one})
    if route.needs_match:
        text = {"type": "string"}
        found.append({"name": "If-Match", "in": "header", "required": True, "schema": text})
    if route.repeatable:
        key = {"type": "string", "minLength": 1, "maxLength": KEY_CHARS_MAX}
        found.append({"name": "Idempotency-Key", "in": "header", "schema": key})
    return found


def _responses(route: Route, path: str) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    errors = {405, 421, *route.errors}  # 421: under a name that is not this hub's
    errors |= set() if route.public else {401}
    errors |= {403} if route.method != "GET" else set()
    errors |= {400, 413, 415} if route.body is not None else set()
    errors |= {400} if route.query else set()
    errors |= {404} if "{" in path else set()
    errors |= {412, 428} if route.needs_match else set()
    errors |= {400, 422} if route.repeatable else set()
    done: dict[str, Any] = {"description": HTTPStatus(route.status).phrase}
    if route.reply is not None:
        done["content"] = _json(route.reply)
    elif route.media != "application/json":
        done["content"] = {route.media: {"schema": {"type": "string"}}}
    found: dict[str, Any] = {str(route.status): done}
    for status in sorted(errors):
        found[str(status)] = {"description": HTTPStatus(status).phrase, "content": problem}
    return found


def _json(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{kind.__name__}"}}}

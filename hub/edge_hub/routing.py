"""Routes described once: the description checks the request and writes the OpenAPI document."""

from __future__ import annotations

from dataclasses import dataclass, field
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

PREFIX = "/api/v1"
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


@dataclass(frozen=True, slots=True)
class Route:
    """One operation of the API."""

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

    @property
    def may(self) -> str:
        """Who may do it: any, operator (the default for what changes something) or owner."""
        return self.role or ("any" if self.method in SAFE_METHODS else "operator")

    @property
    def name(self) -> str:
        """The operation id."""
        return str(getattr(self.handler, "__name__", self.path))


def add_routes(app: web.Application, routes: list[Route], access: Access, *, https: bool) -> None:
    """Serve the routes under ``/api/v1``."""
    for route in routes:
        app.router.add_route(
            route.method, PREFIX + route.path, _guarded(route, access, https), name=route.name
        )


def _guarded(
    route: Route, access: Access, https: bool
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def serve(request: web.Request) -> web.StreamResponse:
        session = None if route.public else await access.session(request)
        check_intent(request, https=https)
        if session is not None:
            check_role(session, route.may)
        if route.needs_match and "If-Match" not in request.headers:
            raise ProblemError(428, "precondition-required", "send If-Match with the node's ETag")
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
        paths.setdefault(PREFIX + route.path, {})[route.method.lower()] = _operation(route)
    cookie = {"type": "apiKey", "in": "cookie", "name": "cantor_session"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Cantor Edge hub", "version": version},
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {"session": cookie}},
        "security": [{"session": []}],
    }


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": _responses(route),
    }
    if route.public:
        operation["security"] = []
    if route.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(route.body)}
    return operation


def _parameters(route: Route) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
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


def _responses(route: Route) -> dict[str, Any]:
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    errors = {405, *route.errors}
    errors |= set() if route.public else {401}
    errors |= {403} if route.method != "GET" else set()
    errors |= {400, 413, 415} if route.body is not None else set()
    errors |= {400} if route.query else set()
    errors |= {404} if "{" in route.path else set()
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

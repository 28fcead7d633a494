"""A hub, started and stopped: console, enrolment, and the watch over the mesh."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cantor.base.address import Address
from cantor.base.errors import UnavailableError
from cantor.identity.files import write_durably
from edge_hub.access import Access, check_host
from edge_hub.api import Api, Services
from edge_hub.blueprints import Blueprints
from edge_hub.board import Board
from edge_hub.console import STATIC, add_security_headers, serve_console
from edge_hub.database import Database
from edge_hub.deployment_watch import DeploymentWatch
from edge_hub.deployments import DeploymentApi
from edge_hub.enrolment import Enroller
from edge_hub.events import Scope
from edge_hub.fleet import Fleet
from edge_hub.idempotency import IdempotentReplies
from edge_hub.preview import Previews
from edge_hub.problems import problems_middleware
from edge_hub.projects import Projects
from edge_hub.routing import add_routes
from edge_hub.schemas import Health
from edge_hub.stream import Stream
from edge_hub.tokens import EnrolmentPoint, Tokens
from edge_hub.watch import MeshWatch

if TYPE_CHECKING:
    from cantor.base.clock import Clock
    from cantor.identity.authority import Authority
    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from edge_hub.problems import Handler
    from edge_hub.settings import HubSettings

SHUTDOWN_S_MAX = 2.0
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 (recognised, not listened on)


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub. ``console`` and ``enrol`` are the addresses that it really listens on."""

    settings: HubSettings
    console: Address
    enrol: Address
    tokens: Tokens
    scope: Scope
    _access: Access
    _stack: AsyncExitStack

    async def sign_in_link(self, role: str = "owner") -> str:
        """A link that signs one browser in, once, soon; who it is bears the name of the role."""
        ticket = await self._access.new_ticket(role, role)
        return sign_in_url(self.settings, self.console, ticket)

    async def close(self) -> None:
        """Stop listening, close every console, and close the database."""
        await self._stack.aclose()


def sign_in_url(settings: HubSettings, console: Address, ticket: str) -> str:
    """The link for a ticket; the ticket stands after #, which browsers send to nobody."""
    scheme = "https" if settings.console_is_https else "http"
    host = console
    if console.host in _EVERYWHERE:
        host = Address(settings.hosts[0] if settings.hosts else socket.gethostname(), console.port)
    return f"{scheme}://{host}/sign-in#ticket={ticket}"


def enrolment_point(settings: HubSettings, authority: Authority, enrol: Address) -> EnrolmentPoint:
    """What tokens of this hub carry, when it listens at ``enrol``."""
    host = enrol
    if enrol.host in _EVERYWHERE:
        host = Address(settings.hosts[0] if settings.hosts else socket.gethostname(), enrol.port)
    return EnrolmentPoint(settings.public_enrol or str(host), authority.root_pin)


async def start_hub(
    settings: HubSettings,
    authority: Authority,
    mesh_view: MeshView,
    *,
    clock: Clock,
    pipelines: PipelineControl | None = None,
) -> Hub:
    """Open the database and listen; without ``pipelines`` the hub answers 503 about them.

    Raises:
        UnavailableError: an address is in use.
    """
    async with AsyncExitStack() as stack:
        scope = Scope(authority.tenant, settings.project)
        database = await Database.open(
            settings.database_path, tenant=scope.tenant, project=scope.project
        )
        stack.push_async_callback(database.close)
        access = Access(database, settings, clock, home=scope)
        fleet = Fleet(database, mesh_view, clock, home=scope)
        blueprints = Blueprints()
        board = Board(
            pipelines, mesh_view, home=scope, every_s=settings.figures_every_s,
            masked=blueprints.masked,
        )  # fmt: skip
        stack.push_async_callback(board.close)
        stream = Stream(database, fleet, board, clock, https=settings.console_is_https)
        board.refreshed = lambda: stream.changed(("deployments",))
        enroller = Enroller(
            database,
            authority,
            clock,
            seeds=lambda: [*settings.seeds, *mesh_view.seeds()],
            changed=stream.changed,
        )
        tls = _tls(settings, authority, clock)
        enrol = await _listen(stack, _enrol_app(settings, enroller), settings.enrol, tls)
        tokens = Tokens(database, clock, _announced(settings, authority, enrol))
        replies = IdempotentReplies(clock)
        stack.push_async_callback(replies.close)
        previews = Previews(board, clock)
        services = Services(
            mesh=authority.mesh,
            database=database,
            access=access,
            fleet=fleet,
            tokens=tokens,
            projects=Projects(database, clock),
            deployments=DeploymentApi(
                board, blueprints, fleet, mesh_view, previews, replies, changed=stream.changed
            ),
            previews=previews,
            replies=replies,
            stream=stream,
        )
        await fleet.publish_denied()
        watch = MeshWatch(mesh_view, fleet, home=scope, changed=stream.changed)
        stack.push_async_callback(watch.close)
        if pipelines is not None:
            deployments = _watch_deployments(board, database, clock, mesh_view, services)
            stack.push_async_callback(deployments.close)
        console = await _open_console(stack, settings, services, tls)
        stack.push_async_callback(stream.close)
        stack.push_async_callback(previews.close)
        return Hub(settings, console, enrol, tokens, scope, access, stack.pop_all())


def _watch_deployments(
    board: Board, database: Database, clock: Clock, mesh_view: MeshView, services: Services
) -> DeploymentWatch:
    def alive() -> set[str]:
        return {node.id for node in mesh_view.nodes().values() if node.state != "offline"}

    def changed() -> None:
        services.previews.changed()
        services.stream.changed(("deployments", "events"))

    return DeploymentWatch(board, database, clock, alive=alive, changed=changed)


def _announced(settings: HubSettings, authority: Authority, enrol: Address) -> EnrolmentPoint:
    """Where boxes reach this hub, written down for ``cantor token create``."""
    point = enrolment_point(settings, authority, enrol)
    write_durably(settings.enrol_file, point.hub.encode())
    return point


async def _open_console(
    stack: AsyncExitStack, settings: HubSettings, services: Services, tls: ssl.SSLContext
) -> Address:
    """Serve console and API; the hosts that they answer to are known once the port is."""
    hosts: set[str] = set()
    app = _console_app(settings, services, hosts)
    secure = tls if settings.console_is_https else None
    console = await _listen(stack, app, settings.console, secure)
    hosts.update(_host_headers(settings, console))
    write_durably(settings.console_file, str(console).encode())
    return console


def _console_app(settings: HubSettings, services: Services, hosts: set[str]) -> web.Application:
    @web.middleware
    async def host_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        check_host(request, hosts)
        return await handler(request)

    app = web.Application(
        middlewares=[problems_middleware, host_middleware],
        client_max_size=settings.request_size_bytes_max,
    )
    app.on_response_prepare.append(add_security_headers)
    add_routes(app, Api(services).routes(), services.access, https=settings.console_is_https)
    app.router.add_get("/healthz", _health)
    app.router.add_get("/{path:.*}", serve_console(settings.static or STATIC))
    return app


def _enrol_app(settings: HubSettings, enroller: Enroller) -> web.Application:
    app = web.Application(
        middlewares=[problems_middleware], client_max_size=settings.enrol_size_bytes_max
    )
    app.on_response_prepare.append(add_security_headers)
    app.router.add_post("/enrol", enroller.handle)
    app.router.add_get("/healthz", _health)
    return app


async def _health(_request: web.Request) -> web.Response:
    return web.Response(body=msgspec.json.encode(Health()), content_type="application/json")


async def _listen(
    stack: AsyncExitStack, app: web.Application, address: Address, tls: ssl.SSLContext | None
) -> Address:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    site = web.TCPSite(runner, address.host, address.port, ssl_context=tls)
    try:
        await site.start()
    except OSError as error:
        raise UnavailableError(
            f"cannot listen: {error.strerror}", where=str(address), remedy="choose another address"
        ) from error
    return Address(address.host, int(runner.addresses[0][1]))


def _tls(settings: HubSettings, authority: Authority, clock: Clock) -> ssl.SSLContext:
    names = [settings.enrol.host, settings.console.host, *settings.hosts, "localhost", "127.0.0.1"]
    if settings.public_enrol:
        names.append(Address.parse(settings.public_enrol).host)
    if _EVERYWHERE & set(names):
        names.append(socket.gethostname())
    hosts = [name for name in dict.fromkeys(names) if name not in _EVERYWHERE]
    now = dt.datetime.fromtimestamp(clock.wall(), dt.UTC)
    path = settings.data / "server.pem"
    write_durably(path, authority.issue_server(hosts, now=now))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    context.load_cert_chain(path)
    return context


def _host_headers(settings: HubSettings, console: Address) -> set[str]:
    names = {console.host, *settings.hosts}
    if console.is_loopback:
        names |= {"127.0.0.1", "localhost", "::1"}
    elif console.host in _EVERYWHERE:
        names.add(socket.gethostname())
    default_port = 443 if settings.console_is_https else 80
    allowed = {str(Address(name, console.port)).lower() for name in names}
    if console.port == default_port:
        allowed |= {name.lower() for name in names}
    return allowed

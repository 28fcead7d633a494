"""A hub, started and stopped: console, enrolment, and the watch over the mesh."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cantor.base.address import Address
from cantor.base.errors import CantorError, UnavailableError, reason_of
from cantor.identity.files import write_durably
from cantor.identity.server_certificate import ServerCertificate
from edge_hub.access import Access, check_host
from edge_hub.addresses import (
    certified_hosts,
    console_origin,
    enrolment_point,
    host_headers,
    sign_in_url,
)
from edge_hub.api import Api, Services
from edge_hub.blueprints import Blueprints
from edge_hub.board import Board
from edge_hub.certificate import ListenerCertificate, OwnCertificate
from edge_hub.console import STATIC, add_security_headers, serve_console
from edge_hub.database import Database
from edge_hub.deployment_watch import DeploymentWatch
from edge_hub.deployments import DeploymentApi
from edge_hub.enrolment import Enroller
from edge_hub.events import Scope
from edge_hub.fleet import Fleet
from edge_hub.idempotency import IdempotentReplies
from edge_hub.log_api import LogApi
from edge_hub.mesh_api import MeshApi
from edge_hub.metric_api import MetricApi
from edge_hub.policy_api import PolicyApi
from edge_hub.preview import Previews
from edge_hub.problems import problems_middleware
from edge_hub.projects import Projects
from edge_hub.resource_api import ResourceApi
from edge_hub.routing import add_routes
from edge_hub.schemas import Health
from edge_hub.secret_api import SecretApi
from edge_hub.service_api import ServiceApi
from edge_hub.stream import Stream
from edge_hub.task_api import TaskApi
from edge_hub.task_watch import TaskWatch
from edge_hub.tokens import Tokens
from edge_hub.topics import Topics
from edge_hub.watch import MeshWatch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cantor.base.clock import Clock
    from cantor.identity.authority import Authority
    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from edge_hub.problems import Handler
    from edge_hub.secret_control import SecretControl
    from edge_hub.service_control import ServiceControl
    from edge_hub.settings import HubSettings
    from edge_hub.task_control import TaskControl
    from edge_hub.tokens import EnrolmentPoint
    from edge_hub.topics import Source, Topic

HANDSHAKE_TIMEOUT_S = 5.0
"""Who connects and says nothing holds a descriptor of the hub for so long."""
SHUTDOWN_S_MAX = 2.0
REFRESH_EVERY_S = 86_400.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hub:
    """A running hub.

    ``console`` and ``enrol`` are the addresses that it really listens on, ``origin`` how people
    write the console, ``fingerprint`` that of the console's certificate, empty without TLS.
    """

    settings: HubSettings
    console: Address
    enrol: Address
    origin: str
    fingerprint: str
    tokens: Tokens
    scope: Scope
    _access: Access
    _stack: AsyncExitStack

    async def sign_in_link(self, role: str = "owner") -> str:
        """A link that signs one browser in, once, soon; who it is bears the name of the role."""
        return sign_in_url(self.origin, await self._access.new_ticket(role, role))

    async def close(self) -> None:
        """Stop listening, close every console, and close the database."""
        await self._stack.aclose()


async def start_hub(
    settings: HubSettings, authority: Authority, mesh_view: MeshView, *, clock: Clock,
    pipelines: PipelineControl | None = None, pushed: ServiceControl | None = None,
    tasks: TaskControl | None = None, secrets: SecretControl | None = None,
) -> Hub:  # fmt: skip
    """Open the database and listen.

    About what is left out, such as ``pipelines`` or ``secrets``, the hub answers 503.

    Raises:
        UnavailableError: an address is in use.
    """
    async with AsyncExitStack() as stack:
        scope = Scope(authority.tenant, settings.project)
        database = await _open_database(stack, settings, scope)
        access = Access(database, settings, clock, home=scope)
        fleet = Fleet(database, mesh_view, clock, home=scope)
        blueprints = Blueprints(registry=pipelines.registry if pipelines is not None else None)
        every_s, masked = settings.figures_every_s, blueprints.masked
        board = Board(pipelines, mesh_view, home=scope, every_s=every_s, masked=masked)
        stack.push_async_callback(board.close)
        mesh, resources = MeshApi(fleet, mesh_view), ResourceApi(fleet, mesh_view)
        service_api = ServiceApi(pushed, database, fleet, clock)
        policy = PolicyApi(fleet, mesh_view, database, clock, home=scope)
        task_api, task_watch = TaskApi(tasks, database, fleet, clock), TaskWatch(tasks, fleet)
        found = _sources(mesh, resources, service_api, policy)
        topics = Topics(database, fleet, board, task_watch, found)
        stream = _stream(stack, settings, topics, clock)
        _wake(stream, board, service_api, policy, task_api, task_watch)
        seeds, changed = settings.seeds, stream.changed
        enroller = Enroller(database, authority, clock, mesh_view, seeds=seeds, changed=changed)
        by_mesh, by_console = _certificates(stack, settings, authority, clock)
        enrol = await _listen(stack, _enrol_app(settings, enroller), settings.enrol, by_mesh)
        replies, previews = IdempotentReplies(clock), Previews(board, clock)
        stack.push_async_callback(replies.close)
        deployments = DeploymentApi(
            board, blueprints, fleet, mesh_view, previews, replies, changed=changed
        )
        services = Services(
            mesh=authority.mesh,
            database=database,
            access=access,
            fleet=fleet,
            tokens=Tokens(database, clock, _announced(settings, authority, enrol)),
            projects=Projects(database, clock),
            deployments=deployments,
            mesh_api=mesh,
            resource_api=resources,
            log_api=LogApi(fleet, mesh_view),
            metric_api=MetricApi(fleet, mesh_view),
            service_api=service_api,
            secret_api=SecretApi(secrets, database, fleet, clock, changed),
            policy_api=policy,
            task_api=task_api,
            previews=previews,
            replies=replies,
            stream=stream,
        )
        await fleet.publish_denied()
        _watch_mesh(stack, mesh_view, services, scope)
        if pipelines is not None:
            _watch_deployments(stack, board, clock, mesh_view, services)
        console = await _open_console(stack, settings, services, by_console)
        origin, tokens = console_origin(settings, console), services.tokens
        return Hub(
            settings, console, enrol, origin, by_console.fingerprint if by_console else "",
            tokens, scope, access, stack.pop_all(),
        )  # fmt: skip


async def _open_database(stack: AsyncExitStack, settings: HubSettings, scope: Scope) -> Database:
    path, tenant, project = settings.database_path, scope.tenant, scope.project
    database = await Database.open(path, tenant=tenant, project=project)
    stack.push_async_callback(database.close)
    return database


def _watch_mesh(
    stack: AsyncExitStack, mesh_view: MeshView, services: Services, home: Scope
) -> None:
    """See to it that what changes in the mesh is written down, and shown in the open consoles."""
    watch = MeshWatch(
        mesh_view, services.fleet, services.policy_api, home=home, changed=services.stream.changed
    )
    stack.push_async_callback(watch.close)


def _stream(stack: AsyncExitStack, settings: HubSettings, topics: Topics, clock: Clock) -> Stream:
    """What tells the open consoles; what it follows for them ends with the hub."""
    stack.push_async_callback(topics.tasks.close)
    return Stream(topics, clock, https=settings.console_is_https)


def _sources(
    mesh: MeshApi, resources: ResourceApi, services: ServiceApi, policy: PolicyApi
) -> Mapping[Topic, Source]:
    """What feeds the open consoles of what needs no more than the nodes of a project."""
    return {
        "mesh": lambda _, known: mesh.items(known),
        "resources": lambda _, known: resources.items(known),
        "services": services.items,
        "policy": policy.items,
    }


def _wake(
    stream: Stream,
    board: Board,
    services: ServiceApi,
    policy: PolicyApi,
    tasks: TaskApi,
    task_watch: TaskWatch,
) -> None:
    """Let those who know of changes first tell the open consoles."""
    board.refreshed = partial(stream.changed, ("deployments",))
    services.changed = partial(stream.changed, ("services", "events"))
    policy.changed = partial(stream.changed, ("policy", "events"))
    tasks.changed = partial(stream.changed, ("events",))
    task_watch.refreshed = partial(stream.changed, ("tasks",))


def _watch_deployments(
    stack: AsyncExitStack, board: Board, clock: Clock, mesh_view: MeshView, services: Services
) -> None:
    def alive() -> set[str]:
        return {node.id for node in mesh_view.nodes().values() if node.state in {"online", "stale"}}

    def changed() -> None:
        services.previews.changed()
        services.stream.changed(("deployments", "events"))

    watch = DeploymentWatch(board, services.database, clock, alive=alive, changed=changed)
    stack.push_async_callback(watch.close)


def _announced(settings: HubSettings, authority: Authority, enrol: Address) -> EnrolmentPoint:
    """Where boxes reach this hub, written down for ``cantor token create``."""
    point = enrolment_point(settings, authority, enrol)
    write_durably(settings.enrol_file, point.hub.encode())

    def has_new_root() -> None:
        point.root_pin = authority.root_pin

    authority.watchers.append(has_new_root)
    return point


def _certificates(
    stack: AsyncExitStack, settings: HubSettings, authority: Authority, clock: Clock
) -> tuple[ListenerCertificate, ListenerCertificate | None]:
    """What enrolment and the console prove themselves with; looked at again once a day."""
    by_mesh: ListenerCertificate = ServerCertificate(
        settings.server_certificate, authority, certified_hosts(settings), clock
    )
    by_console: ListenerCertificate | None = by_mesh if settings.console_has_tls else None
    if settings.certificate is not None:
        by_console = OwnCertificate(settings.certificate, settings.key)
    authority.watchers.append(by_mesh.refresh)
    kept = [one for one in (by_mesh, by_console) if one is not None]
    task = asyncio.create_task(_keep_fresh(kept))
    stack.callback(task.cancel)
    return by_mesh, by_console


async def _keep_fresh(certificates: Sequence[ListenerCertificate]) -> None:
    while True:
        await asyncio.sleep(REFRESH_EVERY_S)
        for certificate in certificates:
            try:
                certificate.refresh()
            except (CantorError, OSError):
                _log.exception("a certificate could not be renewed; the one before is used")


async def _open_console(
    stack: AsyncExitStack,
    settings: HubSettings,
    services: Services,
    certificate: ListenerCertificate | None,
) -> Address:
    """Serve console and API; the hosts that they answer to are known once the port is."""
    hosts: set[str] = set()
    app = _console_app(settings, services, hosts)
    console = await _listen(stack, app, settings.console, certificate)
    hosts.update(host_headers(settings, console))
    write_durably(settings.console_file, console_origin(settings, console).encode())
    stack.push_async_callback(services.stream.close)
    stack.push_async_callback(services.previews.close)
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
    add_routes(
        app,
        Api(services).routes(),
        services.access,
        services.projects.scope,
        https=settings.console_is_https,
    )
    app.router.add_get("/healthz", _health)
    app.router.add_get("/{path:.*}", serve_console(settings.static or STATIC))
    return app


def _enrol_app(settings: HubSettings, enroller: Enroller) -> web.Application:
    app = web.Application(
        middlewares=[problems_middleware], client_max_size=settings.enrol_size_bytes_max
    )
    app.on_response_prepare.append(add_security_headers)
    app.router.add_post("/enrol", enroller.handle)
    app.router.add_post("/renew", enroller.renew)
    app.router.add_get("/healthz", _health)
    return app


async def _health(_request: web.Request) -> web.Response:
    return web.Response(body=msgspec.json.encode(Health()), content_type="application/json")


async def _listen(
    stack: AsyncExitStack,
    app: web.Application,
    address: Address,
    certificate: ListenerCertificate | None,
) -> Address:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S_MAX)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    tls = certificate.context if certificate else None
    limit_s = HANDSHAKE_TIMEOUT_S if tls else None
    try:
        server = await asyncio.get_running_loop().create_server(
            _protocols(runner),
            address.host,
            address.port,
            ssl=tls,
            ssl_handshake_timeout=limit_s,
        )
    except OSError as error:
        raise UnavailableError(
            f"cannot listen there: {reason_of(error)}",
            where=str(address),
            remedy="choose another address, or end the program that holds this one",
        ) from error
    stack.callback(server.close)
    return Address(address.host, int(server.sockets[0].getsockname()[1]))


def _protocols(runner: web.AppRunner) -> web.Server:
    """What makes a protocol for each connection; aiohttp's own sites let handshakes last 60 s."""
    server = runner.server
    assert server is not None  # noqa: S101 (it was set up)
    return server

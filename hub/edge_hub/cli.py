"""``cantor hub``: run a hub, save it, and sign in to it.

Exit codes: 0 done, 2 usage or configuration, others as in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.base.errors import ConfigError
from cantor.base.log_format import start_logging
from cantor.cli.exporting import add_export_options, exports_of
from cantor.cli.keeping import add_keeping_options
from cantor.identity.authority_folder import load_authority, make_authority
from cantor.identity.files import make_private_folder
from cantor.node.loop import run_loop
from edge_hub.hub_folder import add_data_option, add_public_enrol_option, existing_authority, say
from edge_hub.settings import PORT_DEFAULT, HubSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.identity.authority import Authority
    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from edge_hub.secret_control import SecretControl
    from edge_hub.service_control import ServiceControl
    from edge_hub.task_control import TaskControl

    JoinMesh = Callable[[HubSettings, Authority], Awaitable["Membership"]]

DEFAULT_MESH = "mesh"
CONSOLE_DEFAULT = "127.0.0.1:8080"


class Membership(Protocol):
    """The hub's own node in the mesh that it serves."""

    view: MeshView

    @property
    def pipelines(self) -> PipelineControl | None:
        """The pipelines of the mesh, if this hub's node has them."""

    @property
    def pushed(self) -> ServiceControl | None:
        """The pushed services of the mesh, if this hub's node has them."""

    @property
    def tasks(self) -> TaskControl | None:
        """The tasks of the mesh, if this hub's node has them."""

    @property
    def secrets(self) -> SecretControl | None:
        """The secrets of the mesh, if this hub's node has them."""

    async def close(self) -> None:
        """Leave the mesh."""


async def join_as_node(settings: HubSettings, authority: Authority) -> Membership:
    """Run the hub's own node in this process."""
    from edge_hub.membership import join_mesh

    return await join_mesh(settings, authority)


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    *,
    join: JoinMesh = join_as_node,
) -> None:
    """Add the verb ``hub``; ``join`` makes the hub a node of its mesh."""
    hub = subparsers.add_parser("hub", help="run the console, API and enrolment of a mesh")
    _add_options(hub)
    hub.add_argument("--mesh", default=DEFAULT_MESH, help="name for a new mesh")
    hub.add_argument("--json", action="store_true", help="print the start line as JSON")
    hub.add_argument("--verbose", action="store_true", help="log each link and dial")
    hub.set_defaults(run=lambda options: run_loop(_serve(options, join)))
    actions = hub.add_subparsers(title="actions", metavar="ACTION")
    for name, run, text in (
        ("backup", _backup, "write database and keys into one file"),
        ("restore", _restore, "put a backup into an empty folder"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("file", type=Path, metavar="FILE")
        action.set_defaults(run=run)
    link = actions.add_parser("link", help="print a new sign-in link of a running hub")
    link.set_defaults(run=lambda options: asyncio.run(_link(options)))
    for action in actions.choices.values():
        add_data_option(action, inherits=True)
        # What stands before the action holds too: one name, one meaning on both sides.
        action.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="JSON")


def _add_options(parser: argparse.ArgumentParser) -> None:
    add_data_option(parser)
    add_public_enrol_option(parser)
    parser.add_argument("--console", default=CONSOLE_DEFAULT, metavar="HOST:PORT")
    parser.add_argument(
        "--certificate",
        type=Path,
        metavar="FILE",
        help="the console's own HTTPS certificate with its chain, PEM (default: one of the mesh)",
    )
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="the key of --certificate, if in another file"
    )
    parser.add_argument(
        "--console-url", default="", metavar="URL", help="what browsers write, behind a proxy"
    )  # fmt: skip
    parser.add_argument("--enrol", default="127.0.0.1:8443", metavar="HOST:PORT")
    parser.add_argument("--host", action="append", default=[], help="a further name of this hub")
    parser.add_argument("--seed", action="append", default=[], metavar="HOST:PORT")
    parser.add_argument(
        "--listen", action="append", metavar="HOST:PORT", help="where the hub's node accepts links"
    )
    parser.add_argument(
        "--interface", action="append", default=[], metavar="IP", help="use only these for mDNS"
    )
    parser.add_argument(
        "--sandbox",
        action="append",
        default=[],
        metavar="[WHO=]LEVEL",
        help="how closed code runs on this machine, also what is pushed in the console: full"
        " (default), net or none; own=LEVEL for the hub's own alone, or the id of a node",
    )
    add_keeping_options(parser)
    add_export_options(parser)


def _key(options: argparse.Namespace) -> Path | None:
    if options.key is not None and options.certificate is None:
        raise ConfigError(
            "is the key of no certificate", where="--key", remedy="give --certificate FILE too"
        )
    key: Path | None = options.key
    return key


def _settings(options: argparse.Namespace) -> HubSettings:
    from cantor.transport.addresses import everywhere
    from edge_hub.addresses import check_console_url

    return HubSettings(
        data=options.data,
        console=Address.parse(options.console),
        enrol=Address.parse(options.enrol),
        public_enrol=str(Address.parse(options.public_enrol)) if options.public_enrol else "",
        console_url=check_console_url(options.console_url) if options.console_url else "",
        certificate=options.certificate,
        key=_key(options),
        hosts=tuple(options.host),
        seeds=tuple(str(Address.parse(seed)) for seed in options.seed),
        mesh=tuple(options.listen or everywhere(PORT_DEFAULT)),
        interfaces=tuple(options.interface),
        sandbox=tuple(options.sandbox),
        service_data=options.service_data,
        logs=options.logs,
        exports=exports_of(options),
    )


def load_or_create_authority(settings: HubSettings, mesh: str) -> Authority:
    """The authority in the hub's folder; a first start makes it for ``mesh``."""
    make_private_folder(settings.data)
    if not settings.authority_folder.exists():
        return make_authority(settings.authority_folder, mesh, now=datetime.now(UTC))
    return load_authority(settings.authority_folder)


async def _serve(options: argparse.Namespace, join: JoinMesh) -> int:
    from edge_hub.app import start_hub

    start_logging(verbose=options.verbose)
    settings = _settings(options)
    authority = load_or_create_authority(settings, options.mesh)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        membership = await join(settings, authority)
        stack.push_async_callback(membership.close)
        hub = await start_hub(
            settings,
            authority,
            membership.view,
            clock=SystemClock(),
            pipelines=membership.pipelines,
            pushed=membership.pushed,
            tasks=membership.tasks,
            secrets=membership.secrets,
        )
        stack.push_async_callback(hub.close)
        link = await hub.sign_in_link()
        started = {"mesh": authority.mesh, "enrol": str(hub.enrol), "console": str(hub.console)}
        if hub.fingerprint:
            started["certificate_sha256"] = hub.fingerprint
        if options.json:
            say(json.dumps({**started, "sign_in": link}))
        else:
            say(f"Mesh {authority.mesh}: enrolment at {hub.enrol}, console at {hub.console}")
            if hub.fingerprint:
                say(f"The console's certificate has the SHA-256 fingerprint {hub.fingerprint}")
            say(f"Sign in once with {link}")
        await stop.wait()
    return 0


async def _link(options: argparse.Namespace) -> int:
    from edge_hub.access import Access
    from edge_hub.addresses import sign_in_url
    from edge_hub.database import Database
    from edge_hub.events import Scope

    settings = _settings(options)
    home = Scope(existing_authority(settings).tenant, settings.project)
    database = await Database.open(settings.database_path, tenant=home.tenant, project=home.project)
    try:
        ticket = await Access(database, settings, SystemClock(), home=home).new_ticket()
    finally:
        await database.close()
    link = sign_in_url(_origin(options, settings), ticket)
    say(json.dumps({"sign_in": link}) if options.json else link)
    return 0


def _origin(options: argparse.Namespace, settings: HubSettings) -> str:
    """The console that was named, else where the hub of this folder is reached, or was last."""
    from edge_hub.addresses import console_origin

    is_named = options.console != CONSOLE_DEFAULT or options.console_url
    if is_named or not settings.console_file.exists():
        return console_origin(settings, settings.console)
    return settings.console_file.read_text()


def _backup(options: argparse.Namespace) -> int:
    from edge_hub.backup import backup

    backup(HubSettings(data=options.data), options.file)
    told = f"Written to {options.file}; it holds the keys of the mesh, so keep it safe"
    say(json.dumps({"file": str(options.file)}) if options.json else told)
    return 0


def _restore(options: argparse.Namespace) -> int:
    from edge_hub.backup import restore

    restore(HubSettings(data=options.data), options.file)
    told = f"Restored into {options.data}"
    say(json.dumps({"data": str(options.data)}) if options.json else told)
    return 0

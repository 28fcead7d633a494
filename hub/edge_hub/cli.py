"""``cantor hub`` and ``cantor token``: run a hub, save it, and hand out enrolment tokens.

Exit codes: 0 done, 1 refused, 2 usage or configuration, others as in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ConfigError
from cantor.cli.folders import default_folder
from cantor.cli.labels import parse_labels
from cantor.cli.table import format_table
from cantor.identity.authority import Authority
from cantor.identity.files import make_private_folder
from edge_hub.settings import LISTEN_DEFAULT, HubSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from edge_hub.events import Scope
    from edge_hub.mesh_view import MeshView
    from edge_hub.pipelines import PipelineControl
    from edge_hub.tokens import Tokens

    JoinMesh = Callable[[HubSettings, Authority], Awaitable["Membership"]]

DEFAULT_MESH = "mesh"
CONSOLE_DEFAULT = "127.0.0.1:8080"


class Membership(Protocol):
    """The hub's own node in the mesh that it serves."""

    view: MeshView

    @property
    def pipelines(self) -> PipelineControl | None:
        """The pipelines of the mesh, if this hub's node has them."""

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
    """Add the verbs ``hub`` and ``token``; ``join`` makes the hub a node of its mesh."""
    hub = subparsers.add_parser("hub", help="run the console, API and enrolment of a mesh")
    _add_options(hub)
    hub.add_argument("--mesh", default=DEFAULT_MESH, help="name for a new mesh")
    hub.add_argument("--json", action="store_true", help="print the start line as JSON")
    hub.set_defaults(run=lambda options: asyncio.run(_serve(options, join)))
    actions = hub.add_subparsers(title="actions", metavar="ACTION")
    for name, run, text in (
        ("backup", _backup, "write database and keys into one file"),
        ("restore", _restore, "put a backup into an empty folder"),
    ):
        action = actions.add_parser(name, help=text)
        action.add_argument("file", type=Path, metavar="FILE")
        _add_data(action, inherits=True)
        action.set_defaults(run=run)
    link = actions.add_parser("link", help="print a new sign-in link of a running hub")
    _add_data(link, inherits=True)
    link.set_defaults(run=lambda options: asyncio.run(_link(options)))
    _register_tokens(subparsers)


def _register_tokens(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    token = subparsers.add_parser("token", help="enrolment tokens of the hub on this machine")
    actions = token.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token and show it once")
    create.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    create.add_argument("--uses", type=int, default=1, metavar="N")
    create.add_argument("--ttl", type=int, default=3600, metavar="SECONDS")
    create.add_argument("--approval", choices=("automatic", "manual"), default="automatic")
    create.set_defaults(act=_create)
    actions.add_parser("list", help="list tokens").set_defaults(act=_list)
    revoke = actions.add_parser("revoke", help="make a token worthless")
    revoke.add_argument("id")
    revoke.set_defaults(act=_revoke)
    for action in actions.choices.values():
        _add_data(action)
        _add_public_enrol(action)
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=lambda options: asyncio.run(_with_tokens(options)))


def _add_data(parser: argparse.ArgumentParser, *, inherits: bool = False) -> None:
    """``inherits``: what was given before the action holds, so that the action sets no default."""
    folder = default_folder() / "hub"
    parser.add_argument(
        "--data", type=Path, default=argparse.SUPPRESS if inherits else folder, metavar="FOLDER",
        help=f"the hub's folder (default: {str(folder).replace('%', '%%')})",
    )  # fmt: skip


def _add_options(parser: argparse.ArgumentParser) -> None:
    _add_data(parser)
    _add_public_enrol(parser)
    parser.add_argument("--console", default=CONSOLE_DEFAULT, metavar="HOST:PORT")
    parser.add_argument("--enrol", default="127.0.0.1:8443", metavar="HOST:PORT")
    parser.add_argument("--host", action="append", default=[], help="a further name of this hub")
    parser.add_argument("--seed", action="append", default=[], metavar="HOST:PORT")
    parser.add_argument(
        "--listen", action="append", metavar="HOST:PORT", help="where the hub's node accepts links"
    )
    parser.add_argument(
        "--interface", action="append", default=[], metavar="IP", help="use only these for mDNS"
    )


def _add_public_enrol(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--public-enrol", default="", metavar="HOST:PORT", help="what tokens say")


def _settings(options: argparse.Namespace) -> HubSettings:
    return HubSettings(
        data=options.data,
        console=Address.parse(options.console),
        enrol=Address.parse(options.enrol),
        public_enrol=str(Address.parse(options.public_enrol)) if options.public_enrol else "",
        hosts=tuple(options.host),
        seeds=tuple(str(Address.parse(seed)) for seed in options.seed),
        mesh=tuple(options.listen or LISTEN_DEFAULT),
        interfaces=tuple(options.interface),
    )


def load_or_create_authority(settings: HubSettings, mesh: str) -> Authority:
    """The authority in the hub's folder; a first start makes it for ``mesh``."""
    make_private_folder(settings.data)
    if not settings.authority_folder.exists():
        Authority.create(mesh, now=datetime.now(UTC)).save(settings.authority_folder)
    return Authority.load(settings.authority_folder)


async def _serve(options: argparse.Namespace, join: JoinMesh) -> int:
    from edge_hub.app import start_hub

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
        )
        stack.push_async_callback(hub.close)
        link = await hub.sign_in_link()
        if options.json:
            started = {"mesh": authority.mesh, "enrol": str(hub.enrol), "console": str(hub.console)}
            _say(json.dumps({**started, "sign_in": link}))
        else:
            _say(f"Mesh {authority.mesh}: enrolment at {hub.enrol}, console at {hub.console}")
            _say(f"Sign in once with {link}")
        await stop.wait()
    return 0


async def _link(options: argparse.Namespace) -> int:
    from edge_hub.access import Access
    from edge_hub.app import sign_in_url
    from edge_hub.database import Database
    from edge_hub.events import Scope

    settings = _settings(options)
    home = Scope(_existing(settings).tenant, settings.project)
    database = await Database.open(settings.database_path, tenant=home.tenant, project=home.project)
    try:
        ticket = await Access(database, settings, SystemClock(), home=home).new_ticket()
    finally:
        await database.close()
    _say(sign_in_url(settings, _console(options, settings), ticket))
    return 0


def _console(options: argparse.Namespace, settings: HubSettings) -> Address:
    """The console that was named, else where the hub of this folder listens or listened last."""
    if options.console != CONSOLE_DEFAULT or not settings.console_file.exists():
        return settings.console
    return Address.parse(settings.console_file.read_text())


def _backup(options: argparse.Namespace) -> int:
    from edge_hub.backup import backup

    backup(HubSettings(data=options.data), options.file)
    _say(f"Written to {options.file}; it holds the keys of the mesh, so keep it safe")
    return 0


def _restore(options: argparse.Namespace) -> int:
    from edge_hub.backup import restore

    restore(HubSettings(data=options.data), options.file)
    _say(f"Restored into {options.data}")
    return 0


async def _with_tokens(options: argparse.Namespace) -> int:
    from edge_hub.database import Database
    from edge_hub.events import Scope
    from edge_hub.problems import ProblemError
    from edge_hub.tokens import EnrolmentPoint, Tokens

    settings = HubSettings(data=options.data)
    authority = _existing(settings)
    scope = Scope(authority.tenant, settings.project)
    hub = _public_enrol(options, settings) if options.act is _create else ""
    point = EnrolmentPoint(hub, authority.root_pin)
    database = await Database.open(
        settings.database_path, tenant=scope.tenant, project=scope.project
    )
    try:
        await options.act(options, Tokens(database, SystemClock(), point), scope)
    except ProblemError as error:
        raise CantorError(error.detail, where="token", remedy="see cantor token list") from error
    finally:
        await database.close()
    return 0


async def _create(options: argparse.Namespace, tokens: Tokens, scope: Scope) -> None:
    import msgspec

    from edge_hub.schemas import NewToken

    wish = {
        "labels": parse_labels(options.label),
        "max_uses": options.uses,
        "ttl_s": options.ttl,
        "approval": options.approval,
    }
    try:
        made = await tokens.create(scope, msgspec.convert(wish, NewToken))
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where="token create", remedy="see --help") from error
    _say(json.dumps(msgspec.to_builtins(made)) if options.json else made.token)


async def _list(options: argparse.Namespace, tokens: Tokens, scope: Scope) -> None:
    import msgspec

    found, after = await tokens.list(scope, limit=1000)
    while after is not None:
        more, after = await tokens.list(scope, limit=1000, after=after)
        found += more
    if options.json:
        _say(json.dumps(msgspec.to_builtins(found)))
        return
    rows = [(one.id, one.state, f"{one.uses}/{one.max_uses}", one.expires_at) for one in found]
    _say(format_table(("ID", "STATE", "USES", "EXPIRES"), rows))


async def _revoke(options: argparse.Namespace, tokens: Tokens, scope: Scope) -> None:
    await tokens.revoke(scope, options.id)
    _say(json.dumps({"id": options.id, "state": "revoked"}) if options.json else "revoked")


def _public_enrol(options: argparse.Namespace, settings: HubSettings) -> str:
    if options.public_enrol:
        return str(Address.parse(options.public_enrol))
    try:
        return settings.enrol_file.read_text()
    except FileNotFoundError as error:
        raise ConfigError(
            "the hub has not run yet, so where boxes reach it is not known",
            where=str(settings.data),
            remedy="start it with cantor hub, or give --public-enrol HOST:PORT",
        ) from error


def _existing(settings: HubSettings) -> Authority:
    if not settings.authority_folder.exists():
        raise ConfigError("holds no hub", where=str(settings.data), remedy="run cantor hub first")
    return Authority.load(settings.authority_folder)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()

"""``cantor token``: enrolment tokens of the hub on this machine.

Exit codes: 0 done, 1 refused, 2 usage or configuration, others as in :mod:`cantor.base.errors`.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ConfigError
from cantor.cli.labels import parse_labels
from cantor.cli.table import format_table
from edge_hub.hub_folder import add_data_option, add_public_enrol_option, existing_authority, say
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    import argparse

    from edge_hub.events import Scope
    from edge_hub.tokens import Tokens

_OPTIONS = {"labels": "--label", "max_uses": "--uses", "ttl_s": "--ttl"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the verb ``token``."""
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
        add_data_option(action)
        add_public_enrol_option(action)
        action.add_argument("--json", action="store_true", help="print JSON")
        action.set_defaults(run=lambda options: asyncio.run(_with_tokens(options)))


async def _with_tokens(options: argparse.Namespace) -> int:
    from edge_hub.database import Database
    from edge_hub.events import Scope
    from edge_hub.problems import ProblemError
    from edge_hub.tokens import EnrolmentPoint, Tokens

    settings = HubSettings(data=options.data)
    authority = existing_authority(settings)
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
        raise _bad_wish(str(error)) from error
    say(json.dumps(msgspec.to_builtins(made)) if options.json else made.token)


def _bad_wish(told: str) -> ConfigError:
    """What msgspec refused, with the option in place of the field."""
    what, _, path = told.partition(" - at ")
    field = path.strip("`").removeprefix("$.").partition("[")[0]
    where = _OPTIONS.get(field, "token create")
    return ConfigError(what, where=where, remedy="see cantor token create --help")


async def _list(options: argparse.Namespace, tokens: Tokens, scope: Scope) -> None:
    import msgspec

    found, after = await tokens.list(scope, limit=1000)
    while after is not None:
        more, after = await tokens.list(scope, limit=1000, after=after)
        found += more
    if options.json:
        say(json.dumps(msgspec.to_builtins(found)))
        return
    rows = [(one.id, one.state, f"{one.uses}/{one.max_uses}", one.expires_at) for one in found]
    say(format_table(("ID", "STATE", "USES", "EXPIRES"), rows))


async def _revoke(options: argparse.Namespace, tokens: Tokens, scope: Scope) -> None:
    await tokens.revoke(scope, options.id)
    say(json.dumps({"id": options.id, "state": "revoked"}) if options.json else "revoked")


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

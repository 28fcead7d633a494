"""``cantor token``: enrolment tokens of the hub or the issuer on this machine, or with ``--hub`` of
the one where this user is logged in.

A layer above names its tokens in the entry-point group ``cantor.token_desks``: a function that
takes a folder and returns a :class:`TokenDesk`, or None if the folder is not one of its own. Exit
codes: 0 done; 2 usage, no such token, or neither a hub nor an issuer here.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.base.ids import parse_node_id
from cantor.base.program import parts
from cantor.cli.labels import parse_labels
from cantor.cli.table import format_table
from cantor.identity.authority_folder import load_authority
from cantor.identity.enrolment import Approval
from cantor.identity.office import Office, TokenWish
from cantor.identity.tokens import EnrolmentToken
from cantor.node.folder import default_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping
    from pathlib import Path

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

DESK_GROUP = "cantor.token_desks"
AUTHORITY_FOLDER = "authority"


class TokenDesk(Protocol):
    """Where tokens are made, listed and revoked. Rows are what ``--json`` prints."""

    def create(
        self, wish: TokenWish, labels: Mapping[str, str], public_enrol: str
    ) -> dict[str, object]:
        """Make a token: ``id``, ``token``, ``command``, ``expires_at``, ``max_uses``.

        Raises:
            ConfigError: the wish cannot be met, or where boxes reach this desk is not known.
        """

    def tokens(self) -> list[dict[str, object]]:
        """Every token, the newest first, with its ``state`` and its ``uses``."""

    def revoke(self, token_id: str) -> None:
        """Make a token worthless.

        Raises:
            CantorError: there is no such token.
        """


class IssuerDesk:
    """The desk of a node that is an issuer."""

    def __init__(self, folder: Path) -> None:
        self._authority = load_authority(folder / AUTHORITY_FOLDER)
        self._office = Office(folder / AUTHORITY_FOLDER)
        self._enrol_file = folder / AUTHORITY_FOLDER / "enrol"

    def create(
        self, wish: TokenWish, labels: Mapping[str, str], public_enrol: str
    ) -> dict[str, object]:
        if labels:
            raise ConfigError(
                "tokens of an issuer give no labels",
                where="--label",
                remedy="give them to the box: cantor agent --label NAME=VALUE",
            )
        address = public_enrol or self._address()
        now_s = time.time()
        token_id, secret = self._office.create(wish, now_s)
        token = EnrolmentToken(address, self._authority.root_pin, secret).text
        return {
            "id": token_id,
            "token": token,
            "command": f"cantor enroll {token}",
            "expires_at": _time(now_s + wish.ttl_s),
            "max_uses": wish.max_uses,
        }

    def tokens(self) -> list[dict[str, object]]:
        return [
            {
                "id": row.id,
                "state": row.state,
                "uses": row.uses,
                "max_uses": row.max_uses,
                "approval": row.approval,
                "expires_at": _time(row.expires_at),
            }
            for row in self._office.tokens(time.time())
        ]

    def revoke(self, token_id: str) -> None:
        self._office.revoke(token_id, time.time())

    def _address(self) -> str:
        if not self._enrol_file.exists():
            raise ConfigError(
                "this issuer has not listened yet, so where boxes reach it is not known",
                where=str(self._enrol_file.parent),
                remedy="start it with cantor agent --enrol HOST:PORT, or give --public-enrol",
            )
        return self._enrol_file.read_text()


def register(verbs: Verbs) -> None:
    """Add the verb."""
    token = verbs.add_parser("token", help="enrolment tokens of the hub or issuer on this machine")
    actions = token.add_subparsers(title="actions", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="make a token and show it once")
    create.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    create.add_argument("--uses", type=int, default=1, metavar="N")
    create.add_argument("--ttl", type=int, default=3600, metavar="SECONDS")
    create.add_argument("--approval", choices=("automatic", "manual"), default="automatic")
    create.add_argument(
        "--replaces", default="", metavar="ID", help="the node whose place the box takes; it is out"
    )
    create.add_argument("--public-enrol", default="", metavar="HOST:PORT", help="what tokens say")
    create.set_defaults(run=_create)
    actions.add_parser("list", help="list tokens").set_defaults(run=_list)
    revoke = actions.add_parser("revoke", help="make a token worthless")
    revoke.add_argument("id")
    revoke.set_defaults(run=_revoke)
    for action in actions.choices.values():
        _add_data_option(action)
        action.add_argument(
            "--hub", action="store_true", help="of the hub where you are logged in (cantor login)"
        )
        action.add_argument("--json", action="store_true", help="print JSON")


def open_desk(folder: Path) -> TokenDesk:
    """The desk in a folder.

    Raises:
        ConfigError: there is neither a hub nor an issuer.
    """
    for point in parts(DESK_GROUP):
        desk: TokenDesk | None = point.load()(folder)
        if desk is not None:
            return desk
    if not (folder / AUTHORITY_FOLDER / "authority.json").exists():
        raise ConfigError(
            "holds no hub and no issuer",
            where=str(folder),
            remedy="run cantor hub or cantor mesh init first, or name another --data",
        )
    return IssuerDesk(folder)


def _desk(options: argparse.Namespace) -> TokenDesk:
    if not options.hub:
        return open_desk(options.data)
    from cantor.cli.hub_desk import RemoteDesk

    return RemoteDesk()


def _create(options: argparse.Namespace) -> int:
    wish = TokenWish(
        options.uses, options.ttl, Approval(options.approval), _node_id(options.replaces)
    )
    public = str(Address.parse(options.public_enrol)) if options.public_enrol else ""
    made = _desk(options).create(wish, parse_labels(options.label), public)
    print(json.dumps(made) if options.json else made["token"])
    return 0


def _list(options: argparse.Namespace) -> int:
    found = _desk(options).tokens()
    if options.json:
        print(json.dumps(found))
    else:
        rows = [
            (str(o["id"]), str(o["state"]), f"{o['uses']}/{o['max_uses']}", str(o["expires_at"]))
            for o in found
        ]
        print(format_table(("ID", "STATE", "USES", "EXPIRES"), rows))
    return 0


def _revoke(options: argparse.Namespace) -> int:
    _desk(options).revoke(options.id)
    print(json.dumps({"id": options.id, "state": "revoked"}) if options.json else "revoked")
    return 0


def _node_id(word: str) -> str:
    try:
        return parse_node_id(word) if word else ""
    except ValueError as error:
        raise ConfigError(
            str(error), where="--replaces", remedy="give the node's whole id"
        ) from error


def _add_data_option(parser: argparse.ArgumentParser) -> None:
    from pathlib import Path

    home = default_folder()
    hub = home / "hub"
    folder = hub if (hub / AUTHORITY_FOLDER).exists() or not _is_issuer(home) else home
    parser.add_argument(
        "--data", type=Path, default=folder, metavar="FOLDER",
        help=f"the folder of the hub or the issuer (default: {str(folder).replace('%', '%%')})",
    )  # fmt: skip


def _is_issuer(folder: Path) -> bool:
    return (folder / AUTHORITY_FOLDER / "authority.json").exists()


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

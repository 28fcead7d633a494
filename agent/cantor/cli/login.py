"""``cantor login``, ``logout`` and ``whoami``: a person at a hub.

A hub has no passwords: it gives out sign-in links that work once. The link buys a session of
bounded life, which is kept for this user. Exit codes: 0 done; 2 no address of a hub; 69 it does not
answer; 77 the link, the session or its certificate does not hold.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from getpass import getpass
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError, IdentityError
from cantor.cli.hub_calls import HubOrigin
from cantor.cli.hub_session import HubSession, forget, keep, kept, new_session, session_file, told

if TYPE_CHECKING:
    import argparse

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_TICKET = "#ticket="


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    login = verbs.add_parser("login", help="speak to a hub from this account")
    login.add_argument("hub", metavar="HUB", help="https://HOST:PORT, or a sign-in link")
    login.add_argument(
        "--fingerprint", default="", metavar="SHA256",
        help="that of the hub's certificate, which it prints when it starts",
    )  # fmt: skip
    login.set_defaults(run=_login)
    logout = verbs.add_parser("logout", help="end the session at the hub")
    logout.set_defaults(run=_logout)
    whoami = verbs.add_parser("whoami", help="say who you are at the hub, and what you may do")
    whoami.set_defaults(run=_whoami)
    for verb in (login, logout, whoami):
        verb.add_argument("--json", action="store_true", help="print JSON")


def _login(options: argparse.Namespace) -> int:
    address, _, ticket = options.hub.strip().partition(_TICKET)
    origin = HubOrigin.parse(address, options.fingerprint)
    if not ticket:
        link = getpass("Sign-in link (cantor hub link prints one): ").strip()
        there, _, ticket = link.rpartition(_TICKET)
        if there and HubOrigin.parse(there).url != origin.url:
            raise ConfigError(
                "the link is of another hub", where=origin.url,
                remedy="log in at the hub that the link names",
            )  # fmt: skip
    session = new_session(origin, ticket)
    keep(session)
    return _say(options, session, session.call("GET", "/session"))


def _logout(options: argparse.Namespace) -> int:
    url = ""
    if session_file().exists():
        try:
            session = kept()
            url = session.url
            session.call("POST", "/sign-out")
        except IdentityError:  # it has ended already
            pass
        finally:
            forget()
    print(json.dumps({"hub": url}) if options.json else "You are logged out")
    return 0


def _whoami(options: argparse.Namespace) -> int:
    session = kept()
    return _say(options, session, session.call("GET", "/session"))


def _say(options: argparse.Namespace, session: HubSession, view: dict[str, Any]) -> int:
    who, ends = view.get("user"), datetime.fromtimestamp(session.expires_at, UTC)
    user = who if isinstance(who, dict) else {}
    row = {
        "hub": session.url,
        "mesh": told(view.get("mesh")),
        "user": told(user.get("name")),
        "role": told(user.get("role")),
        "expires_at": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    if options.json:
        print(json.dumps(row))
    else:
        print(f"{row['user']} ({row['role']}) at {row['hub']}, mesh {row['mesh']}")
        print(f"until {row['expires_at']}", file=sys.stderr)
    return 0

"""The session of a person at a hub, kept in their own folder of settings."""

from __future__ import annotations

import json
import math
import os
import re
import time
from dataclasses import asdict, dataclass
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cantor.base.errors import CantorError, ConfigError, IdentityError, UnavailableError
from cantor.cli.hub_calls import TEXT_CHARACTERS_MAX, HubOrigin
from cantor.identity.files import make_private_folder, read_private, write_durably

if TYPE_CHECKING:
    from collections.abc import Mapping

COOKIES = ("__Host-cantor_session", "cantor_session")
LIFE_S_MAX = 400 * 86400
"""A hub may say that a session lives as long; it looks at its own clock all the same."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,256}")
_REMEDY = "log in again: cantor login HUB"


@dataclass(frozen=True, slots=True)
class HubSession:
    """A person at a hub. ``expires_at`` is in seconds since 1970, as this machine counts."""

    url: str
    fingerprint: str
    cookie: str
    secret: str
    expires_at: float

    @property
    def origin(self) -> HubOrigin:
        """The hub."""
        return HubOrigin(self.url, self.fingerprint)

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """What the hub answers.

        Raises:
            IdentityError: the session has ended, or its certificate is another.
            UnavailableError: it does not answer.
            CantorError: it refuses; the error says what it said.
        """
        cookie = f"{self.cookie}={self.secret}"
        answer = self.origin.call(method, path, body, cookie=cookie)
        if answer.status == 401:
            raise IdentityError("the session has ended", where=self.url, remedy=_REMEDY)
        if answer.status >= 400:
            raise CantorError(
                f"the hub refuses: {told(answer.body.get('detail'))}", where=self.url,
                remedy="cantor whoami says who you are there, and what you may do",
            )  # fmt: skip
        return answer.body


def new_session(origin: HubOrigin, ticket: str) -> HubSession:
    """Trade the ticket of a sign-in link for a session.

    Raises:
        IdentityError: the hub does not take it, or gives nothing for it.
        UnavailableError: it does not answer.
    """
    answer = origin.call("POST", "/sign-in", {"ticket": ticket})
    if answer.status in (400, 401):
        raise IdentityError(
            "this sign-in link was used or is too old", where=origin.url,
            remedy="ask for a new one: cantor hub link, on the hub's machine",
        )  # fmt: skip
    for text in answer.cookies if answer.status < 300 else ():
        found = _session_in(origin, text)
        if found is not None:
            return found
    raise UnavailableError(
        f"what answers gave no session ({answer.status})", where=origin.url,
        remedy="look at the address: it is that of the console",
    )  # fmt: skip


def session_file() -> Path:
    """``$XDG_CONFIG_HOME/cantor/hub.json``, else ``~/.config/cantor/hub.json``."""
    home = os.environ.get("XDG_CONFIG_HOME")
    return (Path(home) if home else Path.home() / ".config") / "cantor" / "hub.json"


def keep(session: HubSession) -> None:
    """From now on commands speak to that hub; only this user can read it."""
    file = session_file()
    make_private_folder(file.parent)
    write_durably(file, json.dumps(asdict(session)).encode())


def kept() -> HubSession:
    """The session of this user.

    Raises:
        IdentityError: there is none, it has ended, or others may read it.
        ConfigError: the file is damaged.
    """
    file = session_file()
    if not file.exists():
        raise IdentityError("you are not logged in at a hub", remedy="cantor login HUB")
    session = _read(file)
    if session.expires_at <= time.time():
        raise IdentityError("the session has ended", where=session.url, remedy=_REMEDY)
    return session


def forget() -> None:
    """Keep none any more."""
    session_file().unlink(missing_ok=True)


def told(value: object) -> str:
    """What a hub said, fit to be printed on a terminal."""
    text = value if isinstance(value, str) else ""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:TEXT_CHARACTERS_MAX])


def _read(file: Path) -> HubSession:
    try:
        found = HubSession(**json.loads(read_private(file)))
        origin = HubOrigin.parse(found.url, found.fingerprint)
        is_whole = found.cookie in COOKIES and _SECRET.fullmatch(found.secret) is not None
        if is_whole and origin == found.origin and math.isfinite(found.expires_at):
            return found
    except (ValueError, TypeError, AttributeError, RecursionError, ConfigError):
        pass  # said below, in one way
    raise ConfigError("what is kept of the session is damaged", where=str(file), remedy=_REMEDY)


def _session_in(origin: HubOrigin, text: str) -> HubSession | None:
    try:
        cookies = SimpleCookie(text[:4096])
        named = next(((name, cookies[name]) for name in COOKIES if name in cookies), None)
        if named is None or not _SECRET.fullmatch(named[1].value):
            return None
        life_s = min(int(named[1]["max-age"]), LIFE_S_MAX)
    except (CookieError, ValueError):
        return None
    ends = time.time() + life_s
    return HubSession(origin.url, origin.fingerprint, named[0], named[1].value, ends)

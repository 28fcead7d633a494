"""``cantor token --hub``: the tokens of the hub where this user is logged in."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from cantor.base.errors import ConfigError, UnavailableError
from cantor.cli.hub_session import kept

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.identity.office import TokenWish

_TOKENS = "/enrolment-tokens"
_MADE = ("id", "token", "command", "expires_at")
_ROW = ("id", "state", "uses", "max_uses", "expires_at")
PAGES_MAX = 1000
"""Of 200 tokens each."""


class RemoteDesk:
    """The desk of that hub: see ``cantor.cli.tokens.TokenDesk``."""

    def __init__(self) -> None:
        """Find the session.

        Raises:
            IdentityError: there is none, or it has ended.
        """
        self._session = kept()

    def create(
        self, wish: TokenWish, labels: Mapping[str, str], public_enrol: str
    ) -> dict[str, object]:
        if public_enrol:
            raise ConfigError(
                "the hub knows where boxes reach it", where="--public-enrol",
                remedy="leave it out, or make the token on the hub's machine",
            )  # fmt: skip
        wanted = {
            "labels": dict(labels),
            "max_uses": wish.max_uses,
            "ttl_s": wish.ttl_s,
            "approval": wish.approval.value,
            "replaces": wish.replaces,
        }
        return self._checked(self._session.call("POST", _TOKENS, wanted), _MADE)

    def tokens(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = []
        after = ""
        for _ in range(PAGES_MAX):
            page = self._session.call("GET", f"{_TOKENS}?limit=200{after}")
            items, later = page.get("items"), page.get("next")
            if not isinstance(items, list):
                raise self._odd()
            found += [self._checked(one, _ROW) for one in items]
            if not later:
                return found
            after = f"&cursor={quote(str(later), safe='')}"
        raise self._odd()

    def revoke(self, token_id: str) -> None:
        self._session.call("DELETE", f"{_TOKENS}/{quote(token_id, safe='')}")

    def _checked(self, row: object, names: tuple[str, ...]) -> dict[str, object]:
        if not isinstance(row, dict):
            raise self._odd()
        for name in names:
            value = row.get(name)
            if not isinstance(value, str | int) or not str(value).isprintable():
                raise self._odd()
        return row

    def _odd(self) -> UnavailableError:
        return UnavailableError(
            "what answers is no hub of this version", where=self._session.url,
            remedy="run the same version there",
        )  # fmt: skip

"""``cantor token`` on the machine of a hub: its tokens without the running hub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ConfigError
from cantor.cli.accounts import local_account
from edge_hub.hub_folder import existing_authority
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from pathlib import Path

    from cantor.identity.office import TokenWish
    from edge_hub.events import Scope
    from edge_hub.tokens import Tokens

_T = TypeVar("_T")


class HubDesk:
    """The tokens in a hub's database: see ``cantor.cli.tokens.TokenDesk``."""

    def __init__(self, settings: HubSettings) -> None:
        self._settings = settings

    def create(
        self, wish: TokenWish, labels: Mapping[str, str], public_enrol: str
    ) -> dict[str, object]:
        import msgspec

        from edge_hub.schemas import NewToken

        asked = {
            "labels": dict(labels),
            "max_uses": wish.max_uses,
            "ttl_s": wish.ttl_s,
            "approval": wish.approval.value,
            "replaces": wish.replaces,
        }
        try:
            new = msgspec.convert(asked, NewToken)
        except msgspec.ValidationError as error:
            raise ConfigError(str(error), where="token create", remedy="see --help") from error

        async def create(tokens: Tokens, scope: Scope) -> dict[str, object]:
            token = await tokens.create(scope, new, by=local_account())
            made: dict[str, object] = msgspec.to_builtins(token)
            return made

        return self._do(create, public_enrol or self._address())

    def tokens(self) -> list[dict[str, object]]:
        import msgspec

        async def everything(tokens: Tokens, scope: Scope) -> list[dict[str, object]]:
            found, after = await tokens.list(scope, limit=1000)
            while after is not None:
                more, after = await tokens.list(scope, limit=1000, after=after)
                found += more
            rows: list[dict[str, object]] = msgspec.to_builtins(found)
            return rows

        return self._do(everything)

    def revoke(self, token_id: str) -> None:
        async def revoke(tokens: Tokens, scope: Scope) -> None:
            await tokens.revoke(scope, token_id)

        self._do(revoke)

    def _do(self, act: Callable[[Tokens, Scope], Awaitable[_T]], address: str = "") -> _T:
        return asyncio.run(self._with_tokens(act, address))

    async def _with_tokens(self, act: Callable[[Tokens, Scope], Awaitable[_T]], address: str) -> _T:
        from edge_hub.database import Database
        from edge_hub.events import Scope
        from edge_hub.problems import ProblemError
        from edge_hub.tokens import EnrolmentPoint, Tokens

        authority = existing_authority(self._settings)
        scope = Scope(authority.tenant, self._settings.project)
        point = EnrolmentPoint(address, authority.root_pin)
        database = await Database.open(
            self._settings.database_path, tenant=scope.tenant, project=scope.project
        )
        try:
            return await act(Tokens(database, SystemClock(), point), scope)
        except ProblemError as error:
            remedy = "see cantor token list"
            raise CantorError(error.detail, where="token", remedy=remedy) from error
        finally:
            await database.close()

    def _address(self) -> str:
        try:
            return self._settings.enrol_file.read_text()
        except FileNotFoundError as error:
            raise ConfigError(
                "the hub has not run yet, so where boxes reach it is not known",
                where=str(self._settings.data),
                remedy="start it with cantor hub, or give --public-enrol HOST:PORT",
            ) from error


def open_desk(folder: Path) -> HubDesk | None:
    """The desk of the hub in a folder; None if it holds none. A node's folder holds its key."""
    settings = HubSettings(data=folder)
    is_hub = settings.authority_folder.exists() and not (folder / "key.pem").exists()
    return HubDesk(settings) if is_hub else None

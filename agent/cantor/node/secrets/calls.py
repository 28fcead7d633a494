"""What the command line and the hub ask about secrets; no answer holds a value, or its hash."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.secret_names import VALUE_BYTES_MAX
from cantor.node.secrets.records import WHO_MAX, checked_key
from cantor.scheduling.shares.terms import DEFAULT_PROJECT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.secrets.book import Known
    from cantor.node.secrets.records import SecretKey
    from cantor.node.secrets.service import Secrets
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value

    Args = dict[str, Value]


class Calls:
    """The calls of one node."""

    def __init__(self, secrets: Secrets, node: Node) -> None:
        self._secrets = secrets
        self._node = node

    def by_name(self) -> Mapping[str, Call]:
        """Each call with its name."""
        return {
            "secret.list": self._list,
            "secret.set": self._set,
            "secret.rotate": self._rotate,
            "secret.remove": self._remove,
        }

    def _list(self, args: Args) -> Value:
        """Every secret, or those of ``project``."""
        project = str(args.get("project") or "")
        known = self._secrets.book.look()
        return [
            self._shown(key, one)
            for key, one in sorted(known.items())
            if one.record.is_kept and project in ("", key.project)
        ]

    async def _set(self, args: Args) -> Value:
        """Keep a secret that there was not; ``value`` are bytes."""
        key, value = self._key(args), _value(args)
        self._node.shares.check(key.project)
        if self._is_there(key):
            raise ConfigError(
                "there is such a secret already",
                where=key.name,
                remedy=f"give it another value: cantor secret rotate {key.name}",
            )
        await self._secrets.set(key, value, _who(args))
        return self._one(key)

    async def _rotate(self, args: Args) -> Value:
        """Give one that there is another value."""
        key, value = self._key(args), _value(args)
        self._check_there(key)
        await self._secrets.set(key, value, _who(args))
        return self._one(key)

    async def _remove(self, args: Args) -> Value:
        """Let every node erase one."""
        key = self._key(args)
        self._check_there(key)
        shown = self._one(key)
        await self._secrets.remove(key, _who(args))
        return {**shown, "wanted": "removed"}

    def _key(self, args: Args) -> SecretKey:
        project = str(args.get("project") or DEFAULT_PROJECT)
        return checked_key(self._node.tenant, project, str(args.get("name") or ""))

    def _is_there(self, key: SecretKey) -> bool:
        known = self._secrets.book.look().get(key)
        return known is not None and known.record.is_kept

    def _check_there(self, key: SecretKey) -> None:
        if not self._is_there(key):
            raise ConfigError(
                f"project {key.project} has no such secret",
                where=key.name,
                remedy="cantor secret list shows them; cantor secret set makes one",
            )

    def _one(self, key: SecretKey) -> dict[str, Value]:
        return self._shown(key, self._secrets.book.look()[key])

    def _shown(self, key: SecretKey, known: Known) -> dict[str, Value]:
        record, views = known.record, self._node.nodes()
        names = {view.id: view.name for view in views}
        alive = self._node.alive()
        nodes: list[Value] = [
            {
                "node": node,
                "name": names.get(node, node[:8]),
                "version": held.version,
                "is_alive": node in alive,
                "is_current": held == record,
            }
            for node, held in sorted(known.nodes.items())
            if held.is_kept
        ]
        return {
            "name": key.name,
            "project": key.project,
            "version": record.version,
            "at": record.at,
            "who": record.who,
            "by": record.by,
            "by_name": names.get(record.by, record.by[:8]),
            "nodes": nodes,
        }


def _who(args: Args) -> str:
    return str(args.get("who") or "")[:WHO_MAX]


def _value(args: Args) -> bytes:
    value = args.get("value")
    if not isinstance(value, bytes) or not value:
        raise ConfigError("there is no value", where="secret", remedy="give it on standard input")
    if len(value) > VALUE_BYTES_MAX:
        raise ConfigError(
            f"the value takes {len(value)} bytes (limit {VALUE_BYTES_MAX})",
            where="secret",
            remedy="keep large files in a bundle, and the key to them in a secret",
        )
    return value

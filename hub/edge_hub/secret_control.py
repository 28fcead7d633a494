"""What the hub asks about the secrets of its mesh, and a fake that a test moves by hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.services import Call
    from cantor.wire.frame import Value

    Row = dict[str, Value]


class SecretControl(Protocol):
    """The secrets of the tenant of the hub's own node."""

    @property
    def tenant(self) -> str:
        """Whose they are."""

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (what that call gives)
        """What ``secret.CALL`` answers: see :mod:`cantor.node.secrets.calls`.

        Raises:
            ConfigError: what was asked is wrong.
            UnavailableError: the node or its disk does not do it now.
        """


class NodeSecrets:
    """The same by the calls of a node; ``calls`` are those of its service ``secrets``."""

    def __init__(self, calls: Mapping[str, Call], tenant: str) -> None:
        self.tenant = tenant
        self._calls = calls

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        answer = self._calls[f"secret.{call}"](args)
        return await answer if inspect.isawaitable(answer) else answer


class FakeSecrets:
    """Secrets in memory, as a node has them; ``values`` are what it keeps."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.values: dict[tuple[str, str], bytes] = {}
        self.rows: dict[tuple[str, str], Row] = {}
        self.error: Exception | None = None

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        if self.error is not None:
            raise self.error
        key = str(args.get("project")), str(args.get("name"))
        if call == "list":
            return [row for known, row in self.rows.items() if known[0] == key[0]]
        if call == "remove":
            self.values.pop(key, None)
            return self.rows.pop(key)
        value = args["value"]
        assert isinstance(value, bytes)  # noqa: S101 (the API gives bytes)
        self.values[key] = value
        version = self.rows.get(key, {}).get("version", 0)
        assert isinstance(version, int)  # noqa: S101 (it is from here)
        self.rows[key] = {
            "name": key[1],
            "project": key[0],
            "version": version + 1,
            "at": 1_800_000_000.0,
            "who": str(args.get("who")),
            "by": "b" * 32,
            "by_name": "hub",
            "nodes": [],
        }
        return self.rows[key]

"""What the hub asks of the services of its mesh, and a fake that a test moves by hand."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.services import Call
    from cantor.wire.frame import Value

    Row = dict[str, Value]


class ServiceControl(Protocol):
    """The pushed services of the tenant of the hub's own node."""

    @property
    def tenant(self) -> str:
        """Whose services they are."""

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (what that call gives)
        """What ``service.CALL`` answers: see :mod:`cantor.node.push.calls`.

        Raises:
            ConfigError, BundleError: what was asked is wrong.
            UnavailableError: a node or the disk does not do it now.
        """

    def views(self) -> list[Row]:
        """Every service that is not removed: see :func:`cantor.node.push.views.view_of`."""


class NodeServices:
    """The same by the calls of a node; ``calls`` are those of its service ``push``."""

    def __init__(self, calls: Mapping[str, Call], tenant: str) -> None:
        self.tenant = tenant
        self._calls = calls

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        answer = self._calls[f"service.{call}"](args)
        return await answer if inspect.isawaitable(answer) else answer

    def views(self) -> list[Row]:
        listed: Any = self._calls["service.list"]({})
        return list(listed)


class FakeServices:
    """Services that are what a test says; ``asked`` tells what was wanted of them.

    ``answers`` are those of each call: a value, or an error that is raised.
    """

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.shown: list[Row] = []
        self.asked: list[tuple[str, Row]] = []
        self.answers: dict[str, object] = {}

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401
        self.asked.append((call, args))
        answer = self.answers.get(call, {})
        if isinstance(answer, Exception):
            raise answer
        return answer

    def views(self) -> list[Row]:
        return list(self.shown)

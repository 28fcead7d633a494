"""Kinds of what nodes keep whose code is imported when somebody asks: most nodes keep none."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from cantor.node.services import Node
    from cantor.node.state.wording import Answer, Kind, Question


class Later:
    """Is the kind ``name`` of that module as soon as it is needed."""

    def __init__(self, node: Node, module: str, name: str) -> None:
        self._node = node
        self._place = module, name
        self._made: Kind | None = None

    @property
    def changing(self) -> frozenset[str]:
        """The operations that must not be done twice."""
        return self._kind().changing

    def answer(self, question: Question) -> Answer | Awaitable[Answer]:
        """Answer what any node of this tenant asks."""
        return self._kind().answer(question)

    async def close(self) -> None:
        """Write what is left."""
        if self._made is not None:
            await self._made.close()

    def _kind(self) -> Kind:
        if self._made is None:
            module, name = self._place
            self._made = cast("Kind", getattr(import_module(module), name)(self._node))
        return self._made

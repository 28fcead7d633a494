"""Waiting for a node's view to change, so that who asks need not ask again and again."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.wire.frame import Value

WAIT_MAX_S = 2.0


class Changes:
    """The control call ``changes``: how often facts or liveness changed since the node started.

    With ``after``, the answer comes when the count is another one, or after ``WAIT_MAX_S`` with the
    same count. ``ledger`` is the digest of the whole ledger in hexadecimal: it is equal on nodes
    that know the same facts. ``digest`` makes it.
    """

    def __init__(self, digest: Callable[[], bytes]) -> None:
        self._digest = digest
        self._count = 0
        self._next = asyncio.Event()

    def changed(self) -> None:
        """The view has changed."""
        self._count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def __call__(self, args: dict[str, Value]) -> Value:
        """Answer the call.

        Raises:
            ConfigError: ``after`` is no number.
        """
        after = args.get("after", -1)
        if not isinstance(after, int):
            raise ConfigError("after must be a count", where="the call changes", remedy="omit it")
        if after == self._count:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._next.wait(), WAIT_MAX_S)
        return {"count": self._count, "ledger": self._digest().hex()}

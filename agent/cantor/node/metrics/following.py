"""What other nodes tell of their metrics, for as long as somebody here asks."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.metering.table import Reader
from cantor.node.metrics.pages import FOLLOW, PAGE
from cantor.node.tenants import check_tenant

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.services import Message, Node

LEASE_S = 30.0
RENEW_S = 10.0
SILENT_S = 4.0
"""A node that said nothing for so long is asked anew."""
KEPT_S = 20.0
"""Who was not asked about for so long is followed no more."""
FIRST_S = 5.0
NODES_MAX = 1000


class _Followed:
    """One other node."""

    def __init__(self) -> None:
        self.reader = Reader()
        self.life = -1
        self.heard = 0.0
        self.asked = 0.0
        self.why = "it has not answered yet"
        self.has_page = asyncio.Event()
        self.has_answered = asyncio.Event()
        """With a page or a refusal."""
        self.is_lost = asyncio.Event()
        self.task: asyncio.Task[None] | None = None


class Following:
    """On the event loop only."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._followed: dict[NodeId, _Followed] = {}

    def start(self) -> None:
        """Hear pages."""
        self._node.on_message(PAGE, self._heard)

    async def close(self) -> None:
        """Follow nobody."""
        tasks = [one.task for one in self._followed.values() if one.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._followed.clear()

    async def page_of(self, node: NodeId) -> Reader:
        """The last sample of a node, at most a few seconds old.

        Raises:
            UnavailableError: it does not answer, or refuses; the reason.
        """
        followed = self._followed.get(node)
        if followed is None:
            if len(self._followed) >= NODES_MAX:
                raise UnavailableError("too many nodes are followed here", where="metrics")
            followed = self._followed[node] = _Followed()
            followed.task = asyncio.ensure_future(self._follow(node, followed))
        followed.asked = self._now()
        if not followed.has_page.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(FIRST_S):
                    await followed.has_answered.wait()
        if not followed.has_page.is_set():
            raise UnavailableError(followed.why, where=f"node {short_name(node)}")
        return followed.reader

    async def _follow(self, node: NodeId, followed: _Followed) -> None:
        """Renew the lease until nobody asks any more."""
        try:
            while self._now() - followed.asked < KEPT_S:
                is_whole = followed.is_lost.is_set() or not followed.has_page.is_set()
                followed.is_lost.clear()
                await self._renew(node, followed, is_whole=is_whole)
                await self._wait(followed)
        finally:
            self._followed.pop(node, None)

    async def _renew(self, node: NodeId, followed: _Followed, *, is_whole: bool) -> None:
        try:
            answer = await self._node.request(node, FOLLOW, {"whole": is_whole}, timeout_s=FIRST_S)
            if answer.body:
                self._take(followed, answer, is_whole=True)
        except CantorError as error:
            followed.why = error.what
            followed.has_page.clear()
        followed.has_answered.set()

    async def _wait(self, followed: _Followed) -> None:
        """Until the lease should be renewed, or pages were lost."""
        end = self._now() + (RENEW_S if followed.has_page.is_set() else 1.0)
        while not followed.is_lost.is_set() and (left := end - self._now()) > 0:
            waiting = asyncio.ensure_future(followed.is_lost.wait())
            await asyncio.wait((waiting,), timeout=min(left, SILENT_S))
            waiting.cancel()
            if followed.has_page.is_set() and self._now() - followed.heard > SILENT_S:
                followed.is_lost.set()

    def _heard(self, message: Message) -> None:
        followed = self._followed.get(message.source)
        if followed is None:
            return  # nobody asks any more: its lease ends by itself
        check_tenant(self._node, self._node.tenant, "metrics", message.source)
        self._take(followed, message, is_whole=False)

    def _take(self, followed: _Followed, message: Message, *, is_whole: bool) -> None:
        life, raw = message.headers.get("life"), b"".join(message.body)
        if type(life) is not int:
            raise RemoteProtocolError("a page of metrics of no life")
        try:
            fits = (is_whole or life == followed.life) and followed.reader.apply(raw)
        except RemoteProtocolError:
            followed.reader = Reader()
            followed.is_lost.set()
            raise
        if not fits:
            followed.is_lost.set()
            return
        followed.life, followed.heard = life, self._now()
        followed.has_page.set()

    def _now(self) -> float:
        return self._node.clock.monotonic()

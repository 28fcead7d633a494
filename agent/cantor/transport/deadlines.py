"""Links never outlive the certificates under them: each is replaced before, and ended then."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from cantor.base.ids import short_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.transport.link import Link
    from cantor.transport.links import Links

REPLACE_BEFORE_S = 3600.0
TRY_EVERY_S = 300.0
_log = logging.getLogger(__name__)


class Deadlines:
    """The ends of a node's links, on one steady clock: a wall clock that is set ends none.

    ``left_s(link)`` is how long the certificates under a new link still hold.
    """

    def __init__(self, links: Links, left_s: Callable[[Link], float]) -> None:
        self._links = links
        self._left_s = left_s
        self._ends: dict[str, float] = {}
        self._tries: dict[str, float] = {}
        self._replacing: set[asyncio.Task[None]] = set()

    def look(self, now_s: float) -> None:
        """Replace the links whose end is near, and end those that are over; about once a second.

        Only who dialled replaces, by dialling again: of two links the newer is kept.
        """
        links = {link.nonce: link for link in self._links.up()}
        for nonce in [nonce for nonce in self._ends if nonce not in links]:
            del self._ends[nonce], self._tries[nonce]
        for nonce, link in links.items():
            if nonce not in self._ends:
                self._begun(link, now_s)
            if now_s >= self._ends[nonce]:
                self._links.close_link(nonce, "a certificate under it has ended")
            elif link.dialled and now_s >= self._tries[nonce]:
                left_s = self._ends[nonce] - now_s
                self._tries[nonce] = now_s + min(TRY_EVERY_S, left_s / 4)
                task = asyncio.ensure_future(self._replace(link))
                self._replacing.add(task)
                task.add_done_callback(self._replacing.discard)

    async def close(self) -> None:
        """End what is under way."""
        for task in self._replacing:
            task.cancel()
        await asyncio.gather(*self._replacing, return_exceptions=True)

    def _begun(self, link: Link, now_s: float) -> None:
        left_s = self._left_s(link)
        self._ends[link.nonce] = now_s + left_s
        # One that begins late in the life of its certificates waits for half of what is left.
        self._tries[link.nonce] = now_s + max(left_s - REPLACE_BEFORE_S, left_s / 2)

    async def _replace(self, link: Link) -> None:
        try:
            await self._links.dial([link.address], link.peer.node_id)
        except CantorError as error:
            peer = short_name(link.peer.node_id)
            _log.info("a link could not be replaced", extra={"peer": peer, "reason": str(error)})

"""A node that runs what names a secret asks those that keep it, one after the other."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING
from zlib import crc32

from cantor.base.errors import (
    CantorError,
    IdentityError,
    RemoteProtocolError,
    SecretError,
    UnavailableError,
)
from cantor.node.secrets.giving import TOPIC
from cantor.node.secrets.records import KIND, record_from
from cantor.node.secrets.store import Kept
from cantor.node.secrets.values import KEY_KIND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from cantor.base.ids import NodeId
    from cantor.node.secrets.book import Known
    from cantor.node.secrets.claims import Claim
    from cantor.node.secrets.records import SecretKey
    from cantor.node.services import Node

ASK_S = 5.0
PAUSE_S, PAUSE_MAX_S = 1.0, 60.0
_log = logging.getLogger(__name__)


class Bringing:
    """On the event loop only. ``take`` keeps what was given, ``public_key`` is what it is sealed
    with.
    """

    def __init__(
        self,
        node: Node,
        take: Callable[[Kept, bytes], Awaitable[None]],
        public_key: Callable[[], bytes],
    ) -> None:
        self._node = node
        self._take = take
        self._public_key = public_key
        self._under_way: dict[SecretKey, asyncio.Task[None]] = {}
        self._pauses: dict[SecretKey, tuple[float, float]] = {}

    async def close(self) -> None:
        """Ask no more."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def begin(self, key: SecretKey, known: Known, claim: Claim) -> None:
        """Bring it in a while; one that failed just now is tried later."""
        now = self._node.clock.monotonic()
        at, pause_s = self._pauses.get(key, (0.0, PAUSE_S))
        if key in self._under_way or now < at or not known.holders & self._node.alive():
            return
        self._pauses[key] = now + pause_s, min(2 * pause_s, PAUSE_MAX_S)
        task = self._under_way[key] = asyncio.ensure_future(self._try(key, known, claim))
        task.add_done_callback(lambda _: self._under_way.pop(key, None))

    async def bring(self, key: SecretKey, known: Known, claim: Claim) -> None:
        """Ask one holder after the other for what holds, and keep it.

        Raises:
            SecretError: they refuse; with why.
            UnavailableError: none of them can be reached.
        """
        me, alive = self._node.node_id, self._node.alive()
        holders = sorted(
            (known.holders & alive) - {me}, key=lambda one: crc32(f"{me}{one}".encode())
        )
        where = f"secret {key.name} of project {key.project}"
        if not holders:
            raise UnavailableError(
                f"no node that keeps it can be reached: {self._named(known.holders - {me})}",
                where=where,
                remedy="start one of them, or set it anew",
            )
        error: CantorError | None = None
        for holder in holders:
            try:
                await self._ask(holder, key, known, claim)
            except (RemoteProtocolError, IdentityError, UnavailableError) as found:
                error = found
            else:
                self._pauses.pop(key, None)
                return
        assert error is not None  # noqa: S101 (there was at least one)
        if isinstance(error, UnavailableError):
            raise error
        raise SecretError(error.what, where=where, remedy=error.remedy) from error

    async def _try(self, key: SecretKey, known: Known, claim: Claim) -> None:
        try:
            await self.bring(key, known, claim)
        except CantorError as error:
            extra = {"what": key.name, "reason": str(error)}
            _log.info("a newer secret is not here yet", extra=extra)

    async def _ask(self, holder: NodeId, key: SecretKey, known: Known, claim: Claim) -> None:
        public = await asyncio.to_thread(self._public_key)
        word = self._node.words.say(KEY_KIND, {"key": public})
        asked = {"project": key.project, "name": key.name}
        answer = await self._node.request(
            holder,
            TOPIC,
            {**asked, "kind": claim.kind, "about": claim.about},
            (word,),
            timeout_s=ASK_S,
        )
        if len(answer.body) != 2:
            raise RemoteProtocolError("an answer without a secret", where=key.name)
        packed, box = (bytes(part) for part in answer.body)
        record = record_from(self._node.words.read(packed, KIND), key)
        if not record.is_kept or record.rank < known.record.rank:
            raise RemoteProtocolError("an answer with an older version", where=key.name)
        kept = Kept(record, packed)
        await self._take(kept, box)

    def _named(self, nodes: set[NodeId]) -> str:
        names = {view.id: view.name for view in self._node.nodes()}
        return ", ".join(sorted(names.get(node, node[:8]) for node in nodes)) or "none is known"

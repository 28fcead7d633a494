"""A node that keeps a secret gives it to one that needs it, sealed for that node alone."""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import TYPE_CHECKING

from cantor.base.allowance import Allowance
from cantor.base.errors import IdentityError, RemoteProtocolError, UnavailableError
from cantor.identity.sealed_box import KEY_BYTES
from cantor.node.secrets.claims import asked_in
from cantor.node.secrets.values import KEY_KIND
from cantor.node.services import Reply
from cantor.node.tenants import check_tenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.secrets.claims import Judge
    from cantor.node.secrets.records import SecretKey
    from cantor.node.secrets.store import Kept, SealedStore
    from cantor.node.services import Message, Node

TOPIC = "secret.give"
GIVEN_PER_S = 50.0
"""Each costs a signature and a seal."""
_log = logging.getLogger(__name__)


class Giving:
    """Answers other nodes; ``kept`` finds what is kept here, ``judge`` who judges a kind."""

    def __init__(
        self,
        node: Node,
        store: SealedStore,
        kept: Callable[[SecretKey], Kept | None],
        judge: Callable[[str], Judge | None],
    ) -> None:
        self._node = node
        self._store = store
        self._kept = kept
        self._judge = judge
        self._allowance = Allowance(GIVEN_PER_S)

    async def answer(self, message: Message) -> Reply:
        """One request.

        Raises:
            RemoteProtocolError: it may not have that, or it is not kept here.
        """
        node = self._node
        check_tenant(node, node.tenant, "secret", message.source)
        if not self._allowance.take(node.clock.monotonic()):
            raise RemoteProtocolError("too much is asked for at once", where=node.name)
        key, kind, about = asked_in(message, node.tenant)
        if why := await self.why_not(message.source, kind, about, key):
            extra = {"what": key.name, "project": key.project, "to": message.source, "reason": why}
            _log.warning("a secret is not given", extra=extra)
            raise RemoteProtocolError(why, where=f"secret {key.name}")
        kept = self._kept(key)
        if kept is None:
            raise RemoteProtocolError("it is not kept here", where=f"secret {key.name}")
        public = self._sealing_key(message)
        try:
            box = await asyncio.to_thread(self._store.sealed_for, kept, public, message.source)
        except (IdentityError, UnavailableError) as error:
            _log.warning("a kept secret is of no use", extra={"reason": str(error)})
            raise RemoteProtocolError("it is damaged here", where=f"secret {key.name}") from error
        extra = {"what": key.name, "project": key.project, "to": message.source}
        _log.info("a secret was given", extra=extra)
        return Reply({}, (kept.packed, box))

    async def why_not(self, asker: NodeId, kind: str, about: str, key: SecretKey) -> str:
        """Why a node may not have a secret for that; "" if it may."""
        judge = self._judge(kind)
        if judge is None:
            return f"nothing of the kind {kind[:20]} has secrets here"
        found = judge(asker, about, key)
        return await found if inspect.isawaitable(found) else found

    def _sealing_key(self, message: Message) -> bytes:
        """The key that the node has signed with its certificate's."""
        try:
            word = self._node.words.read(bytes(message.body[0]), KEY_KIND)
        except (LookupError, IdentityError) as error:
            raise RemoteProtocolError("it has no sealing key", where="secret") from error
        public = word.content.get("key")
        if word.by != message.source or not isinstance(public, bytes) or len(public) != KEY_BYTES:
            raise RemoteProtocolError("a sealing key of another node", where="secret")
        return public

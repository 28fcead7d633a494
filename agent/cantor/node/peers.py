"""Where other nodes are: remembered, heard from the ledger, found by multicast, or reached."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.mesh.events import PeerSeen
from cantor.node.memory import ADDRESSES_PER_PEER_MAX, PEERS_MAX
from cantor.transport.discovery import Discovery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.ids import NodeId
    from cantor.node.memory import NodeMemory

_log = logging.getLogger(__name__)


class Peers:
    """Tells the mesh core through ``post`` where the nodes of ``mesh`` are, ``me`` left out.

    What is known is kept in ``memory``, so that the next start needs no discovery.
    """

    def __init__(
        self, me: NodeId, mesh: str, memory: NodeMemory, post: Callable[[PeerSeen], None]
    ) -> None:
        self._me = me
        self._mesh = mesh
        self._memory = memory
        self._post = post
        self._known = memory.peers()  # who was seen last comes last
        self._alive: dict[NodeId, None] = {}
        self._is_kept = True
        self._discovery: Discovery | None = None

    def say_all(self) -> None:
        """Tell of those that were known before the start."""
        for node, addresses in self._known.items():
            self._seen(node, addresses)

    async def discover(self, port: int, interfaces: Sequence[str]) -> None:
        """Look for nodes by multicast, and let others find this one at ``port``."""
        self._discovery = Discovery(
            self._me, self._mesh, port, self._found, interfaces=tuple(interfaces)
        )
        try:
            await self._discovery.start()
        except OSError as error:
            _log.warning("no discovery here, seeds still work", extra={"reason": str(error)})

    async def close(self) -> None:
        """Look no more, and keep what is known."""
        self._keep()
        if self._discovery is not None:
            await self._discovery.close()

    def reached(self, node: NodeId, address: str) -> None:
        """A link was made there."""
        self._remember(node, [address])
        self._move_last(node)
        self._seen(node, self._known[node])

    def told(self, node: NodeId, addresses: object) -> None:
        """A node that one neighbour knows can be dialled by all: the ledger says where it is."""
        if node != self._me and isinstance(addresses, list):
            usable = [address for address in addresses if isinstance(address, str)]
            self._remember(node, usable)
            asyncio.get_running_loop().call_soon(self._seen, node, usable)

    def came(self, node: NodeId) -> None:
        """A node can be reached from now on: it is seen for as long as that holds."""
        self._alive[node] = None
        self._move_last(node)

    def left(self, node: NodeId) -> None:
        """A node cannot be reached any more: until now it was seen."""
        self._alive.pop(node, None)
        self._move_last(node)

    def forget(self, node: NodeId) -> None:
        """Nobody knows of a node any more: neither need its addresses be kept."""
        if self._known.pop(node, None) is not None:
            self._keep_soon()

    def _seen(self, node: NodeId, addresses: list[str]) -> None:
        self._post(PeerSeen(node, self._mesh, tuple(addresses)))

    def _found(self, node: NodeId, addresses: list[str]) -> None:
        """Multicast does not leave the local network: who is found by it is near."""
        self._post(PeerSeen(node, self._mesh, tuple(addresses), is_near=True))

    def _remember(self, node: NodeId, newest: list[str]) -> None:
        """The newest first."""
        before = self._known.get(node, [])
        after = [*newest, *(address for address in before if address not in newest)]
        if after[:ADDRESSES_PER_PEER_MAX] != before:
            self._known[node] = after[:ADDRESSES_PER_PEER_MAX]
            self._keep_soon()

    def _move_last(self, node: NodeId) -> None:
        addresses = self._known.pop(node, None)
        if addresses is not None:
            self._known[node] = addresses
            if len(self._known) > PEERS_MAX:  # else all are kept, in whatever order
                self._keep_soon()

    def _keep_soon(self) -> None:
        """Once per turn of the event loop: whoever joins hears of a thousand nodes in a moment."""
        if self._is_kept:
            self._is_kept = False
            asyncio.get_running_loop().call_soon(self._keep)

    def _keep(self) -> None:
        if self._is_kept:
            return
        self._is_kept = True
        living = {node: self._known[node] for node in self._known if node in self._alive}
        others = {node: self._known[node] for node in self._known if node not in self._alive}
        self._memory.remember_peers(others | living)

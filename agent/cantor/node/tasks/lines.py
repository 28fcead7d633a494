"""Messages about tasks between this node and others, itself among them.

Small ones share the frames of a stream; large ones travel as bulk, so that they hold up nobody.
So two messages may change their order on the way.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError
from cantor.base.ids import short_name
from cantor.node.tasks.wording import checked, pack_small, unpack_small

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Message as Sent
    from cantor.node.services import Node, Stream
    from cantor.node.tasks.wording import Message, Parts
    from cantor.wire.frame import Buffer

    Heard = Callable[[NodeId, Message, Parts], None]

TOPIC = "tasks"
BULK = 2
_log = logging.getLogger(__name__)


class Lines:
    """``heard`` takes each message with the node that it is from; it may raise what is odd.

    ``gave_up`` hears of large ones that did not reach a node that cannot be reached any more.
    """

    def __init__(
        self, node: Node, heard: Heard, gave_up: Callable[[NodeId, Message], None]
    ) -> None:
        self._node = node
        self._heard = heard
        self._gave_up = gave_up
        self._streams: dict[NodeId, Stream] = {}
        self._bulk: dict[NodeId, dict[asyncio.Task[None], Message]] = {}

    def start(self) -> None:
        """Hear others."""
        self._node.on_stream(TOPIC, self._on_stream)
        self._node.on_message(TOPIC, self._on_message)

    async def close(self) -> None:
        """Send nothing more that is large."""
        tasks = [task for several in self._bulk.values() for task in several]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for node in list(self._streams):
            self.lost(node)

    def tell(self, node: NodeId, message: Message, parts: Parts = ()) -> None:
        """Send a message; it arrives once, unless one of both nodes ends before."""
        if node == self._node.node_id:
            asyncio.get_running_loop().call_soon(self._take, node, message, parts)
            return
        small = pack_small(message, parts)
        if small is None:
            task = asyncio.ensure_future(self._send(node, message, parts))
            several = self._bulk.setdefault(node, {})
            several[task] = message
            task.add_done_callback(lambda task: several.pop(task, None))
            return
        stream = self._streams.get(node)
        if stream is None:
            stream = self._streams[node] = self._node.open_stream(node, TOPIC)
        stream.write(small)

    def lost(self, node: NodeId) -> None:
        """A node cannot be reached: what is large and not with it yet is of no use any more."""
        stream = self._streams.pop(node, None)
        if stream is not None:
            stream.close()
        for task, message in self._bulk.pop(node, {}).items():
            if task.cancel():
                self._gave_up(node, message)

    async def _send(self, node: NodeId, message: Message, parts: Parts) -> None:
        try:
            await self._node.send_reliable(node, TOPIC, {"m": message}, parts, priority=BULK)
        except CantorError as error:
            extra = {"peer": short_name(node), "reason": str(error)}
            _log.warning("a message about tasks could not be sent", extra=extra)

    def _on_stream(self, node: NodeId, bodies: tuple[Buffer, ...]) -> None:
        for body in bodies:
            try:
                message, parts = unpack_small(body)
            except RemoteProtocolError as error:
                self._odd(node, error)
                continue
            self._take(node, message, parts)

    def _on_message(self, sent: Sent) -> None:
        try:
            message = checked(sent.headers.get("m"))
        except RemoteProtocolError as error:
            self._odd(sent.source, error)
            return
        self._take(sent.source, message, sent.body)

    def _take(self, node: NodeId, message: Message, parts: Parts) -> None:
        try:
            self._heard(node, message, parts)
        except (RemoteProtocolError, TypeError, ValueError, LookupError) as error:
            self._odd(node, error)

    @staticmethod
    def _odd(node: NodeId, error: Exception) -> None:
        extra = {"peer": short_name(node), "reason": repr(error)}
        _log.warning("an odd message about tasks", extra=extra)

"""Large messages about variables on their way: reliable, one after another to each node."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError
from cantor.base.ids import short_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.variables.spreading import Message
    from cantor.node.services import Node

TIMEOUT_S = 30.0
WAITING_MAX = 1024
PRIORITY = 2
_log = logging.getLogger(__name__)


class Transfers:
    """What is not sent because too much waits comes with a later comparison.

    While something is on its way to a node its comparisons are not answered with large messages:
    they would repeat that.
    """

    def __init__(self, node: Node, topic: str) -> None:
        self._node = node
        self._topic = topic
        self._waiting: dict[NodeId, deque[Message]] = {}
        self._tasks: dict[NodeId, asyncio.Task[None]] = {}

    def add(self, messages: Iterable[Message]) -> None:
        """Send messages that come together when it is their turn."""
        busy = set(self._waiting)
        for message in messages:
            if message.is_repair and message.to in busy:
                continue
            waiting = self._waiting.setdefault(message.to, deque())
            if len(waiting) < WAITING_MAX:
                waiting.append(message)
            if message.to not in self._tasks:
                self._tasks[message.to] = asyncio.ensure_future(self._send(message.to))

    async def close(self) -> None:
        """Send no more."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _send(self, to: NodeId) -> None:
        waiting = self._waiting[to]
        try:
            while waiting:
                message = waiting[0]
                await self._node.send_reliable(
                    to, self._topic, message.headers, message.body,
                    priority=PRIORITY, timeout_s=TIMEOUT_S,
                )  # fmt: skip
                waiting.popleft()
        except UnavailableError as error:
            _log.info("variables not sent", extra={"to": short_name(to), "reason": str(error)})
        finally:
            del self._waiting[to], self._tasks[to]

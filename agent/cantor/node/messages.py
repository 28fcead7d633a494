"""Messages between services of nodes: topics, requests and answers in DATA frames.

The headers of such a frame: ``t`` topic, ``h`` the headers of the service; a request has a number
``q``, its answer the same number as ``a``, and ``e`` in place of a result if it was refused.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.node.services import Message, Reply
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Answer, Handler
    from cantor.wire.frame import Buffer, Value

ANSWERING_MAX = 1024
_log = logging.getLogger(__name__)


class Messages:
    """The messages of one node. ``post`` takes a frame to the mesh; False if there is no path.

    ``epoch`` makes the ids of messages differ from those before a restart.
    """

    def __init__(self, node: NodeId, epoch: int, post: Callable[[DataFrame], bool]) -> None:
        self._node = node
        self._post = post
        self._ids = itertools.count(epoch % 2**24 << 40)
        self._numbers = itertools.count(1)
        self._handlers: dict[str, Handler] = {}
        self._answers: dict[str, Answer] = {}
        self._asked: dict[int, tuple[NodeId, asyncio.Future[Message]]] = {}
        self._answering: set[asyncio.Task[None]] = set()

    def on_message(self, topic: str, handler: Handler) -> None:
        """Call ``handler`` for every message of this topic."""
        self._handlers[topic] = handler

    def answer(self, topic: str, answer: Answer) -> None:
        """Answer the requests of this topic."""
        self._answers[topic] = answer

    def send(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None,
        body: tuple[Buffer, ...],
        priority: int,
    ) -> bool:
        """Send a message; False if there is no path to the node."""
        return self._send(destination, {"t": topic, "h": headers or {}}, body, priority)

    async def request(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None,
        body: tuple[Buffer, ...],
        *,
        timeout_s: float,
        priority: int,
    ) -> Message:
        """Ask a node and wait for its answer. Raises as ``Node.request`` says."""
        where = f"{topic} on node {short_name(destination)}"
        number = next(self._numbers)
        future: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._asked[number] = (destination, future)
        try:
            asked: dict[str, Value] = {"t": topic, "h": headers or {}, "q": number}
            if not self._send(destination, asked, body, priority):
                raise UnavailableError("there is no path to it", where=where)
            async with asyncio.timeout(timeout_s):
                return await future
        except TimeoutError as error:
            raise UnavailableError(f"no answer in {timeout_s:g} s", where=where) from error
        finally:
            del self._asked[number]

    def delivered(self, frame: DataFrame) -> None:
        """Take a frame that the mesh has brought to this node."""
        headers = frame.headers.get("h")
        topic, question, answered = (frame.headers.get(key) for key in ("t", "q", "a"))
        if not isinstance(headers, dict) or not isinstance(topic, str):
            _log.info("a message without a topic", extra={"source": short_name(frame.source)})
            return
        message = Message(frame.source, headers, frame.body)
        if isinstance(answered, int):
            self._take_answer(answered, message, frame.headers.get("e"))
        elif isinstance(question, int):
            self._begin_answer(topic, question, message, frame.priority)
        elif topic in self._handlers:
            self._handlers[topic](message)

    def lost(self, node: NodeId) -> None:
        """Whoever waits for an answer of this node waits in vain."""
        for destination, future in self._asked.values():
            if destination == node and not future.done():
                where = f"node {short_name(node)}"
                future.set_exception(UnavailableError("it was lost meanwhile", where=where))

    async def close(self) -> None:
        """End the answers under way."""
        for task in self._answering:
            task.cancel()
        await asyncio.gather(*self._answering, return_exceptions=True)

    def _send(
        self,
        destination: NodeId,
        headers: dict[str, Value],
        body: tuple[Buffer, ...],
        priority: int,
    ) -> bool:
        frame = DataFrame(
            Kind.DATA,
            self._node,
            destination,
            message_id=next(self._ids),
            priority=priority,
            headers=headers,
            body=body,
        )
        return self._post(frame)

    def _take_answer(self, number: int, message: Message, refusal: Value) -> None:
        destination, future = self._asked.get(number, (None, None))
        if future is None or future.done() or destination != message.source:
            return
        if refusal is None:
            future.set_result(message)
        else:
            where = f"node {short_name(message.source)}"
            future.set_exception(RemoteProtocolError(str(refusal)[:2000], where=where))

    def _begin_answer(self, topic: str, number: int, message: Message, priority: int) -> None:
        if len(self._answering) >= ANSWERING_MAX:
            _log.warning("too many requests at once", extra={"topic": topic})
            return
        task = asyncio.ensure_future(self._answer(topic, number, message, priority))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _answer(self, topic: str, number: int, message: Message, priority: int) -> None:
        reply, refusal = Reply(), "this node does not answer that"
        answer = self._answers.get(topic)
        if answer is not None:
            try:
                reply, refusal = await answer(message), ""
            except CantorError as error:
                refusal = str(error)
            except Exception:  # noqa: BLE001 (what a service gets wrong must not end the agent)
                _log.exception("an answer failed", extra={"topic": topic})
                refusal = "it failed there; its log says why"
        headers: dict[str, Value] = {"t": topic, "a": number, "h": reply.headers}
        if refusal:
            headers["e"] = refusal
        self._send(message.source, headers, reply.body, priority)

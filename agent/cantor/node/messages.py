"""Messages between services of nodes: topics, requests and answers in DATA frames.

The headers of such a frame: ``t`` topic, ``h`` the headers of the service; a request has a number
``q``, its answer the same number as ``a``, and ``e`` in place of a result if it was refused; ``c``
says that nobody waits for the answer to that number any more.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, ParamSpec

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from cantor.base.ids import short_name
from cantor.node.services import Message, Reply
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.node.services import Answer, Handler
    from cantor.wire.frame import Buffer, Value

ANSWERING_MAX = 2048
"""Of all nodes together; of one no more than is left for the others. More is not answered."""
_P = ParamSpec("_P")
_log = logging.getLogger(__name__)


class Messages:
    """The messages of one node. ``post`` takes a frame to the mesh, or says why not.

    ``epoch`` makes the ids of messages differ from those before a restart.
    """

    def __init__(self, node: NodeId, epoch: int, post: Callable[[DataFrame], str]) -> None:
        self._node = node
        self._post = post
        self._ids = itertools.count(epoch % 2**24 << 40)
        self._handlers: dict[str, Handler] = {}
        self._answers: dict[str, Answer] = {}
        self._asked: dict[int, tuple[NodeId, asyncio.Future[Message]]] = {}
        self._answering: dict[tuple[NodeId, int], asyncio.Future[Reply]] = {}
        self._answering_of: Counter[NodeId] = Counter()
        self._is_closed = False

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
        """Send a message; False if there is no path to the node, or too much waits for it."""
        return not self._send(destination, {"t": topic, "h": headers or {}}, body, priority)

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
        number = next(self._ids)  # not one of a former life, whose answer may still come
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Message] = loop.create_future()
        self._asked[number] = (destination, future)
        timer = loop.call_later(timeout_s, _expire, future)
        has_ended = False
        try:
            refusal = self._send(
                destination, {"t": topic, "h": headers or {}, "q": number}, body, priority
            )
            if refusal:
                has_ended = True
                raise UnavailableError(refusal, where=_where(topic, destination))
            reply = await future
            has_ended = True
        except TimeoutError as error:
            where = _where(topic, destination)
            raise UnavailableError(f"no answer in {timeout_s:g} s", where=where) from error
        except CantorError:
            has_ended = True
            raise
        finally:
            timer.cancel()
            del self._asked[number]
            if not has_ended:
                self._send(destination, {"t": topic, "h": {}, "c": number}, (), priority)
        return reply

    def delivered(self, frame: DataFrame) -> None:
        """Take a frame that the mesh has brought to this node."""
        headers, answered = frame.headers.get("h"), frame.headers.get("a")
        topic = frame.headers.get("t")
        if not isinstance(headers, dict) or not isinstance(topic, str):
            _log.info("a message without a topic", extra={"source": short_name(frame.source)})
            return
        message = Message(frame.source, headers, frame.body)
        if isinstance(answered, int):
            self._take_answer(answered, message, frame.headers.get("e"))
        elif isinstance(question := frame.headers.get("q"), int):
            self._begin_answer(topic, question, message, frame.priority)
        elif isinstance(cancelled := frame.headers.get("c"), int):
            task = self._answering.get((frame.source, cancelled))
            if task is not None:
                task.cancel()
        elif topic in self._handlers:
            self._handlers[topic](message)

    def lost(self, node: NodeId) -> None:
        """Whoever waits for an answer of this node waits in vain."""
        for destination, future in self._asked.values():
            if destination == node and not future.done():
                where = f"node {short_name(node)}"
                future.set_exception(UnavailableError("it was lost meanwhile", where=where))

    async def close(self) -> None:
        """End the answers under way, and begin no more."""
        self._is_closed = True
        tasks = list(self._answering.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _send(
        self,
        destination: NodeId,
        headers: dict[str, Value],
        body: tuple[Buffer, ...],
        priority: int,
    ) -> str:
        return self._post(
            DataFrame(
                Kind.DATA,
                self._node,
                destination,
                next(self._ids),
                priority,
                headers=headers,
                body=body,
            )
        )

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
        answer = self._answers.get(topic)
        if answer is None:
            self._reply(topic, number, message, priority, Reply(), "this node does not answer that")
            return
        key = (message.source, number)
        if key in self._answering or self._is_closed:
            return
        if self._answering_of[message.source] >= ANSWERING_MAX - len(self._answering):
            source = short_name(message.source)
            _log.warning("too many requests at once", extra={"topic": topic, "source": source})
            return
        try:
            result = answer(message)
        except Exception as error:  # noqa: BLE001 (what a service gets wrong must not end the agent)
            self._reply(topic, number, message, priority, Reply(), _refusal(topic, error))
            return
        if isinstance(result, Reply):
            self._reply(topic, number, message, priority, result, "")
            return
        # The answer itself and nothing around it: so it also ends well if it has not begun yet.
        task = self._answering[key] = asyncio.ensure_future(result)
        self._answering_of[message.source] += 1
        task.add_done_callback(partial(self._answered, topic, number, message, priority))

    def _answered(
        self, topic: str, number: int, message: Message, priority: int, task: asyncio.Future[Reply]
    ) -> None:
        del self._answering[(message.source, number)]
        self._answering_of[message.source] -= 1
        if not self._answering_of[message.source]:
            del self._answering_of[message.source]
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self._reply(topic, number, message, priority, task.result(), "")
        else:
            self._reply(topic, number, message, priority, Reply(), _refusal(topic, error))

    def _reply(
        self, topic: str, number: int, message: Message, priority: int, reply: Reply, refusal: str
    ) -> None:
        headers: dict[str, Value] = {"t": topic, "a": number, "h": reply.headers}
        if refusal:
            headers["e"] = refusal
        self._send(message.source, headers, reply.body, priority)


def guarded(topic: str, handler: Callable[_P, None]) -> Callable[_P, None]:
    """The handler; what it gets wrong is logged and does not end the link that brought the message,
    which may be that of an innocent relay.
    """

    def handle(*args: _P.args, **kwargs: _P.kwargs) -> None:
        try:
            handler(*args, **kwargs)
        except Exception:  # noqa: BLE001 (what a service gets wrong must not end the agent)
            _log.exception("a message was not taken", extra={"topic": topic})

    return handle


def _expire(future: asyncio.Future[Message]) -> None:
    if not future.done():
        future.set_exception(TimeoutError())


def _where(topic: str, node: NodeId) -> str:
    return f"{topic} on node {short_name(node)}"


def _refusal(topic: str, error: BaseException) -> str:
    if isinstance(error, CantorError):
        return str(error)
    _log.error("an answer failed", exc_info=error, extra={"topic": topic})
    return "it failed there; its log says why"

"""What a node says to others: messages, requests and streams; and what it takes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.ids import BROADCAST
from cantor.node.messages import guarded

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from cantor.base.ids import NodeId
    from cantor.mesh.core import MeshCore
    from cantor.mesh.graph import Graph
    from cantor.node.fake import FakeStreams
    from cantor.node.grants.grants import Grants
    from cantor.node.grants.reservation import Reservation
    from cantor.node.messages import Messages
    from cantor.node.services import Answer, Handler, Message, Stream, StreamHandler
    from cantor.node.shares.shares import Shares
    from cantor.node.streams import Streams
    from cantor.scheduling.needs import Needs
    from cantor.wire.frame import Buffer, Value


class Talk:
    """The part of :class:`cantor.node.services.Node` that is about what travels, and grants."""

    _core: MeshCore
    _messages: Messages
    _streams: Streams | FakeStreams
    grants: Grants

    @property
    def graph(self) -> Graph:
        """What this node knows of all links."""
        return self._core.graph

    @property
    def shares(self) -> Shares:
        """What projects use of the pool."""
        return self.grants.shares

    def send(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
    ) -> bool:
        """Send a message, at most once; False if there is no path to the node."""
        return self._messages.send(destination, topic, headers, body, priority)

    def on_message(self, topic: str, handler: Handler) -> None:
        """Call ``handler`` for every message of this topic, reliable or not."""
        safe = guarded(topic, handler)
        self._messages.on_message(topic, safe)
        self._streams.on_message(topic, safe)

    def broadcast(
        self,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
    ) -> None:
        """Send a message to every other node that can be reached, each once at most."""
        self._messages.send(BROADCAST, topic, headers, body, priority)

    async def send_reliable(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        priority: int = 1,
        timeout_s: float | None = None,
    ) -> None:
        """Send a message and wait until the node has taken it. Raises as ``Node`` says."""
        await self._streams.send(
            destination, topic, headers or {}, body, priority=priority, timeout_s=timeout_s
        )

    def open_stream(self, destination: NodeId, topic: str, *, priority: int = 1) -> Stream:
        """A stream of messages to a node."""
        return self._streams.open(destination, topic, priority)

    def on_stream(self, topic: str, handler: StreamHandler) -> None:
        """Call ``handler`` for the messages of streams of this topic."""
        self._streams.on_stream(topic, guarded(topic, handler))

    def answer(self, topic: str, answer: Answer) -> None:
        """Answer the requests of this topic."""
        self._messages.answer(topic, answer)

    def request(
        self,
        destination: NodeId,
        topic: str,
        headers: dict[str, Value] | None = None,
        body: tuple[Buffer, ...] = (),
        *,
        timeout_s: float = 5.0,
        priority: int = 1,
    ) -> Coroutine[object, object, Message]:
        """Ask a node and wait for its answer. Raises as ``Node.request`` says."""
        return self._messages.request(
            destination, topic, headers, body, timeout_s=timeout_s, priority=priority
        )

    def reserve(
        self,
        task: str,
        attempt: int,
        wants: Mapping[NodeId, Needs],
        *,
        priority: int = 0,
        project: str = "default",
        may_wait: bool = True,
        may_reclaim: bool = False,
    ) -> Reservation:
        """Take units while some work runs. As ``Node.reserve`` says."""
        return self.grants.reserve(
            task, attempt, wants, priority=priority, project=project, may_wait=may_wait,
            may_reclaim=may_reclaim,
        )  # fmt: skip

    def end_former(self, prefix: str) -> None:
        """Give back what this node held before its restart under names that begin so."""
        self.grants.end_former(prefix)

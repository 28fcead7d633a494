"""Changes as they happen: one WebSocket per console, a snapshot and then deltas."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from edge_hub.access import check_origin
from edge_hub.problems import ProblemError
from edge_hub.topics import TOPICS, Topic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.clock import Clock
    from edge_hub.access import Session
    from edge_hub.topics import Item, Items, Topics

PROTOCOL = 1
CLIENTS_MAX = 256
MESSAGE_SIZE_BYTES_MAX = 4096
SEND_TIME_S_MAX = 10.0
HEARTBEAT_S = 25.0
_log = logging.getLogger(__name__)
REST_S = 0.5
"""Figures come one by one from every node: a console is sent those of so long together."""
RESTING: tuple[Topic, ...] = ("mesh", "resources", "services", "policy", "tasks")
OWN: tuple[Topic, ...] = ("tasks",)
"""They say themselves when they have changed; what is new in the mesh does not matter to them."""
CHANGING: tuple[Topic, ...] = tuple(topic for topic in TOPICS if topic not in OWN)
TOPICS_AT_FIRST: tuple[Topic, ...] = ("nodes", "events")


class Subscribe(msgspec.Struct, tag_field="type", tag="subscribe"):
    """What a console may say: the topics that it wants from now on."""

    topics: Annotated[list[Topic], msgspec.Meta(max_length=8)]


@dataclass(eq=False)
class _Client:
    """One console. ``shown`` is what it has of each topic, by id, as of which ``seq``.

    ``due`` are the topics that may have changed since it was last sent them.
    """

    session: Session
    socket: web.WebSocketResponse
    topics: tuple[Topic, ...] = TOPICS_AT_FIRST
    seq: dict[Topic, int] = field(default_factory=dict)
    shown: dict[Topic, Items] = field(default_factory=dict)
    due: set[Topic] = field(default_factory=lambda: set(TOPICS))
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    from_s: dict[Topic, float] = field(default_factory=dict)

    def look(self, topics: Iterable[Topic]) -> None:
        """Look at these topics again."""
        self.due.update(topics)
        self.wake.set()


class Stream:
    """Every open console, and the watch over the fleet that wakes them.

    ``sources`` give the items of the topics that are neither nodes, events nor deployments.

    Each console is sent the difference to what it was sent last, so that a slow one skips what is
    out of date and never holds a queue.
    """

    def __init__(self, topics: Topics, clock: Clock, *, https: bool) -> None:
        self._topics = topics
        self._clock = clock
        self._https = https
        self._clients: set[_Client] = set()

    def changed(self, topics: Iterable[Topic] = CHANGING) -> None:
        """Wake every console: items of these topics may have changed."""
        for client in self._clients:
            client.look(topics)

    def follow(self, session: Session) -> None:
        """Show another project to the consoles of a session that looks there from now on."""
        for client in [one for one in self._clients if one.session.key == session.key]:
            if client.session.fixed:
                continue
            client.session = session
            client.shown.clear()
            client.look(TOPICS)
        self._watch()

    async def drop(self, session: Session) -> None:
        """Close the consoles of a session that ended."""
        for client in [one for one in self._clients if one.session.key == session.key]:
            await client.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"signed out")

    async def close(self) -> None:
        """Close every console."""
        for client in list(self._clients):
            await client.socket.close(code=WSCloseCode.GOING_AWAY, message=b"hub stops")

    async def serve(self, request: web.Request, session: Session) -> web.StreamResponse:
        """Speak with one console until it goes or its session ends."""
        check_origin(request, https=self._https)
        socket = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_SIZE_BYTES_MAX, timeout=2.0
        )
        if not socket.can_prepare(request):
            raise ProblemError(426, "upgrade-required", "this address speaks WebSocket only")
        if len(self._clients) >= CLIENTS_MAX:
            raise ProblemError(503, "too-many-consoles", "close a console elsewhere and try again")
        await socket.prepare(request)
        client = _Client(session, socket)
        self._clients.add(client)
        writer = asyncio.create_task(self._write(client))
        try:
            remaining_s = session.expires_at - self._clock.wall()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(remaining_s):
                    await self._read(client)
        finally:
            self._clients.discard(client)
            self._watch()
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)
            await socket.close()
        return socket

    async def _read(self, client: _Client) -> None:
        async for message in client.socket:
            if message.type is not WSMsgType.TEXT:
                break
            try:
                wish = msgspec.json.decode(message.data, type=Subscribe)
            except msgspec.DecodeError:
                await client.socket.close(code=WSCloseCode.POLICY_VIOLATION, message=b"unknown")
                return
            client.topics = tuple(topic for topic in TOPICS if topic in wish.topics)
            for topic in [topic for topic in client.shown if topic not in client.topics]:
                del client.shown[topic]
            self._watch()
            client.look(client.topics)

    def _watch(self) -> None:
        """Figures are asked for only while somebody looks at them."""
        self._topics.watch(
            {(client.session.scope, topic) for client in self._clients for topic in client.topics}
        )

    async def _write(self, client: _Client) -> None:
        try:
            await self._send(client, {"type": "hello", "protocol": PROTOCOL})
            while not client.socket.closed:
                client.wake.clear()
                due, client.due = client.due, set()
                _rest(client, due)
                for topic in [topic for topic in client.topics if topic in due]:
                    await self._update(client, topic)
                await client.wake.wait()
        except (ConnectionError, TimeoutError, RuntimeError):
            await client.socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"too slow")
        except Exception:  # noqa: BLE001 (one console must not end with the task unheard)
            _log.exception("a console's stream failed")
            await client.socket.close(code=WSCloseCode.INTERNAL_ERROR)

    async def _update(self, client: _Client, topic: Topic) -> None:
        session = client.session
        now = await self._topics.items(session.scope, topic)
        if client.session is not session or topic not in client.topics:
            return  # it looks elsewhere now, and is due for what it looks at
        before = client.shown.get(topic)
        seq = client.seq.get(topic, 0) + 1
        message: dict[str, Any] = {"type": "snapshot", "topic": topic, "seq": seq}
        if before is None:
            message["items"] = list(now.values())
        else:
            upserts = [item for key, item in now.items() if _differs(item, before.get(key))]
            removed = [key for key in before if key not in now and topic != "events"]
            if not upserts and not removed:
                return
            message |= {"type": "delta", "upserts": upserts, "removed": removed}
        client.seq[topic], client.shown[topic] = seq, now
        await self._send(client, message)

    async def _send(self, client: _Client, message: dict[str, Any]) -> None:
        async with asyncio.timeout(SEND_TIME_S_MAX):
            await client.socket.send_str(msgspec.json.encode(message).decode())


def _differs(item: Item, before: Item | None) -> bool:
    """Whether it must be told; most are the very same, which costs nothing to see."""
    return item is not before and item != before


def _rest(client: _Client, due: set[Topic]) -> None:
    """Put off what this console was sent a moment ago."""
    loop = asyncio.get_running_loop()
    for topic in RESTING:
        if topic not in due or topic not in client.topics:
            continue
        if loop.time() < client.from_s.get(topic, 0.0):
            due.remove(topic)
            loop.call_at(client.from_s[topic], client.look, (topic,))
        else:
            client.from_s[topic] = loop.time() + REST_S

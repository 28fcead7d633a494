"""Links: one authenticated session between two nodes, made of a control and a bulk connection.

The node that dials says hello first and names the link by a nonce. The one that accepts answers
before the link counts, because a TLS 1.3 client learns of a refusal only with the first bytes that
it reads. Bulk opens when a frame of priority 2 first needs it, under the same nonce, and always
from the side that dialled: the other may stand behind an address that cannot be dialled. Until
then, and when bulk is lost, such frames ride on control.

Bulk that carried nothing for a minute closes, without losing a frame: who dialled says on it that
it will send no more there, and goes on reading; the other side sends its rest, and closes.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import CantorError, IdentityError, RemoteProtocolError
from cantor.base.ids import NodeId, short_name
from cantor.identity.contexts import PeerIdentity, client_context, server_context, verify_peer
from cantor.transport.connection import Connection
from cantor.transport.greeting import HANDSHAKE_TIMEOUT_S, Greeting
from cantor.wire import DataFrame, Hello, Kind, agree, hello_frame, parse_hello

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from cantor.identity.store import Identity
    from cantor.wire.frame import Value

DIALS_AT_ONCE_MAX = 16
BULK_IDLE_S = 60.0
_BULK_PRIORITY = 2
_NO_MORE: dict[str, Value] = {"bulk": "no more"}
_log = logging.getLogger(__name__)


class LinkListener(Protocol):
    """Who is told what happens to links; every call comes on the event loop."""

    def link_up(self, peer: PeerIdentity, nonce: str, address: str, *, dialled: bool) -> None:
        """A link is ready for frames; ``address`` is where the other side was reached."""

    def link_down(self, peer: PeerIdentity, nonce: str, reason: str) -> None:
        """A link has ended; frames that had not left are gone."""

    def frame_received(self, peer: PeerIdentity, frame: DataFrame) -> None:
        """A frame arrived over a link."""


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """One link for people: UTC seconds of its begin, bytes that wait; None: bulk is not open."""

    address: str
    dialled: bool
    since_s: float
    control_queued_bytes: int
    bulk_queued_bytes: int | None


@dataclass(slots=True)
class _Link:
    peer: PeerIdentity
    nonce: str
    control: Connection
    address: str
    dialled: bool
    since_s: float
    bulk: Connection | None = None
    bulk_opening: bool = False
    bulk_used: bool = True
    bulk_idle_since_s: float = 0.0


class Links:
    """Every link of one node: accepts and dials them, and carries their frames.

    ``now`` gives trusted seconds since 1970; ``is_denied`` asks the deny list.
    """

    def __init__(
        self,
        identity: Identity,
        listener: LinkListener,
        *,
        now: Callable[[], float],
        is_denied: Callable[[NodeId], bool] = lambda _: False,
    ) -> None:
        self._identity = identity
        self._listener = listener
        self._now = now
        self._is_denied = is_denied
        self._server_context = server_context(identity)
        self._client_context = client_context(identity)
        self._links: dict[str, _Link] = {}
        self._by_connection: dict[Connection, _Link] = {}
        self._greeting: dict[Connection, asyncio.TimerHandle] = {}
        self._servers: list[asyncio.Server] = []
        self._dial_slots = asyncio.Semaphore(DIALS_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int) -> int:
        """Accept links there; returns the port, chosen by the system if 0 was given.

        Raises:
            OSError: the address cannot be used.
        """
        server = await asyncio.get_running_loop().create_server(
            lambda: Connection(self._accepted, self._received, self._lost),
            host,
            port,
            ssl=self._server_context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_S,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    async def dial(self, addresses: Sequence[str], expected: NodeId | None = None) -> None:
        """Open a link through whichever address answers first.

        Args:
            addresses: ``host:port`` of one node.
            expected: who must answer; None for a seed whose name is not known yet.

        Raises:
            CantorError: no address led to a link; says why for each.
        """
        attempts = [asyncio.ensure_future(self._dial_one(a, expected)) for a in addresses]
        failures: list[str] = []
        try:
            for attempt in asyncio.as_completed(attempts):
                try:
                    await attempt
                except CantorError as error:
                    failures.append(str(error))
                else:
                    return
        finally:
            for pending in attempts:
                pending.cancel()
            await asyncio.gather(*attempts, return_exceptions=True)
        raise RemoteProtocolError("; ".join(failures) or "a node without addresses")

    def transmit(self, nonce: str, frame: DataFrame) -> bool:
        """Queue a frame on a link; False if it is gone or its queue is full."""
        link = self._links.get(nonce)
        if link is None:
            return False
        if frame.priority < _BULK_PRIORITY:
            return link.control.send(frame)
        if link.bulk is not None and link.bulk.send(frame):
            link.bulk_used = True
            return True
        self._want_bulk(link)
        return link.control.send(frame)

    def figures(self, nonce: str) -> LinkFigures | None:
        """How a link is; None if it has ended."""
        link = self._links.get(nonce)
        if link is None:
            return None
        return LinkFigures(
            link.address,
            link.dialled,
            link.since_s,
            link.control.queued_bytes,
            link.bulk.queued_bytes if link.bulk is not None else None,
        )

    def measured(self, nonce: str) -> tuple[float, float, float, int] | None:
        """Round trip in s, share lost, bytes per s, bytes carried; None: nobody says."""
        return None

    def close_link(self, nonce: str, reason: str) -> None:
        """End one link after what is queued has left."""
        link = self._links.get(nonce)
        if link is not None:
            if link.bulk is not None:
                link.bulk.close(reason)
            link.control.close(reason)

    def rest(self, now_s: float) -> None:
        """Close the bulk connections that were idle for a minute; ask often, on any steady clock.

        Only who dialled closes, because only it can open the connection again.
        """
        for link in self._links.values():
            if link.bulk_used:
                link.bulk_used, link.bulk_idle_since_s = False, now_s
            elif link.dialled and link.bulk and now_s - link.bulk_idle_since_s >= BULK_IDLE_S:
                me, peer = self._identity.node_id, link.peer.node_id
                goodbye = DataFrame(
                    Kind.HEARTBEAT, me, peer, priority=_BULK_PRIORITY, ttl=1, headers=_NO_MORE
                )
                if link.bulk.send(goodbye):
                    link.bulk = None

    def drop(self, nodes: Collection[NodeId], reason: str) -> None:
        """End every link with these nodes."""
        for link in list(self._links.values()):
            if link.peer.node_id in nodes:
                self.close_link(link.nonce, reason)

    async def close(self) -> None:
        """Stop listening and end every link."""
        for server in self._servers:
            server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in [*self._by_connection, *self._greeting]:
            connection.abort("this node is stopping")
        for server in self._servers:
            await server.wait_closed()

    async def _dial_one(self, address: str, expected: NodeId | None) -> None:
        hello = self._hello(secrets.token_hex(16), "control")
        async with self._dial_slots:
            connection, peer = await self._greet(address, hello)
        if expected is not None and peer.node_id != expected:
            connection.abort("another node answered there")
            raise IdentityError(
                f"node {short_name(peer.node_id)} answers there, not {short_name(expected)}",
                where=address,
            )
        link = _Link(peer, hello.nonce, connection, address, dialled=True, since_s=self._now())
        self._begin(link)

    def _accepted(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._greeting[connection] = loop.call_later(
            HANDSHAKE_TIMEOUT_S, connection.abort, "no hello in time"
        )

    def _received(self, connection: Connection, frame: DataFrame) -> None:
        link = self._by_connection.get(connection)
        if link is not None:
            if connection is not link.control:
                link.bulk_used = True
                if frame.kind == Kind.HEARTBEAT and frame.headers == _NO_MORE:
                    self._end_bulk(link, connection)
                    return
            elif frame.priority >= _BULK_PRIORITY:
                self._want_bulk(link)  # only who dialled can open it, also for the other side
            self._listener.frame_received(link.peer, frame)
            return
        timer = self._greeting.pop(connection, None)
        if timer is None:
            return
        timer.cancel()
        try:
            self._answer(connection, parse_hello(frame))
        except CantorError as error:
            _log.warning("refused a connection", extra={"reason": str(error)})
            connection.close(str(error))

    def _answer(self, connection: Connection, hello: Hello) -> None:
        peer = self._verify(connection)
        if hello.node != peer.node_id:
            raise RemoteProtocolError("its hello names another node than its certificate")
        ours = self._hello(hello.nonce, hello.role)
        agree(ours, hello)
        if hello.role == "bulk":
            self._bind_bulk(connection, peer, hello.nonce)
        elif hello.nonce in self._links:
            raise RemoteProtocolError("a link of that name exists already")
        connection.send(hello_frame(ours, kind=Kind.HELLO_ACK))
        if hello.role == "control":
            address = connection.remote_address
            link = _Link(peer, hello.nonce, connection, address, False, self._now())
            self._begin(link)

    def _bind_bulk(self, connection: Connection, peer: PeerIdentity, nonce: str) -> None:
        link = self._links.get(nonce)
        if link is None or link.peer.node_id != peer.node_id or link.bulk is not None:
            raise RemoteProtocolError("a bulk connection without its control session")
        link.bulk = connection
        self._by_connection[connection] = link

    def _end_bulk(self, link: _Link, connection: Connection) -> None:
        if link.bulk is connection:
            link.bulk = None
        connection.close("bulk was idle")

    def _begin(self, link: _Link) -> None:
        self._links[link.nonce] = link
        self._by_connection[link.control] = link
        self._listener.link_up(link.peer, link.nonce, link.address, dialled=link.dialled)

    def _lost(self, connection: Connection, reason: str) -> None:
        timer = self._greeting.pop(connection, None)
        if timer is not None:
            timer.cancel()
        link = self._by_connection.pop(connection, None)
        if link is None:
            return
        if connection is not link.control:
            if connection is link.bulk:
                link.bulk = None
            return
        self._links.pop(link.nonce, None)
        if link.bulk is not None:
            link.bulk.abort("its control connection ended")
        self._listener.link_down(link.peer, link.nonce, reason)

    def _want_bulk(self, link: _Link) -> None:
        if not link.dialled or link.bulk_opening or link.bulk is not None:
            return
        link.bulk_opening = True
        task = asyncio.ensure_future(self._open_bulk(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_bulk(self, link: _Link) -> None:
        try:
            connection, peer = await self._greet(link.address, self._hello(link.nonce, "bulk"))
        except CantorError as error:
            _log.info("bulk rides on control", extra={"reason": str(error)})
            return
        finally:
            link.bulk_opening = False
        if peer.node_id != link.peer.node_id or link.nonce not in self._links:
            connection.abort("its control connection ended")
            return
        link.bulk = connection
        link.bulk_used = True
        self._by_connection[connection] = link

    def _verify(self, connection: Connection) -> PeerIdentity:
        peer = verify_peer(connection.tls, mesh=self._identity.mesh, now=self._now())
        if peer.node_id == self._identity.node_id:
            raise IdentityError("this node reached itself")
        if self._is_denied(peer.node_id):
            raise IdentityError(f"node {short_name(peer.node_id)} is denied")
        return peer

    async def _greet(self, address: str, hello: Hello) -> tuple[Connection, PeerIdentity]:
        greeting = Greeting(address, hello, self._received, self._lost)
        connection = await greeting.connect(self._client_context)
        try:
            peer = self._verify(connection)
            await greeting.answered()
        except CantorError:
            connection.abort("the handshake did not hold")
            raise
        return connection, peer

    def _hello(self, nonce: str, role: str) -> Hello:
        return Hello(node=self._identity.node_id, mesh=self._identity.mesh, nonce=nonce, role=role)

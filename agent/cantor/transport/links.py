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
import contextlib
import logging
import secrets
from typing import TYPE_CHECKING

from cantor.base.address import Address
from cantor.base.errors import CantorError, IdentityError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId, short_name
from cantor.identity import contexts
from cantor.transport.busy_poll import BusyPoll
from cantor.transport.connection import Connection
from cantor.transport.greeting import Greeting
from cantor.transport.link import Link
from cantor.transport.listener import Listener
from cantor.transport.tls_socket import HANDSHAKE_TIMEOUT_S, SCRATCH_BYTES
from cantor.wire import DataFrame, Hello, Kind, agree, hello_frame, parse_hello
from cantor.wire.records import is_local, unpack

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.store import Identity
    from cantor.transport.link import LinkFigures, LinkListener, LinkMeasure
    from cantor.wire.frame import Buffer, Value
    from cantor.wire.records import Record

DIALS_AT_ONCE_MAX = 16
BULK_IDLE_S = 60.0
GOODBYE_S = 1.0
DRAIN_S = 1.0
_BULK = (2,)
_STOPPING = "this node is stopping"
_NO_MORE: dict[str, Value] = {"bulk": "no more"}
_log = logging.getLogger(__name__)


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
        is_denied: Callable[[PeerIdentity], bool] = lambda _: False,
    ) -> None:
        self._identity = identity
        self._listener = listener
        self._now = now
        self._is_denied = is_denied
        self._server_context = contexts.server_context(identity)
        self._client_context = contexts.client_context(identity)
        self._links: dict[str, Link] = {}
        self._by_connection: dict[Connection, Link] = {}
        self._greeting: dict[Connection, asyncio.TimerHandle] = {}
        self._listeners: list[Listener] = []
        self._busy_poll = BusyPoll()
        self._scratch = memoryview(bytearray(SCRATCH_BYTES))
        self._has_ended = asyncio.Event()
        self._dial_slots = asyncio.Semaphore(DIALS_AT_ONCE_MAX)
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def listen(self, host: str, port: int) -> int:
        """Accept links there; returns the port, chosen by the system if 0 was given.

        Raises:
            OSError: the address cannot be used.
        """
        self._listeners.append(Listener(self._greet_dialler))
        return await self._listeners[-1].listen(Address(host, port))

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

    def pump(self, nonce: str) -> None:
        """Write what waits for a link, as far as its connections have room."""
        link = self._links.get(nonce)
        if link is None:
            return
        if link.bulk is None:
            if self._listener.take_bulk_wish(nonce):
                self._want_bulk(link)
            self._fill(link, link.control, "control", (0, 1, 2))
            return
        self._fill(link, link.control, "control", (0, 1))
        if self._fill(link, link.bulk, "bulk", _BULK):
            link.bulk_used = True

    def pass_on(self, nonce: str, channel: int, record: Buffer) -> bool:
        """Write one small frame that is not bulk, if there is room; whether it was written."""
        link = self._links.get(nonce)
        if link is None or channel in _BULK or not link.control.room:
            return False
        return bool(link.control.write([record]))

    def _fill(
        self, link: Link, connection: Connection, name: str, channels: tuple[int, ...]
    ) -> bool:
        wrote = False
        while room := connection.room:
            buffers = self._listener.take(link.nonce, name, channels, room, connection.chunk)
            if not buffers:
                break
            wrote = True
            if connection.write(buffers) < room:
                break  # nothing more waits
        return wrote

    def measure(self, nonce: str) -> LinkMeasure | None:
        """What the kernel knows of a link; None if it has ended or the kernel does not tell."""
        link = self._links.get(nonce)
        return link.measure() if link is not None else None

    def figures(self, nonce: str) -> LinkFigures | None:
        """How a link is; None if it has ended."""
        link = self._links.get(nonce)
        return link.figures() if link is not None else None

    def is_acknowledged(self, nonce: str) -> bool:
        """Whether the other side's system has acknowledged something a moment ago."""
        link = self._links.get(nonce)
        return link is not None and link.control.is_acknowledged

    def close_link(self, nonce: str, reason: str) -> None:
        """End one link after what is queued has left."""
        self.pump(nonce)
        link = self._links.get(nonce)
        if link is None:
            return
        if any(o.peer.node_id == link.peer.node_id and o is not link for o in self.up()):
            # Replaced: what the other side sent before it knew of the new link is still to be read.
            asyncio.get_running_loop().call_later(DRAIN_S, link.close, reason)
        else:
            link.close(reason)

    def rest(self, now_s: float) -> None:
        """Close the bulk connections that were idle for a minute; ask often, on any steady clock.

        Only who dialled closes, because only it can open the connection again.
        """
        for link in self._links.values():
            if link.bulk_used:
                link.bulk_used, link.bulk_idle_since_s = False, now_s
            elif link.dialled and link.bulk and now_s - link.bulk_idle_since_s >= BULK_IDLE_S:
                me, peer = self._identity.node_id, link.peer.node_id
                link.bulk.say(DataFrame(Kind.HEARTBEAT, me, peer, priority=2, headers=_NO_MORE))
                link.bulk = None
                self._listener.take_bulk_wish(link.nonce)

    def renew(self, identity: Identity) -> None:
        """Show another certificate, and trust its roots, in new handshakes; links stay."""
        contexts.reload(self._server_context, identity)
        contexts.reload(self._client_context, identity)
        self._identity = identity

    def up(self) -> list[Link]:
        """Every link that is up."""
        return list(self._links.values())

    def drop_denied(self, reason: str) -> None:
        """End every link with a node that is denied now."""
        for link in self.up():
            if self._is_denied(link.peer):
                self.close_link(link.nonce, reason)

    async def close(self) -> None:
        """Stop listening, end every link and begin no more: not with who is just being greeted."""
        self._is_closed = True
        for listener in self._listeners:
            listener.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in [*self._by_connection, *self._greeting]:
            connection.close(_STOPPING)
        with contextlib.suppress(TimeoutError):  # what was said last shall still leave
            async with asyncio.timeout(GOODBYE_S):
                while self._by_connection or self._greeting:
                    self._has_ended.clear()
                    await self._has_ended.wait()
        for connection in [*self._by_connection, *self._greeting]:
            connection.abort(_STOPPING)

    async def _dial_one(self, address: str, expected: NodeId | None) -> None:
        hello = self._hello(secrets.token_hex(16), "control")
        async with self._dial_slots:
            connection, peer, greeting = await self._greet(address, hello)
        if expected is not None and peer.node_id != expected:
            connection.abort("another node answered there")
            raise IdentityError(
                f"node {short_name(peer.node_id)} answers there, not {short_name(expected)}",
                where=address,
            )
        link = Link(peer, hello.nonce, connection, address, dialled=True, since_s=self._now())
        self._begin(link)
        greeting.release(connection)

    def _greet_dialler(self, connected: socket.socket) -> None:
        connection = Connection(self._accepted, self._received, self._lost, self._has_room)
        connection.begin(connected, self._server_context, self._scratch, is_server=True)

    def _accepted(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        self._greeting[connection] = loop.call_later(
            HANDSHAKE_TIMEOUT_S, connection.abort, "no hello in time"
        )
        if self._is_closed:  # its TLS handshake was under way
            connection.abort(_STOPPING)

    def _received(self, connection: Connection, records: list[Record]) -> None:
        link = self._by_connection.get(connection)
        if link is not None:
            self._busy_poll.arrived()
            self._take(link, connection, records)
            return
        timer = self._greeting.pop(connection, None)
        if timer is None:
            return
        timer.cancel()
        try:
            self._check_open()
            self._answer(connection, parse_hello(unpack(records[0])))
        except CantorError as error:
            _log.warning("refused a connection", extra={"reason": str(error)})
            connection.close(str(error))
            return
        if len(records) > 1:
            self._received(connection, records[1:])

    def _take(self, link: Link, connection: Connection, records: list[Record]) -> None:
        if connection is not link.control:
            link.bulk_used = True
            if is_local(records[-1]) and unpack(records[-1]).headers == _NO_MORE:
                self._end_bulk(link, connection)
                records = records[:-1]
        try:
            self._listener.records_received(link.nonce, records)
        except RemoteProtocolError as error:
            self.close_link(link.nonce, str(error))

    def _has_room(self, connection: Connection) -> None:
        link = self._by_connection.get(connection)
        if link is not None:
            self.pump(link.nonce)

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
        connection.say(hello_frame(ours, kind=Kind.HELLO_ACK))
        if hello.role == "control":
            address = connection.remote_address
            link = Link(peer, hello.nonce, connection, address, False, self._now())
            self._begin(link)

    def _bind_bulk(self, connection: Connection, peer: PeerIdentity, nonce: str) -> None:
        link = self._links.get(nonce)
        if link is None or link.peer.node_id != peer.node_id or link.bulk is not None:
            raise RemoteProtocolError("a bulk connection without its control session")
        link.bulk = connection
        link.bulk_used = True
        self._by_connection[connection] = link

    def _end_bulk(self, link: Link, connection: Connection) -> None:
        if link.bulk is connection:
            link.bulk = None
            self._listener.bulk_lost(link.nonce)
        connection.close("bulk was idle")

    def _begin(self, link: Link) -> None:
        self._links[link.nonce] = link
        self._by_connection[link.control] = link
        link.holds_until_s = min(self._identity.not_after, link.peer.not_after)
        self._listener.link_up(link.peer, link.nonce, link.address, dialled=link.dialled)

    def _lost(self, connection: Connection, reason: str) -> None:
        self._has_ended.set()
        timer = self._greeting.pop(connection, None)
        if timer is not None:
            timer.cancel()
        link = self._by_connection.pop(connection, None)
        if link is None:
            return
        if connection is not link.control:
            if connection is link.bulk:
                link.bulk = None
                self._listener.bulk_lost(link.nonce)
            return
        self._links.pop(link.nonce, None)
        if link.bulk is not None:
            link.bulk.abort("its control connection ended")
        self._listener.link_down(link.peer, link.nonce, reason)

    def _want_bulk(self, link: Link) -> None:
        if not link.dialled or link.bulk_opening or link.bulk is not None:
            return
        link.bulk_opening = True
        task = asyncio.ensure_future(self._open_bulk(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open_bulk(self, link: Link) -> None:
        try:
            connection, peer, greeting = await self._greet(
                link.address, self._hello(link.nonce, "bulk")
            )
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
        greeting.release(connection)
        self.pump(link.nonce)

    def _verify(self, connection: Connection) -> PeerIdentity:
        mesh, roots = self._identity.mesh, self._identity.root_pem
        peer = contexts.verify_peer(connection.tls, mesh=mesh, now=self._now(), root_pem=roots)
        if peer.node_id == self._identity.node_id:
            raise IdentityError("this node reached itself")
        if self._is_denied(peer):
            raise IdentityError(f"node {short_name(peer.node_id)} is denied")
        return peer

    async def _greet(self, address: str, hello: Hello) -> tuple[Connection, PeerIdentity, Greeting]:
        greeting = Greeting(address, hello, self._received, self._lost, self._has_room)
        connection = await greeting.connect(self._client_context, self._scratch)
        try:
            peer = self._verify(connection)
            await greeting.answered()
            self._check_open()
        except (CantorError, asyncio.CancelledError):
            connection.abort("the handshake did not hold")
            raise
        return connection, peer, greeting

    def _check_open(self) -> None:
        if self._is_closed:
            raise UnavailableError(_STOPPING, where=f"node {short_name(self._identity.node_id)}")

    def _hello(self, nonce: str, role: str) -> Hello:
        return Hello(node=self._identity.node_id, mesh=self._identity.mesh, nonce=nonce, role=role)

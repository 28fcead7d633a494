"""Edges between strong groups, wherever those run: by reference inside a process, else by mesh.

The :class:`Switchboard` of a worker process holds the ends that live here. Which ends belong
together, and on which nodes, ``route`` says and may change at any time; a sender then gives the
new receiver every frame that the former was not done with.
"""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, RemoteProtocolError
from galaxy.edge_message import EdgeMessage
from galaxy.edge_receiver import GRANT_REPEAT_S
from galaxy.edge_transports import Receiver, Sender
from galaxy.edge_wire import Route, Wire

if TYPE_CHECKING:
    from cantor.base.clock import Clock
    from cantor.workers.slots import Room
    from galaxy.edge_wire import Place, Post
    from galaxy.pipeline import Codec, Connection, Policy

__all__ = ["EdgeMessage", "Switchboard"]

CLOSE_TIMEOUT_S = 3.0
TICK_S = GRANT_REPEAT_S / 2
_log = logging.getLogger(__name__)


class Switchboard:
    """The ends of all connections in this process. Thread-safe.

    ``post`` hands a message for another node to the agent: called from filters' threads and from
    one of the switchboard's own, never under a lock.
    """

    def __init__(self, clock: Clock, post: Post, room: Room | None = None) -> None:
        """``room`` gives memory from which ``post`` takes a frame's body without a copy."""
        self._clock = clock
        self._post = post
        self._room = room
        self._lock = threading.Condition()
        self._wires: dict[str, Wire] = {}
        self._stirred: dict[Wire, None] = {}
        self._closed = False
        self._refused = 0
        self._thread: threading.Thread | None = None

    @property
    def refused(self) -> int:
        """Messages that were odd, for no edge here, or not from its other end."""
        return self._refused

    def sender(
        self,
        connection: Connection,
        policy: Policy,
        depth: int,
        codec: Codec = "auto",
        *,
        epoch: int | None = None,
    ) -> Sender:
        """A new sending end; with an ``epoch`` it sends only while the route names that run."""
        wire = self._wire(connection.name)
        end = Sender(wire, connection, policy, depth, codec, epoch)
        wire.attach_sender(end)
        return end

    def receiver(
        self, connection: Connection, policy: Policy, depth: int, *, epoch: int | None = None
    ) -> Receiver:
        """A new receiving end; with an ``epoch`` it takes only while the route names that run."""
        wire = self._wire(connection.name)
        end = Receiver(wire, connection, policy, depth, epoch)
        wire.attach_receiver(end)
        return end

    def route(self, connection_name: str, *, sender: Place, receiver: Place, me: str) -> None:
        """Say who sends and who receives: node and epoch of the group's run. May change."""
        self._wire(connection_name).reroute(Route(sender, receiver, me))

    def arrived(self, node_id: str, message: EdgeMessage) -> None:
        """Take a message of another node; returns soon and raises nothing."""
        with self._lock:
            wire = self._wires.get(message.connection)
        try:
            taken = wire is not None and wire.arrived(node_id, message)
        except RemoteProtocolError as error:
            _log.warning("an edge message is refused", extra={"why": str(error)})
            taken = False
        if not taken:
            with self._lock:
                self._refused += 1

    def close(self) -> None:
        """Close every end."""
        with self._lock:
            self._closed = True
            wires, thread = list(self._wires.values()), self._thread
            self._lock.notify()
        for wire in wires:
            for end in (wire.sender, wire.receiver):
                if end is not None:
                    end.close()
        if thread is not None and thread is not threading.current_thread():
            thread.join(CLOSE_TIMEOUT_S)

    def _wire(self, name: str) -> Wire:
        with self._lock:
            wire = self._wires.get(name)
            if wire is None:
                wire = self._wires[name] = Wire(
                    name, self._clock, self._post, self._stir, self._room
                )
            return wire

    def _stir(self, wire: Wire) -> None:
        """Have the thread look after a connection now."""
        if not wire.is_remote():
            return
        with self._lock:
            if self._closed:
                return
            self._stirred[wire] = None
            if self._thread is None:
                self._thread = threading.Thread(target=self._main, name="galaxy:edges", daemon=True)
                self._thread.start()
            self._lock.notify()

    def _main(self) -> None:
        next_tick_s = 0.0
        while True:
            with self._lock:
                if not self._stirred and not self._closed:
                    self._lock.wait(TICK_S)
                if self._closed:
                    return
                now_s = self._clock.monotonic()
                wires = list(self._stirred)
                self._stirred.clear()
                if now_s >= next_tick_s:
                    next_tick_s = now_s + TICK_S
                    wires = list(self._wires.values())
            for wire in wires:
                self._look_after(wire)

    def _look_after(self, wire: Wire) -> None:
        try:
            wire.grant()
            wire.pump()
        except CantorError as error:
            _log.warning("a frame is discarded", extra={"edge": wire.name, "why": str(error)})

"""One connection in one process: its route, its ends that live here, and what passes between.

Locks are held for counting and queueing alone: frames are encoded, and messages handed over,
outside them.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError
from galaxy.codec import encode_frame
from galaxy.edge_message import EdgeMessage
from galaxy.edge_receiver import Grant
from galaxy.figures import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.base.clock import Clock
    from cantor.wire.frame import Buffer, Value
    from cantor.workers.slots import Room
    from galaxy.edge_sender import Held, SenderEnd
    from galaxy.edge_transports import Receiver, Sender

    Place = tuple[str, int]
    Post = Callable[[str, EdgeMessage], None]


@dataclass(frozen=True, slots=True)
class Route:
    """Who sends and who receives: node and epoch of the group's run."""

    sender: Place
    receiver: Place
    me: str


class Wire:
    """One connection: its route and the ends of it that live in this process."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        post: Post,
        stir: Callable[[Wire], None],
        room: Room | None = None,
    ) -> None:
        self.name = name
        self.clock = clock
        self.lock = threading.Lock()
        self.changed = threading.Condition(self.lock)
        self.sender: Sender | None = None
        self.receiver: Receiver | None = None
        self.queue_ms = Recorder()
        self.source: SenderEnd | None = None
        """The sending end, while the receiver takes from it in this process."""
        self._post = post
        self._room = room
        self._stir = stir
        self._route: Route | None = None
        self._pumping = False

    def attach_sender(self, sender: Sender) -> None:
        """A new sending end; that of an earlier run is closed."""
        with self.lock:
            before, self.sender = self.sender, sender
            self._arrange(redirected=False)
        if before is not None:
            before.close()
        self._stir(self)

    def attach_receiver(self, receiver: Receiver) -> None:
        """A new receiving end; that of an earlier run is closed, and its frames come again."""
        with self.lock:
            before, self.receiver = self.receiver, receiver
            self._arrange(redirected=True)
        if before is not None:
            before.close()
        self._stir(self)

    def detach_receiver(self, receiver: Receiver) -> None:
        """Close a receiving end; what it was not done with goes to the next."""
        with self.lock:
            receiver.core.close()
            if self.receiver is receiver:
                self._arrange(redirected=True)

    def reroute(self, route: Route) -> None:
        """Other nodes or runs; nothing if they are the same."""
        with self.lock:
            before, self._route = self._route, route
            if before == route:
                return
            if self.receiver is not None and (before is None or before.sender != route.sender):
                self.receiver.core.sender_changed()
            self._arrange(redirected=before is None or before.receiver != route.receiver)
        self._wake()
        self._stir(self)

    def arrived(self, node: str, message: EdgeMessage) -> bool:
        """Take a message of another node; False if it is not from the other end.

        Raises:
            RemoteProtocolError: its headers are odd.
        """
        now_s = self.clock.monotonic()
        place = (node, message.epoch)
        with self.lock:
            if message.kind == "grant":
                end = self._sends()
                if end is None or self._route is None or place != self._route.receiver:
                    return False
                end.core.granted(Grant.parse(message), now_s)
                self.changed.notify_all()
                stir, wake = end.core.has_out(now_s), False
            else:
                receiver = self._receives()
                if receiver is None or self._route is None or place != self._route.sender:
                    return False
                if message.headers.get("to") != self._route.receiver[1]:
                    return False  # meant for an earlier run of the receiving group
                take = receiver.core.frame if message.kind == "frame" else receiver.core.end
                wake = take(message, now_s)
                stir = receiver.core.has_news
        if wake:
            self._wake()
        if stir:
            self._stir(self)
        return True

    def pump(self) -> None:
        """Send what there is credit for; one thread at a time, others leave it to that one.

        Raises:
            CantorError: a frame cannot be encoded; it was discarded.
        """
        while (work := self._next_out()) is not None:
            end, node, held, message = work
            try:
                if held is not None:
                    packed = held.encoded = held.encoded or encode_frame(
                        held.frame, end.codec, room=self._room
                    )
                    message = _with_frame(message, held, packed, self.clock.monotonic())
                self._post(node, message)
            except CantorError:
                with self.lock:
                    if held is not None:
                        end.core.give_up(held)
                raise
            finally:
                self._pumping = False

    def grant(self) -> None:
        """Tell the sender what there is to tell."""
        with self.lock:
            message = self.next_grant()
        if message is not None:
            self._post(*message)

    def next_grant(self) -> tuple[str, EdgeMessage] | None:
        """The grant that is due, under the lock, and the node that it is for."""
        receiver, route = self._receives(), self._route
        if receiver is None or route is None:
            return None
        grant = receiver.core.grant(self.clock.monotonic())
        if grant is None:
            return None
        epoch = route.receiver[1]
        message = EdgeMessage("grant", self.name, epoch, grant.done, grant.headers())
        return route.sender[0], message

    def post(self, message: tuple[str, EdgeMessage] | None) -> None:
        """Hand a message over, if there is one."""
        if message is not None:
            self._post(*message)

    def is_remote(self) -> bool:
        """Whether one end is on another node."""
        with self.lock:
            return self._sends() is not None or self._receives() is not None

    def _arrange(self, *, redirected: bool) -> None:
        sender, receiver, route = self.sender, self.receiver, self._route
        local = (
            sender is not None
            and receiver is not None
            and route is not None
            and route.sender[0] == route.receiver[0] == route.me
            and sender.epoch in (None, route.sender[1])
            and receiver.epoch in (None, route.receiver[1])
            and not receiver.core.closed
        )
        if sender is not None and (redirected or sender.core.local != local):
            sender.core.redirect(local=local)
        self.source = sender.core if local and sender is not None else None
        self.changed.notify_all()

    def _sends(self) -> Sender | None:
        """The sending end, if the other is on another node."""
        sender, route = self.sender, self._route
        if sender is None or route is None or route.sender[0] != route.me:
            return None
        if route.receiver[0] == route.me or sender.epoch not in (None, route.sender[1]):
            return None
        return sender

    def _receives(self) -> Receiver | None:
        """The receiving end, if the other is on another node."""
        receiver, route = self.receiver, self._route
        if receiver is None or route is None or route.receiver[0] != route.me:
            return None
        if route.sender[0] == route.me or receiver.epoch not in (None, route.receiver[1]):
            return None
        return receiver

    def _next_out(self) -> tuple[Sender, str, Held | None, EdgeMessage] | None:
        now_s = self.clock.monotonic()
        with self.lock:
            end, route = self._sends(), self._route
            if self._pumping or end is None or route is None:
                return None
            core = end.core
            held = core.next_out(now_s)
            (node, run_there), epoch = route.receiver, route.sender[1]
            headers: dict[str, Value] = {"run": core.run, "base": core.base, "to": run_there}
            if held is not None:
                core.was_sent(held, now_s)
                self._pumping = True
                return end, node, held, EdgeMessage("frame", self.name, epoch, held.number, headers)
            if not core.end_due(now_s):
                return None
            core.end_sent(now_s)
            self._pumping = True
            return end, node, None, EdgeMessage("end", self.name, epoch, core.total, headers)

    def _wake(self) -> None:
        receiver = self.receiver
        if receiver is not None:
            receiver.wake()


def _with_frame(
    message: EdgeMessage,
    held: Held,
    encoded: tuple[dict[str, Value], tuple[Buffer, ...]],
    now_s: float,
) -> EdgeMessage:
    packed, body = encoded
    headers: dict[str, Value] = {
        **message.headers,
        "frame": packed,
        "age": max(0.0, now_s - held.frame.captured_s),
        "waited": now_s - held.since_s,
    }
    return EdgeMessage("frame", message.connection, message.epoch, message.number, headers, body)

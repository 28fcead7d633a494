"""One simulated node: the real mesh core, ledger and data plane, without a system around them."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.mesh.events import LinkDown, LinkUp, TimerFired, Traffic
from cantor.mesh.plane import DataPlane
from cantor.wire.records import RecordReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from cantor.base.ids import NodeId
    from cantor.mesh.effects import Effect, RoutesChanged
    from cantor.mesh.settings import MeshSettings
    from cantor.wire import DataFrame


class Box:
    """One life of a node."""

    def __init__(
        self,
        node: NodeId,
        epoch: int,
        random: Random,
        sign: Callable[[bytes], bytes],
        settings: MeshSettings,
    ) -> None:
        self.node = node
        ledger = Ledger(node, epoch=epoch, sign=sign, certificate=b"", verify=verify)
        self.core = MeshCore(node, "m", ledger, random, settings=settings)
        self.plane = DataPlane(node, self.core.counters)
        self.timer_at: dict[str, float] = {}
        self.routes: RoutesChanged | None = None
        self._is_told = True

    def waits_for(self, event: TimerFired, now: float) -> bool:
        """Whether a timer is due, or late after this node stood still: not if it was replaced."""
        return self.timer_at.get(event.name, now + 1) <= now

    def timer(self, event: TimerFired, now: float, answers: Callable[[str], bool]) -> list[Effect]:
        """A timer is due."""
        del self.timer_at[event.name]
        self.plane.tick(now)
        acknowledged = frozenset(link.peer for link in self.core.links if answers(link.nonce))
        traffic = Traffic(*self.plane.take_traffic(), acknowledged)
        effects = self.core.handle(traffic, now)
        return effects + self.core.handle(event, now)

    def link(self, event: LinkUp | LinkDown, now: float) -> list[Effect]:
        """A link begins or has ended: the plane is told first of what it may use."""
        if isinstance(event, LinkUp):
            self.plane.link_up(event.peer, event.link)
            return self.core.handle(event, now)
        effects = self.core.handle(event, now)
        self.plane.link_down(event.link)
        return effects

    def send(self, frame: DataFrame) -> None:
        """Send a frame of this node."""
        self._tell_routes()
        self.plane.send(frame)

    def needs_route(self, frame: DataFrame) -> bool:
        """Whether no way is known to where a frame is to go."""
        self._tell_routes()
        return not self.plane.has_route(frame.destination)

    def received(self, nonce: str, data: bytes) -> None:
        """Bytes of the data plane came in, whole records at a time."""
        self._tell_routes()
        self.plane.received(nonce, RecordReader().receive(data))

    def output(self) -> Iterator[tuple[str, bytes]]:
        """What is to leave, by the nonces of the links."""
        for nonce in self.plane.take_dirty():
            data = b"".join(self.plane.take(nonce, "control", (0, 1, 2), 1 << 30, 1 << 20))
            if data:
                yield nonce, data

    def routes_changed(self, routes: RoutesChanged) -> None:
        """The frames go this way from now on; the plane is told when it has something to send."""
        self.routes = routes
        self._is_told = False

    def _tell_routes(self) -> None:
        if not self._is_told and self.routes is not None:
            self._is_told = True
            self.plane.routes_changed(self.routes)


@lru_cache(4096)
def verify(owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
    """The stand-in for certificates: only code that knows the owner's id signs so."""
    return not certificate and signature == hashlib.sha256(owner.encode() + data).digest()

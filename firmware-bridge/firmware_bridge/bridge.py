"""A running bridge: a thin driver around the session core."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.base.ids import short_name
from firmware_bridge.events import Offer, SetTimer, TimerFired
from firmware_bridge.inbox import Inbox
from firmware_bridge.mqtt_link import MqttLink
from firmware_bridge.session import Session

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.wire.frame import Value
    from firmware_bridge.events import Effect, Event
    from firmware_bridge.settings import BridgeSettings

OFFER_SOURCE = "bridge"
_log = logging.getLogger(__name__)


class Bridge:
    """Devices that speak appear in the ledger; silent ones vanish from it. Event loop only."""

    def __init__(self, node: Node, settings: BridgeSettings) -> None:
        self._node = node
        self._broker = settings.broker
        if not self._broker.client_id:
            client_id = f"cantor-{short_name(node.node_id)}"
            self._broker = replace(self._broker, client_id=client_id)
        self._session = Session(settings.descriptors, settings.limits)
        loop = asyncio.get_running_loop()
        self._inbox = Inbox(loop, self._handle, settings.limits.waiting)
        self._link = MqttLink(self._broker, self._session.filters, self._inbox)
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to listen; the broker may come later."""
        self._link.start()

    async def close(self) -> None:
        """Leave the broker and take the devices out of the ledger."""
        self._inbox.close()
        if self._timer is not None:
            self._timer.cancel()
        await asyncio.to_thread(self._link.close)
        self._node.offer(OFFER_SOURCE, (), ())

    def as_value(self) -> dict[str, Value]:
        """How it is: the broker, the devices, what could not be used."""
        session = self._session
        reason = next(iter(session.links.values()), "the broker has not answered yet")
        return {
            "state": "connecting" if reason else "connected",
            "reason": reason,
            "broker": self._broker.address,
            "devices": [record.as_value() for record in session.records],
            "problems": [problem.as_value() for problem in session.problems],
            "counts": dict(session.counts),
        }

    def _handle(self, event: Event) -> None:
        now = self._node.clock.monotonic()
        for effect in self._session.handle(event, now, self._node.wall()):
            self._do(effect, now)

    def _do(self, effect: Effect, now: float) -> None:
        if isinstance(effect, Offer):
            self._node.offer(OFFER_SOURCE, effect.devices, effect.resources)
        elif isinstance(effect, SetTimer):
            if self._timer is not None:
                self._timer.cancel()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(effect.at - now, 0), self._handle, TimerFired())
        else:
            level = logging.WARNING if effect.is_bad else logging.INFO
            fields = {"device": effect.device, "reason": effect.reason}
            _log.log(level, effect.what, extra=fields)

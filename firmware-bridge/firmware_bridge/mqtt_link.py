"""The broker: a paho client on a thread of its own, which connects again for as long as it runs."""

from __future__ import annotations

import logging
import random
import ssl
import threading
import time
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from firmware_bridge.events import MQTT, LinkDown, LinkUp, Received

if TYPE_CHECKING:
    from collections.abc import Sequence

    from paho.mqtt.reasoncodes import ReasonCode

    from firmware_bridge.inbox import Inbox
    from firmware_bridge.settings import Broker

CONNECT_TIMEOUT_S = 5.0
DELAY_MIN_S = 0.25
DELAY_MAX_S = 10.0
STEADY_S = 30.0
STOP_TIMEOUT_S = CONNECT_TIMEOUT_S + 2.0
_QOS = 1
_log = logging.getLogger(__name__)


class MqttLink:
    """Hears ``filters`` at a broker and puts what it hears into an inbox.

    The session at the broker is clean: only what is said now matters here, so a broker has
    nothing to queue for a bridge that is away.
    """

    def __init__(self, broker: Broker, filters: Sequence[str], inbox: Inbox) -> None:
        self._broker = broker
        self._filters = list(filters)
        self._inbox = inbox
        self._stop = threading.Event()
        self._client: paho.Client | None = None
        self._is_let_in = False
        self._thread = threading.Thread(target=self._run, name="mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; nobody waits for the broker."""
        self._thread.start()

    def close(self) -> None:
        """Disconnect. Blocks until the thread has ended, 7 s at most."""
        self._stop.set()
        client = self._client
        if client is not None:
            client.disconnect()
        self._thread.join(STOP_TIMEOUT_S)

    def _run(self) -> None:
        delay_s = DELAY_MIN_S
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._converse()
            except (OSError, ValueError) as error:
                reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
                self._down(f"{self._broker.address} cannot be reached: {reason}")
            except Exception:  # noqa: BLE001 (a thread that ends unseen would never be missed)
                _log.exception("the conversation with the broker failed")
                self._down("it failed; the log says why")
            if time.monotonic() - began > STEADY_S:
                delay_s = DELAY_MIN_S
            self._stop.wait(delay_s * random.uniform(0.5, 1.0))  # noqa: S311 (jitter, no secret)
            delay_s = min(delay_s * 2, DELAY_MAX_S)

    def _converse(self) -> None:
        """Connect, and hear until the connection ends."""
        client = self._make_client()
        self._is_let_in = False
        client.connect(self._broker.host, self._broker.port, self._broker.keepalive_s)
        self._client = client
        try:
            if self._stop.is_set():
                client.disconnect()
            client.loop_forever()
        finally:
            self._client = None

    def _make_client(self) -> paho.Client:
        broker = self._broker
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            protocol=paho.MQTTv311,
            reconnect_on_failure=False,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        if broker.user:
            client.username_pw_set(broker.user, broker.password or None)
        if broker.tls:
            client.tls_set_context(_tls_context(broker))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _more: object
    ) -> None:
        self._is_let_in = not code.is_failure
        if code.is_failure:
            self._down(f"{self._broker.address} refused: {code}")
        else:
            client.subscribe([(one, _QOS) for one in self._filters])

    def _on_subscribe(
        self, _client: object, _data: object, _mid: int, codes: list[ReasonCode], _more: object
    ) -> None:
        refused = [one for one, code in zip(self._filters, codes, strict=False) if code.is_failure]
        if refused:
            self._down(f"{self._broker.address} does not let this bridge hear {refused[0]}")
        else:
            self._inbox.put(LinkUp(MQTT))

    def _on_message(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(not UTF-8)"
        self._inbox.put(Received(MQTT, topic, bytes(message.payload), message.retain))

    def _on_disconnect(
        self, _client: object, _data: object, _flags: object, code: ReasonCode, _more: object
    ) -> None:
        if self._is_let_in and not self._stop.is_set() and code.is_failure:
            self._down(f"the connection to {self._broker.address} was lost: {code}")

    def _down(self, reason: str) -> None:
        self._inbox.put(LinkDown(MQTT, reason))


class _ClosingSocket(ssl.SSLSocket):
    """paho leaves a socket open whose handshake has failed."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def _tls_context(broker: Broker) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=broker.ca or None)
    context.sslsocket_class = _ClosingSocket
    if broker.certificate:
        context.load_cert_chain(broker.certificate, broker.key)
    return context

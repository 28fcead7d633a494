"""Publish each frame's metadata to an MQTT broker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, ClassVar, cast

from cantor.base.address import Address
from galaxy.elsewhere import is_elsewhere
from galaxy.filter import BaseFilter
from galaxy.params import Param
from galaxy.pins import FRAME, Pin

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

    import paho.mqtt.client as paho
    from paho.mqtt.client import SocketLike

    from galaxy.context import Context
    from galaxy.filter import Output
    from galaxy.frame import Frame


class Mqtt(BaseFilter):
    """Publishes one JSON document per frame.

    Counters: ``published``, and ``not_sent`` while there is no connection (the client reconnects by
    itself) or its queue is full.
    """

    description: ClassVar[str] = "Publish metadata by MQTT"
    work: ClassVar[float] = 0.02
    modules: ClassVar[tuple[str, ...]] = ("paho",)
    ports: ClassVar[tuple[int, ...]] = (1883, 8883)
    inputs: ClassVar[Mapping[str, Pin]] = {"frame": Pin(FRAME)}

    host = Param(str, description="The broker.")
    port = Param(int, 1883, minimum=1, maximum=65535, description="Its port.")
    topic = Param(str, "galaxy/{stream}/objects", description="{stream} and {node} are filled in.")
    qos = Param(int, 0, minimum=0, maximum=1, description="0 at most once, 1 at least once.")
    only_objects = Param(bool, False, description="Leave out frames without objects.", live=True)
    user = Param(str, "", description="User name; empty for none.")
    password = Param(str, "", description="Password.", secret=True)
    tls = Param(bool, False, description="Connect by TLS, checked against the system's CAs.")
    queue = Param(
        int, 1000, minimum=1, maximum=100_000, unit="messages", description="QoS 1 queue."
    )

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._client: paho.Client | None = None

    def address(self) -> Address:
        """The broker."""
        return Address(self.host, self.port)

    def make_client(self) -> paho.Client:
        """A client that is not connected yet."""
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        return paho.Client(CallbackAPIVersion.VERSION2)

    def open(self, ctx: Context) -> None:
        """Begin to connect; the pipeline does not wait for the broker."""
        client = self._client = self.make_client()
        if self.user:
            client.username_pw_set(self.user, self.password or None)
        if self.tls:
            client.tls_set()
        if not ctx.is_free(self.address()):
            client.on_socket_open = _refuse_this_box
        client.max_queued_messages_set(self.queue)
        client.reconnect_delay_set(min_delay=1, max_delay=30)
        client.connect_async(self.host, self.port)
        client.loop_start()

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Publish one frame's document."""
        if self._client is None or (self.only_objects and not frame.objects):
            return None
        topic = self.topic.replace("{stream}", frame.stream).replace("{node}", ctx.node)
        document = json.dumps(frame.document(ctx.node), separators=(",", ":"))
        result = self._client.publish(topic, document, qos=self.qos)
        ctx.count("published" if result.rc == 0 else "not_sent")
        return None

    def close(self) -> None:
        """Disconnect."""
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None


def _refuse_this_box(_client: paho.Client, _data: object, opened: SocketLike) -> None:
    """End a connection to this box before anything is said on it; the client tries anew, later.

    Raises:
        ConnectionRefusedError: it is one.
    """
    connected = cast("socket.socket", opened)  # or one that TLS has put around it
    if not is_elsewhere(connected.getpeername()[0]):
        opened.close()
        message = "pipelines of other boxes may not reach this box"
        raise ConnectionRefusedError(message)

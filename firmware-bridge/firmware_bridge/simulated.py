"""A simulated thermometer that behaves as firmware does: ``python -m firmware_bridge.simulated``.

It counts its boots, numbers its messages, keeps a few of them while the broker is away, connects
again, and leaves a last will. Kill the process and the broker speaks the will; stop it (SIGSTOP)
and it is merely silent; end it (SIGTERM) and it says goodbye. ``configs/devices/thermometer.yaml``
describes it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from cantor.base.errors import CantorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

READINGS_TOPIC = "cantor/{device}/readings"
AVAILABILITY_TOPIC = "cantor/{device}/availability"
KEEPALIVE_S = 10
KEPT_MESSAGES_MAX = 64
RECONNECT_MAX_S = 8
_STEP_C = 1 / 16  # what a DS18B20 resolves


class Room:
    """The temperature of a room: a slow wave of the heating, a drift, and a sensor's noise."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed)  # noqa: S311 (the same device gives the same room)
        self._base_c = self._random.uniform(19.0, 23.0)
        self._phase_s = self._random.uniform(0.0, 900.0)
        self._drift_c = 0.0

    def temperature(self, elapsed_s: float) -> float:
        """What the sensor shows, in °C."""
        self._drift_c += self._random.gauss(0.0, 0.01) - 0.01 * self._drift_c
        heating_c = 0.8 * math.sin(2 * math.pi * (elapsed_s + self._phase_s) / 900.0)
        exact_c = self._base_c + heating_c + self._drift_c + self._random.gauss(0.0, 0.02)
        return round(exact_c / _STEP_C) * _STEP_C


class SimulatedThermometer:
    """One device. ``with SimulatedThermometer(...)`` runs it on threads of its own.

    ``memory`` is the file that stands for its flash: the boot counter. Without one the boot
    counter is the time of the start, which also only grows.
    """

    def __init__(
        self,
        host: str,
        port: int,
        device: str,
        *,
        interval_s: float = 1.0,
        memory: Path | None = None,
    ) -> None:
        self.device = device
        self.interval_s = interval_s
        self.boot = _count_boot(memory)
        self._availability = AVAILABILITY_TOPIC.replace("{device}", device)
        self._readings = READINGS_TOPIC.replace("{device}", device)
        self._room = Room(device)
        self._seq = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self.run, name=f"simulated {device}", daemon=True)
        self._client = self._make_client()
        self._client.connect_async(host, port, KEEPALIVE_S)

    def __enter__(self) -> Self:
        """Switch it on."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch it off; it says goodbye."""
        self.stop()
        self._thread.join()

    def stop(self) -> None:
        """Let ``run`` end."""
        self._stop.set()

    def run(self) -> None:
        """Measure and publish until it is stopped."""
        began = time.monotonic()
        self._client.loop_start()
        try:
            while not self._stop.wait(self.interval_s):
                self._publish(time.monotonic() - began)
        finally:
            if self._client.is_connected():
                said = self._client.publish(self._availability, "offline", qos=1, retain=True)
                with contextlib.suppress(RuntimeError, ValueError):
                    said.wait_for_publish(1.0)
            self._client.disconnect()
            self._client.loop_stop()

    def _publish(self, elapsed_s: float) -> None:
        self._seq += 1
        message = {
            "boot": self.boot,
            "seq": self._seq,
            "uptime_s": round(elapsed_s, 1),
            "temperature": self._room.temperature(elapsed_s),
            "supply": 3.3,
        }
        self._client.publish(self._readings, json.dumps(message), qos=1)

    def _make_client(self) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"simulated-{self.device}",
            protocol=paho.MQTTv311,
        )
        client.max_queued_messages_set(KEPT_MESSAGES_MAX)
        client.reconnect_delay_set(1, RECONNECT_MAX_S)
        client.will_set(self._availability, "offline", qos=1, retain=True)
        client.on_connect = self._on_connect
        return client

    def _on_connect(self, client: paho.Client, *_about: object) -> None:
        client.publish(self._availability, "online", qos=1, retain=True)


def _count_boot(memory: Path | None) -> int:
    if memory is None:
        return int(time.time())
    try:
        boot = int(memory.read_text()) + 1
    except (OSError, ValueError):
        boot = 1  # a new or erased flash
    memory.write_text(str(boot))
    return boot


async def _run(options: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with contextlib.AsyncExitStack() as stack:
        port = options.port
        if options.broker:
            from firmware_bridge.embedded_broker import EmbeddedBroker

            port = (await stack.enter_async_context(EmbeddedBroker(port))).port
        device = SimulatedThermometer(
            options.host, port, options.device, interval_s=options.interval, memory=options.memory
        )
        stack.enter_context(device)
        _say(f"{options.device}: boot {device.boot}, broker {options.host}:{port}")
        await stop.wait()


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one device until it is interrupted; the process's exit code."""
    parser = argparse.ArgumentParser(prog="firmware_bridge.simulated", description="A thermometer.")
    parser.add_argument("--host", default="127.0.0.1", help="the broker (default: %(default)s)")
    parser.add_argument("--port", type=int, default=1883, help="its port (default: %(default)s)")
    parser.add_argument("--device", default="t1", help="its name (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=1.0, metavar="S", help="between readings")
    parser.add_argument("--memory", type=Path, metavar="FILE", help="keep the boot counter there")
    parser.add_argument("--broker", action="store_true", help="bring a broker along, on loopback")
    try:
        asyncio.run(_run(parser.parse_args(arguments)))
    except CantorError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The broker of demonstrations: loopback only, quiet, and it ends whatever its clients do."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
from typing import TYPE_CHECKING

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from cantor.base.errors import UnavailableError
from firmware_bridge.embedded_broker import HOST, EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.integration
WAIT_S = 20.0


@pytest.fixture
def client() -> Iterator[paho.Client]:
    client = paho.Client(CallbackAPIVersion.VERSION2)
    yield client
    client.disconnect()
    client.loop_stop()


async def test_it_listens_on_loopback_only() -> None:
    async with EmbeddedBroker() as broker:
        with socket.create_connection((HOST, broker.port), WAIT_S) as connection:
            assert connection.getpeername()[0] == "127.0.0.1"
        with socket.socket() as other, pytest.raises(ConnectionRefusedError):
            other.connect(("127.0.0.2", broker.port))


async def test_messages_go_through_it(client: paho.Client) -> None:
    heard = threading.Event()
    client.on_connect = lambda client, *_: client.subscribe("a/#", 1)
    client.on_subscribe = lambda client, *_: client.publish("a/b", b"1", 1)
    client.on_message = lambda *_: heard.set()
    async with EmbeddedBroker() as broker:
        client.connect(HOST, broker.port)
        client.loop_start()
        assert await asyncio.to_thread(heard.wait, WAIT_S)


async def test_it_ends_while_clients_are_connected_and_strangers_speak(
    client: paho.Client, caplog: pytest.LogCaptureFixture
) -> None:
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    async with asyncio.timeout(WAIT_S), EmbeddedBroker() as broker:
        client.connect(HOST, broker.port)
        client.loop_start()
        with socket.create_connection((HOST, broker.port), WAIT_S) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert await asyncio.to_thread(connected.wait, WAIT_S)
    assert [record.getMessage() for record in caplog.records if record.levelname != "DEBUG"] == []


async def test_a_port_that_is_taken_is_named() -> None:
    async with EmbeddedBroker() as broker:
        with pytest.raises(UnavailableError, match=f"{HOST}:{broker.port}"):
            await EmbeddedBroker(broker.port).__aenter__()


async def test_a_simulated_device_can_bring_its_broker(tmp_path: Path) -> None:
    options = ["--broker", "--port", "0", "--memory", str(tmp_path / "flash")]
    process = await run_simulated(*options)
    assert process.stdout is not None
    async with asyncio.timeout(WAIT_S):
        assert (await process.stdout.readline()).startswith(b"t1: boot 1, broker 127.0.0.1:")
        process.terminate()
        output, errors = await process.communicate()

    assert (process.returncode, output, errors) == (0, b"", b"")


async def test_a_simulated_device_says_that_its_broker_cannot_start() -> None:
    async with EmbeddedBroker() as broker, asyncio.timeout(WAIT_S):
        process = await run_simulated("--broker", "--port", str(broker.port))
        _, errors = await process.communicate()

    assert process.returncode == UnavailableError.exit_code
    assert errors.startswith(f"{HOST}:{broker.port}: the broker cannot listen".encode())


async def run_simulated(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "firmware_bridge.simulated",
        *options,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )

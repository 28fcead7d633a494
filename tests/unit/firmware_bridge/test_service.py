"""The bridge runs where there is a bridge.yaml, and a mistake in it never ends the agent."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, cast

import pytest

from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.secrets.records import SecretKey
from cantor.node.secrets.service import Secrets
from firmware_bridge.service import make_service

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.wire.frame import Value
    from firmware_bridge.settings import BridgeSettings


THING = """id: thermometer
kind: thermometer
name: Thermometer {device}
provides: [TemperatureSensor == 1]
liveness_s: 5
mqtt:
  readings:
    - topic: cantor/{device}/readings
      values:
        temperature: {unit: °C}
"""


@pytest.fixture
def node(tmp_path: Path) -> FakeNode:
    return FakeMesh().add(NodeId("a" * 64), tmp_path)


async def about(node: FakeNode) -> dict[str, Value]:
    service = make_service(node)
    await service.start()
    try:
        return cast("dict[str, Value]", service.calls()["bridge"]({}))
    finally:
        await service.close()


async def test_without_a_file_it_is_off(node: FakeNode) -> None:
    assert (await about(node))["state"] == "off"


async def test_a_mistake_is_said_with_its_line(node: FakeNode) -> None:
    (node.folder / "bridge.yaml").write_text("broker: {host: a}\ndevises: []\n")

    said = await about(node)

    assert said["state"] == "failed"
    assert "bridge.yaml:2: devises: unknown key" in str(said["reason"])


async def test_a_password_may_be_a_secret_that_was_set_here(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[str] = []

    class Bridge:
        """Takes settings, and does nothing."""

        def __init__(self, _: object, settings: BridgeSettings) -> None:
            given.append(settings.broker.password)

        def start(self) -> None:
            """Nothing is listened to."""

        async def close(self) -> None:
            """Nothing is open."""

        def as_value(self) -> dict[str, Value]:
            return {"state": "running"}

    monkeypatch.setattr("firmware_bridge.bridge.Bridge", Bridge)
    (node.folder / "thing.yaml").write_text(THING)
    broker = "broker: {host: a, user: edge, password: 'secret://mqtt'}\ndevices: [thing.yaml]\n"
    (node.folder / "bridge.yaml").write_text(broker)
    assert "keeps no secrets" in str((await about(node))["reason"])
    secrets = Secrets(node)
    node.services = {"secrets": secrets}
    said = await about(node)
    assert "secret mqtt of project default: it was not set at this node" in str(said["reason"])

    await secrets.set(SecretKey("default", "default", "mqtt"), b"canary", "me")

    assert (await about(node))["state"] == "running"
    assert given == ["canary"]


async def test_the_variable_names_another_file(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANTOR_BRIDGE", str(node.folder / "elsewhere.yaml"))

    said = await about(node)

    assert said["state"] == "failed"
    assert "elsewhere.yaml: cannot be read" in str(said["reason"])


async def test_without_the_library_it_says_what_to_install(
    node: FakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node.folder / "bridge.yaml").write_text("broker: {host: a}\ndevices: [thermometer]\n")
    for name in ("firmware_bridge.bridge", "firmware_bridge.mqtt_link", "paho", "paho.mqtt"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)

    said = await about(node)

    assert "pip install 'cantor-edge[bridge]'" in str(said["reason"])


def test_a_node_without_devices_does_not_load_the_library() -> None:
    code = (
        "import sys, firmware_bridge.service, firmware_bridge.cli\n"
        "sys.exit(any(name.startswith(('paho', 'yaml')) for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", code]).returncode == 0

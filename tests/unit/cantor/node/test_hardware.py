from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.errors import LocalProtocolError
from cantor.base.resources import Device, Resource
from cantor.node import hardware as module
from cantor.node.hardware import Hardware

if TYPE_CHECKING:
    import pytest

    from cantor.wire.frame import Value

CAMERA = Device("usb-1", "camera", "A camera", "/dev/video0")
SENSOR = Device("mqtt-1", "sensor", "A thermometer")
WARM = Resource("TemperatureSensor", "condition", value=True)


class OneCamera:
    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [CAMERA], [Resource("Memory", "quantity", 1024, "B")]


async def test_what_services_find_joins_what_the_machine_has_and_leaves_with_them() -> None:
    told: asyncio.Queue[tuple[str, Value]] = asyncio.Queue()
    hardware = Hardware(OneCamera(), lambda name, value: told.put_nowait((name, value)))
    hardware.offer("bridge", [SENSOR], [WARM])
    watch = asyncio.ensure_future(hardware.watch())

    facts = dict([await told.get(), await told.get()])
    assert [device["id"] for device in facts["devices"]] == ["usb-1", "mqtt-1"]  # type: ignore[union-attr,index,call-overload]
    assert [one["name"] for one in facts["resources"]] == ["Memory", "TemperatureSensor"]  # type: ignore[union-attr,index,call-overload]

    hardware.offer("bridge", [SENSOR], [WARM])
    assert told.empty()
    hardware.offer("bridge", [], [])
    facts = dict([await told.get(), await told.get()])
    assert [device["id"] for device in facts["devices"]] == ["usb-1"]  # type: ignore[union-attr,index,call-overload]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)


async def test_what_the_mesh_did_not_take_is_said_again_when_it_may(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "SCAN_INTERVAL_S", 0.0)
    said: list[str] = []
    tries = 0
    both = asyncio.Event()

    def publish(name: str, _: Value) -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise LocalProtocolError("this node says as much as it may", where=name)
        said.append(name)
        if len(said) == 2:
            both.set()

    watch = asyncio.ensure_future(Hardware(OneCamera(), publish).watch())
    async with asyncio.timeout(10.0):
        await both.wait()

    assert said == ["devices", "resources"]
    assert [record.message for record in caplog.records] == ["the mesh does not take what is here"]
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)

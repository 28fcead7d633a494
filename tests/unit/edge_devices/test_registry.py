"""Providers are found by entry points, and make one inventory."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.program import Part
from cantor.base.resources import Device, DeviceProvider, Resource
from edge_devices.fake import FakeProvider
from edge_devices.registry import Inventory, built_in_providers, load_providers

if TYPE_CHECKING:
    import pytest


class BrokenProvider:
    name = "broken"

    def __init__(self, message: str = "out of order") -> None:
        self.message = message

    def scan(self) -> list[Device]:
        if self.message:
            raise RuntimeError(self.message)
        return []


def gpu(device_id: str, name: str) -> Device:
    provides = (Resource("GPU", "quantity", 1), Resource("GPUName", "condition", name))
    return Device(device_id, "gpu", name, provides=provides)


def test_entry_points_name_the_providers() -> None:
    point = Part("a", "edge_devices.fake:FakeProvider")
    assert [provider.name for provider in load_providers([point])] == ["fake"]


def test_without_entry_points_the_built_in_providers_are_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone = Part("a", "edge_devices.gone:Provider")
    names = [provider.name for provider in built_in_providers()]
    assert [provider.name for provider in load_providers([])] == names
    assert [provider.name for provider in load_providers([gone])] == names
    assert "device provider left out" in caplog.text


def test_an_inventory_sums_quantities_and_keeps_each_name() -> None:
    provider = FakeProvider([gpu("1", "A"), gpu("2", "B"), gpu("3", "A")])
    devices, resources = Inventory([provider]).scan()
    assert [device.id for device in devices] == ["1", "2", "3"]
    assert resources == [
        Resource("GPU", "quantity", 3),
        Resource("GPUName", "condition", "A"),
        Resource("GPUName", "condition", "B"),
    ]
    provider.unplug("2")
    provider.unplug("9")
    provider.plug(gpu("1", "C"))
    assert [device.name for device in Inventory([provider]).scan()[0]] == ["C", "A"]


def test_a_provider_that_fails_and_an_id_found_twice_hide_nothing_else(
    caplog: pytest.LogCaptureFixture,
) -> None:
    providers: list[DeviceProvider] = [
        BrokenProvider(),
        FakeProvider([gpu("1", "A")]),
        FakeProvider([gpu("1", "B")]),
    ]
    devices, resources = Inventory(providers).scan()
    assert [device.name for device in devices] == ["A"]
    assert resources[0] == Resource("GPU", "quantity", 1)
    assert "device provider failed" in caplog.text
    assert "device id found twice" in caplog.text


def test_what_is_wrong_is_said_once_until_something_else_is(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    broken = BrokenProvider()
    inventory = Inventory([broken, *(FakeProvider([gpu("1", name)]) for name in "AB")])

    for message in ("out of order", "out of order", "no power", "", "out of order"):
        broken.message = message
        for _ in range(3):
            inventory.scan()

    told = [record.message for record in caplog.records]
    failed, again = "device provider failed", "device provider works again"
    assert told == [failed, "device id found twice", failed, again, failed]
    assert vars(caplog.records[told.index(again)])["failed"] == 3


def test_this_machine_can_be_scanned() -> None:
    devices, resources = Inventory(built_in_providers()).scan()
    assert {"cpu", "memory"} <= {device.kind for device in devices}
    assert {"CPU", "Memory", "os"} <= {resource.name for resource in resources}

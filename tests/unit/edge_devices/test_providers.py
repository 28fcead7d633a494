"""The contract that every provider keeps, the fake one included."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cantor.base.resources import Device, DeviceProvider, Resource
from edge_devices.cameras import CameraProvider
from edge_devices.fake import FakeMachine, FakeProvider
from edge_devices.gpus import GpuProvider
from edge_devices.host import HostProvider, System
from edge_devices.nvml import NvidiaGpu
from edge_devices.serial_ports import SerialPortProvider

Make = Callable[[FakeMachine], DeviceProvider]


def fake(trees: FakeMachine) -> DeviceProvider:
    given = Device("one", "lamp", "a lamp", provides=(Resource("Lamp", "quantity", 1),))
    return FakeProvider([given] if any(trees.sys.iterdir()) else [])


def host(trees: FakeMachine) -> DeviceProvider:
    return HostProvider(trees.sys, trees.proc, trees.dev, System("linux", "x86_64", "box"))


def gpus(trees: FakeMachine) -> DeviceProvider:
    nvidia = [NvidiaGpu("GPU-1", "H200", "570.1", 2**37)]
    return GpuProvider(trees.sys, trees.dev, lambda: nvidia)


PROVIDERS: list[Make] = [
    fake,
    host,
    gpus,
    lambda trees: CameraProvider(trees.sys, trees.dev),
    lambda trees: SerialPortProvider(trees.sys, trees.dev),
]
provider_of = pytest.mark.parametrize(
    "make", PROVIDERS, ids=["fake", "host", "gpus", "cameras", "serial-ports"]
)


def furnish(trees: FakeMachine) -> None:
    trees.host()
    trees.node("video4linux", "video0", trees.usb("1-2", serial="A1"), name="Cam", index="0")
    trees.node("tty", "ttyUSB0", trees.usb("1-3") / "ttyUSB0", port_number="0")
    trees.node("drm", "renderD128", trees.sys / "devices/pci0000:00/0000:00:02.0", dev="226:128")
    (trees.dev / "dri").mkdir()
    trees.write(trees.dev / "dri" / "renderD128", "")


@provider_of
def test_each_device_has_an_id_of_its_own_a_name_and_resources(
    machine: FakeMachine, make: Make
) -> None:
    furnish(machine)
    devices = make(machine).scan()
    assert devices
    assert len({device.id for device in devices}) == len(devices)
    for device in devices:
        assert device.name
        assert device.kind
        assert device.provides
        assert not re.search(r"video\d|tty[A-Z]|renderD", device.id)
        for resource in device.provides:
            if resource.kind == "quantity":
                assert isinstance(resource.value, int | float)


@provider_of
def test_scanning_twice_finds_the_same(machine: FakeMachine, make: Make) -> None:
    furnish(machine)
    provider = make(machine)
    assert provider.name
    assert provider.scan() == provider.scan()


@provider_of
def test_a_box_without_sysfs_has_no_such_hardware(machine: FakeMachine, make: Make) -> None:
    kinds = {device.kind for device in make(machine).scan()}
    assert kinds <= {"disk", "gpu"}


@provider_of
@pytest.mark.parametrize("broken", [b"", b"\xff\x00\x9f" * 9, b"9" * 5000, b"-1\n", b"\n\n"])
def test_broken_files_never_raise(machine: FakeMachine, make: Make, broken: bytes) -> None:
    furnish(machine)
    files = [path for root in (machine.sys, machine.proc) for path in root.rglob("*")]
    for path in files:
        if path.is_file() and not path.is_symlink():
            path.write_bytes(broken)
    for device in make(machine).scan():
        assert all(text.isprintable() for text in [device.id, *device.attributes.values()])


@provider_of
def test_folders_where_files_are_expected_never_raise(machine: FakeMachine, make: Make) -> None:
    furnish(machine)
    for root in (machine.sys, machine.proc):
        for path in list(root.rglob("*")):
            if path.is_file() and not path.is_symlink():
                path.unlink()
                path.mkdir()
    make(machine).scan()


@provider_of
def test_links_that_lead_nowhere_or_in_circles_never_raise(
    machine: FakeMachine, make: Make
) -> None:
    furnish(machine)
    for subsystem, name in (("video4linux", "video7"), ("tty", "ttyS7"), ("drm", "renderD130")):
        (machine.sys / "class" / subsystem / name).symlink_to(name)
        gone = machine.sys / "class" / subsystem / (name + "1")
        gone.symlink_to(machine.sys / "gone")
    before = len(make(machine).scan())
    assert before <= 3

"""A provider whose devices a test or a simulation plugs and unplugs, and a machine of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from cantor.base.resources import Device

USB_BUS = "devices/pci0000:00/0000:00:14.0/usb1"


class FakeProvider:
    """Says that the devices it was given are there."""

    def __init__(self, devices: Iterable[Device] = (), name: str = "fake") -> None:
        self.name = name
        self._devices = {device.id: device for device in devices}

    def plug(self, device: Device) -> None:
        """From now on ``device`` is there; one with the same id is replaced."""
        self._devices[device.id] = device

    def unplug(self, device_id: str) -> None:
        """From now on the device is gone; nothing happens if it was not there."""
        self._devices.pop(device_id, None)

    def scan(self) -> list[Device]:
        """The devices plugged now."""
        return list(self._devices.values())


class FakeMachine:
    """A sysfs, a procfs and a /dev below one folder, laid out as the kernel does.

    Give ``sys``, ``proc`` and ``dev`` to a provider as its roots.
    """

    def __init__(self, folder: Path) -> None:
        self.sys = folder / "sys"
        self.dev = folder / "dev"
        self.proc = folder / "proc"
        for root in (self.sys, self.dev, self.proc):
            root.mkdir()

    def write(self, path: Path, text: str) -> Path:
        """A file with this text."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def usb(self, port: str, *, serial: str = "", bus: str = USB_BUS) -> Path:
        """A USB device (such as port ``1-2``); the folder of its first interface."""
        device = self.sys / bus / port
        facts = {"idVendor": "046d", "idProduct": "0825", "serial": serial, "product": "Webcam"}
        for name, text in facts.items():
            if text:
                self.write(device / name, text + "\n")
        interface = device / f"{port}:1.0"
        interface.mkdir(parents=True, exist_ok=True)
        return interface

    def node(self, subsystem: str, name: str, device: Path, /, **facts: str) -> Path:
        """A class entry ``name`` of ``device``; its node below /dev, a plain file."""
        device.mkdir(parents=True, exist_ok=True)
        entry = device / subsystem / name
        entry.mkdir(parents=True)
        (entry / "device").symlink_to(device)
        for key, text in facts.items():
            self.write(entry / key, text + "\n")
        listed = self.sys / "class" / subsystem / name
        listed.parent.mkdir(parents=True, exist_ok=True)
        listed.symlink_to(entry)
        return self.write(self.dev / name, "")

    def host(self) -> None:
        """Four processors and 8 GiB."""
        cpu = "processor\t: 0\nmodel name\t: Test CPU\n\nprocessor\t: 1\nmodel name\t: Test CPU\n"
        self.write(self.proc / "cpuinfo", cpu)
        self.write(self.proc / "meminfo", "MemTotal:        8388608 kB\nMemFree: 1 kB\n")
        self.write(self.sys / "devices/system/cpu/online", "0-3\n")

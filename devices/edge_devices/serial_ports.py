"""Serial ports: USB adapters, USB devices with a CDC-ACM function, and UARTs of the board."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from cantor.base.resources import Device, Resource
from edge_devices.sysfs import (
    Place,
    choose_ids,
    entries,
    place_of,
    read_number,
)


class SerialPortProvider:
    """Finds serial ports: quantity ``SerialPort``, on USB the condition ``USBSerial`` too."""

    name = "serial-ports"

    def __init__(self, sysfs_root: Path = Path("/sys"), dev_root: Path = Path("/dev")) -> None:
        self._sysfs_root = sysfs_root
        self._dev_root = dev_root

    def scan(self) -> list[Device]:
        """The serial ports present now, in order of their nodes."""
        found: list[tuple[Path, Place]] = []
        for entry in entries(self._sysfs_root / "class" / "tty"):
            place = place_of(entry / "device", self._sysfs_root)
            if place is not None and _is_port(entry):
                found.append((entry, _with_line(place, entry)))
        ids = choose_ids([place for _, place in found])
        return [
            self._device(entry, place, device_id)
            for (entry, place), device_id in zip(found, ids, strict=True)
        ]

    def _device(self, entry: Path, place: Place, device_id: str) -> Device:
        node = self._dev_root / entry.name
        provides = [Resource("SerialPort", "quantity", 1)]
        if place.is_usb:
            provides.append(Resource("USBSerial", "condition", value=True))
        name = place.attributes.get("model", "") or "serial port"
        path = str(node) if os.path.lexists(node) else ""
        return Device(device_id, "serial-port", name, path, tuple(provides), dict(place.attributes))


def _is_port(entry: Path) -> bool:
    # The 8250 driver lists sockets without a chip as ports of type 0.
    return entry.name.startswith("tty") and read_number(entry / "type") != 0


def _with_line(place: Place, entry: Path) -> Place:
    """One device may have several ports: USB adapters number them, and so do UART drivers."""
    if place.is_usb:
        number = read_number(entry / "device" / "port_number") or 0
        ending = f"-port{number}" if number else ""
    else:
        line = read_number(entry / "line")
        ending = "" if line is None else f"-line{line}"
    serial = place.by_serial + ending if place.by_serial else ""
    return replace(place, by_path=place.by_path + ending, by_serial=serial)

"""Reading sysfs and procfs: what is missing or broken reads as nothing, never as an error."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

TEXT_BYTES_MAX = 64 * 1024
ATTRIBUTE_CHARACTERS_MAX = 128
ENTRIES_MAX = 1024

_UNSAFE = re.compile(r"[^A-Za-z0-9_.:-]+")
_INTERFACE = re.compile(r"[0-9]+-[0-9.]+:(?P<interface>[0-9]+\.[0-9]+)")
_USB_DEVICE = re.compile(r"[0-9]+-(?P<ports>[0-9.]+)")


def read_text(path: Path) -> str:
    """The first 64 KiB of a regular file; empty if it cannot be read."""
    try:
        if not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(TEXT_BYTES_MAX).decode("utf-8", "replace")
    except (OSError, RuntimeError, ValueError):
        return ""


def read_attribute(path: Path) -> str:
    """One line of printable text, at most 128 characters: devices choose some of these strings."""
    text = "".join(sign if sign.isprintable() else " " for sign in read_text(path))
    return text.strip(" \ufffd")[:ATTRIBUTE_CHARACTERS_MAX].strip()


def read_number(path: Path) -> int | None:
    """A whole decimal number of at most 18 digits, or None."""
    text = read_attribute(path)
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def entries(folder: Path) -> list[Path]:
    """What a folder holds, ``video2`` before ``video10``, at most 1024 entries."""
    try:
        found = list(folder.iterdir())
    except (OSError, RuntimeError):
        return []
    return sorted(found, key=lambda path: (len(path.name), path.name))[:ENTRIES_MAX]


def resolved(path: Path) -> Path | None:
    """The real place of a path, or None if it leads nowhere."""
    try:
        if not path.exists():  # one call of the kernel, where resolving takes a dozen in Python
            return None
        return path.resolve(strict=True)
    except (OSError, RuntimeError):
        return None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device node hangs: what stays the same across reboots and other plugs.

    ``by_path`` names the physical port. ``by_serial`` names the thing itself and moves with it;
    empty if it is no USB device or has no serial number. ``attributes`` describe a USB device.
    """

    by_path: str
    by_serial: str = ""
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def is_usb(self) -> bool:
        """Whether it is connected by USB."""
        return "usb_vendor" in self.attributes


def place_of(device: Path, sysfs_root: Path) -> Place | None:
    """The place of a ``device`` link below a class entry; None if the link leads nowhere."""
    real = resolved(device)
    root = resolved(sysfs_root) if real is not None else None
    if real is None or root is None or not real.is_relative_to(root):
        return None
    chain = [real, *real.parents]
    chain = chain[: chain.index(root)]
    for at, folder in enumerate(chain):
        if read_attribute(folder / "idVendor"):
            return _usb_place(folder, chain[:at], chain[at + 1 :])
    relative = real.relative_to(root).as_posix().removeprefix("devices/")
    return Place(by_path=_safe(relative.replace("/", "-")))


def choose_ids(places: list[Place]) -> list[str]:
    """One id for each place: by serial number, or by path where several share a serial number."""
    serials = [place.by_serial for place in places]
    return [
        place.by_serial
        if place.by_serial and serials.count(place.by_serial) == 1
        else place.by_path
        for place in places
    ]


def _usb_place(usb: Path, below: list[Path], above: list[Path]) -> Place:
    vendor, product = read_attribute(usb / "idVendor"), read_attribute(usb / "idProduct")
    serial = read_attribute(usb / "serial")
    interface = next((m["interface"] for f in below if (m := _INTERFACE.fullmatch(f.name))), "")
    port = _USB_DEVICE.fullmatch(usb.name)
    # The number of a USB bus depends on the order of probing; the controller's address does not.
    bus = next((at for at, folder in enumerate(above) if folder.name.startswith("usb")), None)
    controller = above[bus + 1].name if bus is not None and bus + 1 < len(above) else "bus"
    ports = port["ports"] if port else usb.name
    ending = f"-{interface}" if interface else ""
    attributes = {
        "usb_vendor": vendor,
        "usb_product": product,
        "usb_serial": serial,
        "usb_port": ports,
        "maker": read_attribute(usb / "manufacturer"),
        "model": read_attribute(usb / "product"),
    }
    return Place(
        by_path=_safe(f"usb-{controller}-{ports}{ending}"),
        by_serial=_safe(f"usb-{vendor}:{product}-{serial}{ending}") if serial else "",
        attributes={key: value for key, value in attributes.items() if value},
    )


def _safe(text: str) -> str:
    return _UNSAFE.sub("_", text)

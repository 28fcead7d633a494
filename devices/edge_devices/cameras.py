"""Cameras: V4L2 nodes that capture video, found through sysfs.

A UVC camera has two nodes or more of which one captures; ``VIDIOC_QUERYCAP`` tells where the node
can be opened, else the first node of a function (sysfs ``index`` 0) is taken for the capturing one.
Source: linux/videodev2.h, Documentation/userspace-api/media/v4l.
"""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.resources import Device, Resource
from edge_devices.sysfs import (
    Place,
    choose_ids,
    entries,
    place_of,
    read_attribute,
    read_number,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_VIDIOC_QUERYCAP = 0x80685600
_CAPABILITY = struct.Struct("=16s32s32sIII3I")
_CAP_VIDEO_CAPTURE = 0x00000001
_CAP_VIDEO_CAPTURE_MPLANE = 0x00001000
_CAP_DEVICE_CAPS = 0x80000000


class CameraProvider:
    """Finds cameras. Each gives the quantity ``Camera``; on USB also condition ``USBCamera``."""

    name = "cameras"

    def __init__(
        self,
        sysfs_root: Path = Path("/sys"),
        dev_root: Path = Path("/dev"),
        captures: Callable[[Path], bool | None] | None = None,
    ) -> None:
        self._sysfs_root = sysfs_root
        self._dev_root = dev_root
        self._captures = captures or node_captures

    def scan(self) -> list[Device]:
        """The cameras present now, in order of their nodes."""
        found: list[tuple[Path, Place]] = []
        for entry in entries(self._sysfs_root / "class" / "video4linux"):
            if entry.name.startswith("video") and self._is_camera(entry):
                place = place_of(entry / "device", self._sysfs_root)
                if place is not None:
                    found.append((entry, _with_stream(place, read_number(entry / "index") or 0)))
        ids = choose_ids([place for _, place in found])
        return [
            self._device(entry, place, device_id)
            for (entry, place), device_id in zip(found, ids, strict=True)
        ]

    def _is_camera(self, entry: Path) -> bool:
        captures = self._captures(self._dev_root / entry.name)
        return read_number(entry / "index") == 0 if captures is None else captures

    def _device(self, entry: Path, place: Place, device_id: str) -> Device:
        node = self._dev_root / entry.name
        provides = [Resource("Camera", "quantity", 1)]
        if place.is_usb:
            provides.append(Resource("USBCamera", "condition", value=True))
        name = read_attribute(entry / "name") or place.attributes.get("model", "") or "camera"
        path = str(node) if os.path.lexists(node) else ""
        return Device(device_id, "camera", name, path, tuple(provides), dict(place.attributes))


def node_captures(node: Path) -> bool | None:
    """Whether a V4L2 node captures video; None if it cannot be asked."""
    try:
        if not stat.S_ISCHR(node.stat().st_mode):
            return None
        descriptor = os.open(node, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, RuntimeError):
        return None
    buffer = bytearray(_CAPABILITY.size)
    try:
        fcntl.ioctl(descriptor, _VIDIOC_QUERYCAP, buffer)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return capability_captures(bytes(buffer))


def capability_captures(capability: bytes) -> bool:
    """Whether a ``struct v4l2_capability`` (104 bytes) is of a node that captures video."""
    _, _, _, _, whole_device, this_node, *_ = _CAPABILITY.unpack(capability)
    flags = this_node if whole_device & _CAP_DEVICE_CAPS else whole_device
    return bool(flags & (_CAP_VIDEO_CAPTURE | _CAP_VIDEO_CAPTURE_MPLANE))


def _with_stream(place: Place, index: int) -> Place:
    """One interface may capture several streams: all but the first get their index into the id."""
    if index == 0:
        return place
    serial = f"{place.by_serial}-stream{index}" if place.by_serial else ""
    return replace(place, by_path=f"{place.by_path}-stream{index}", by_serial=serial)

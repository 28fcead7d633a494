"""Cameras: which nodes count, and ids that outlive reboots and other plugs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cantor.base.resources import Resource
from edge_devices.cameras import CameraProvider, capability_captures, node_captures

if TYPE_CHECKING:
    from edge_devices.fake import FakeMachine

CAPTURE, METADATA, OUTPUT, DEVICE_CAPS = 0x1, 0x00800000, 0x2, 0x80000000


def test_only_the_capturing_node_of_a_usb_camera_is_a_camera(machine: FakeMachine) -> None:
    camera = machine.usb("1-2", serial="A1")
    node = machine.node("video4linux", "video0", camera, name="Cam\x1b[31m", index="0")
    machine.node("video4linux", "video1", camera, name="Cam", index="1")
    (device,) = CameraProvider(machine.sys, machine.dev).scan()
    assert device.id == "usb-046d:0825-A1-1.0"
    assert device.path == str(node)
    assert device.name == "Cam [31m"
    assert device.attributes["usb_port"] == "2"
    assert Resource("USBCamera", "condition", value=True) in device.provides
    assert Resource("Camera", "quantity", 1) in device.provides


def test_what_the_driver_says_goes_before_the_index(machine: FakeMachine) -> None:
    camera = machine.usb("1-2", serial="A1")
    machine.node("video4linux", "video0", camera, index="0")
    machine.node("video4linux", "video1", camera, index="2")

    def captures(node: Path) -> bool:
        return node.name == "video1"

    (device,) = CameraProvider(machine.sys, machine.dev, captures).scan()
    assert device.id == "usb-046d:0825-A1-1.0-stream2"


def test_cameras_without_or_with_shared_serial_numbers_are_named_by_port(
    machine: FakeMachine,
) -> None:
    machine.node("video4linux", "video0", machine.usb("1-1.4"), index="0")
    machine.node("video4linux", "video2", machine.usb("1-2", serial="0001"), index="0")
    machine.node("video4linux", "video10", machine.usb("1-3", serial="0001"), index="0")
    ids = [device.id for device in CameraProvider(machine.sys, machine.dev).scan()]
    assert ids == [f"usb-0000:00:14.0-{port}-1.0" for port in ("1.4", "2", "3")]


def test_a_camera_on_the_board_is_no_usb_camera(machine: FakeMachine) -> None:
    board = machine.sys / "devices/platform/vivid.0"
    machine.node("video4linux", "video0", board, index="0").unlink()
    (device,) = CameraProvider(machine.sys, machine.dev).scan()
    assert (device.id, device.path) == ("platform-vivid.0", "")
    assert [resource.name for resource in device.provides] == ["Camera"]


@pytest.mark.parametrize(
    ("whole", "this", "captures"),
    [
        (CAPTURE | METADATA | DEVICE_CAPS, CAPTURE, True),
        (CAPTURE | METADATA | DEVICE_CAPS, METADATA, False),
        (CAPTURE, 0, True),
        (OUTPUT, 0, False),
        (DEVICE_CAPS, 0x1000, True),
    ],
)
def test_the_capabilities_of_the_node_count(whole: int, this: int, captures: bool) -> None:
    raw = struct.pack("=16s32s32sIII3I", b"uvcvideo", b"Cam", b"usb", 1, whole, this, 0, 0, 0)
    assert capability_captures(raw) is captures


def test_a_node_that_is_no_video_device_cannot_be_asked(tmp_path: Path) -> None:
    assert node_captures(Path("/dev/null")) is None
    assert node_captures(tmp_path) is None
    assert node_captures(tmp_path / "gone") is None

"""``cantor device list`` and ``cantor device show``."""

from __future__ import annotations

import argparse
import json

import pytest

from cantor.base.errors import DeviceError
from cantor.base.resources import Device, Resource
from edge_devices.cli import register
from edge_devices.fake import FakeProvider
from edge_devices.registry import Inventory

CAMERA = Device(
    "usb-1-A",
    "camera",
    "Webcam",
    "/dev/video0",
    (Resource("Camera", "quantity", 1), Resource("USBCamera", "condition", value=True)),
    {"maker": "Acme"},
)
MEMORY = Device("usb-2", "memory", "RAM", "", (Resource("Memory", "quantity", 2**31, "B"),))


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers(), lambda: Inventory([FakeProvider([CAMERA, MEMORY])]))
    options = parser.parse_args(["device", *arguments])
    return int(options.run(options))


def test_the_list_shows_what_each_device_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    header, camera, memory = capsys.readouterr().out.splitlines()
    assert header.split() == ["KIND", "ID", "NAME", "PATH", "GIVES"]
    assert camera.endswith("Camera 1, USBCamera yes")
    assert memory.endswith("Memory 2.0 GiB")


def test_the_list_as_json_holds_devices_and_resources(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    content = json.loads(capsys.readouterr().out)
    assert [device["id"] for device in content["devices"]] == ["usb-1-A", "usb-2"]
    memory = {"name": "Memory", "kind": "quantity", "value": 2**31, "unit": "B"}
    assert memory in content["resources"]


def test_the_beginning_of_an_id_shows_the_device(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "usb-1") == 0
    assert "Acme" in capsys.readouterr().out
    assert run("show", "usb-1-A", "--json") == 0
    assert json.loads(capsys.readouterr().out)["attributes"] == {"maker": "Acme"}


@pytest.mark.parametrize(("wanted", "says"), [("usb", "several"), ("x", "no such device")])
def test_an_id_that_names_no_single_device_is_refused(wanted: str, says: str) -> None:
    with pytest.raises(DeviceError, match=says):
        run("show", wanted)

"""Serial ports: which ones are real, and what they are called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_devices.serial_ports import SerialPortProvider

if TYPE_CHECKING:
    from edge_devices.fake import FakeMachine


def ids(machine: FakeMachine) -> list[str]:
    return [device.id for device in SerialPortProvider(machine.sys, machine.dev).scan()]


def test_a_usb_port_keeps_its_id_when_its_node_changes(machine: FakeMachine) -> None:
    adapter = machine.usb("1-3", serial="FT9")
    machine.node("tty", "ttyUSB5", adapter / "ttyUSB5", port_number="0")
    machine.write(adapter / "ttyUSB6" / "port_number", "1\n")
    machine.node("tty", "ttyUSB6", adapter / "ttyUSB6")
    assert ids(machine) == ["usb-046d:0825-FT9-1.0", "usb-046d:0825-FT9-1.0-port1"]


def test_a_board_port_is_named_by_its_place_and_line(machine: FakeMachine) -> None:
    chip = machine.sys / "devices/pnp0/00:05"
    node = machine.node("tty", "ttyS0", chip, type="4", line="0")
    (device,) = SerialPortProvider(machine.sys, machine.dev).scan()
    assert (device.id, device.path) == ("pnp0-00:05-line0", str(node))
    assert [resource.name for resource in device.provides] == ["SerialPort"]


def test_sockets_without_a_chip_and_consoles_are_no_ports(machine: FakeMachine) -> None:
    machine.node("tty", "ttyS1", machine.sys / "devices/platform/serial8250", type="0", line="1")
    (machine.sys / "class" / "tty" / "tty1").mkdir()
    assert ids(machine) == []

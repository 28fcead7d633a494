"""``cantor device list`` and ``cantor device show``: the hardware of this box."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from cantor.base.errors import DeviceError
from cantor.base.units import format_size
from cantor.cli.table import format_table
from edge_devices.registry import Inventory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from cantor.base.resources import Device, Resource


def register(
    subparsers: argparse._SubParsersAction[argparse.ArgumentParser],
    inventory: Callable[[], Inventory] = Inventory,
) -> None:
    """Add the verb ``device``. Exit codes: 0 done, 74 no such device."""
    verb = subparsers.add_parser("device", help="the hardware of this box")
    actions = verb.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every device and what it gives")
    listing.set_defaults(run=lambda options: _list(inventory(), as_json=options.json))
    showing = actions.add_parser("show", help="everything known about one device")
    showing.add_argument("device", help="its id, or the beginning of it")
    showing.set_defaults(
        run=lambda options: _show(inventory(), options.device, as_json=options.json)
    )
    for action in (listing, showing):
        action.add_argument("--json", action="store_true", help="print JSON")


def _list(inventory: Inventory, *, as_json: bool) -> int:
    devices, resources = inventory.scan()
    if as_json:
        return _write_json(
            {
                "devices": [device_to_json(device) for device in devices],
                "resources": [resource_to_json(resource) for resource in resources],
            }
        )
    rows = [(d.kind, d.id, d.name, d.path or "-", _given(d)) for d in devices]
    return _write(format_table(("KIND", "ID", "NAME", "PATH", "GIVES"), rows))


def _show(inventory: Inventory, wanted: str, *, as_json: bool) -> int:
    devices, _ = inventory.scan()
    device = _find(devices, wanted)
    if as_json:
        return _write_json(device_to_json(device))
    rows = [
        ("id", device.id),
        ("kind", device.kind),
        ("name", device.name),
        ("path", device.path or "-"),
        ("gives", _given(device)),
        *sorted(device.attributes.items()),
    ]
    return _write(format_table(("WHAT", "VALUE"), rows))


def _find(devices: list[Device], wanted: str) -> Device:
    exact = [device for device in devices if device.id == wanted]
    found = exact or [device for device in devices if device.id.startswith(wanted)]
    if len(found) != 1:
        what = "several devices begin so" if found else "no such device"
        remedy = "cantor device list names every device"
        raise DeviceError(what, where=repr(wanted[:64]), remedy=remedy)
    return found[0]


def device_to_json(device: Device) -> dict[str, object]:
    """A device as the command line prints it with ``--json``."""
    return {
        "id": device.id,
        "kind": device.kind,
        "name": device.name,
        "path": device.path,
        "attributes": device.attributes,
        "provides": [resource_to_json(resource) for resource in device.provides],
    }


def resource_to_json(resource: Resource) -> dict[str, object]:
    """A resource as the command line prints it with ``--json``."""
    return {
        "name": resource.name,
        "kind": resource.kind,
        "value": resource.value,
        "unit": resource.unit,
    }


def _given(device: Device) -> str:
    return ", ".join(f"{resource.name} {_amount(resource)}" for resource in device.provides)


def _amount(resource: Resource) -> str:
    value = resource.value
    if resource.unit == "B" and isinstance(value, int | float):
        return format_size(value)
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value}"


def _write_json(content: object) -> int:
    return _write(json.dumps(content, indent=2, ensure_ascii=False))


def _write(text: str) -> int:
    sys.stdout.write(text + "\n")
    return 0

"""Every provider of this installation, and the inventory that they make together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from cantor.base.program import entry_points
from cantor.base.resources import merge_resources
from edge_devices.cameras import CameraProvider
from edge_devices.gpus import GpuProvider
from edge_devices.host import HostProvider
from edge_devices.serial_ports import SerialPortProvider

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.program import Part
    from cantor.base.resources import Device, DeviceProvider, Resource

PROVIDER_GROUP = "cantor.device_providers"
_logger = logging.getLogger(__name__)


def built_in_providers() -> list[DeviceProvider]:
    """The providers of this package, for the running machine."""
    return [HostProvider(), GpuProvider(), CameraProvider(), SerialPortProvider()]


def load_providers(points: Iterable[Part] | None = None) -> list[DeviceProvider]:
    """The providers registered in the group ``cantor.device_providers``, by name of their entry.

    An entry names a callable without arguments. One that fails is logged and left out; if none is
    left (a frozen build may lose its entry points), the built-in providers are given.
    """
    if points is None:
        points = entry_points(group=PROVIDER_GROUP)
    found: list[DeviceProvider] = []
    for point in sorted(points, key=lambda point: point.name):
        try:
            found.append(point.load()())
        except Exception:
            _logger.exception("device provider left out", extra={"provider": point.name})
    return found or built_in_providers()


class Inventory:
    """What all providers find together."""

    def __init__(self, providers: Iterable[DeviceProvider] | None = None) -> None:
        self._providers = load_providers() if providers is None else list(providers)

    def scan(self) -> tuple[list[Device], list[Resource]]:
        """The devices present now, each id once, and the resources that they give together.

        A provider that fails is logged and counts as having found nothing.
        """
        devices: dict[str, Device] = {}
        for provider in self._providers:
            try:
                found = provider.scan()
            except Exception:
                _logger.exception("device provider failed", extra={"provider": provider.name})
                continue
            for device in found:
                if devices.setdefault(device.id, device) is not device:
                    _logger.warning("device id found twice", extra={"device": device.id})
        every = [resource for device in devices.values() for resource in device.provides]
        return list(devices.values()), merge_resources(every)

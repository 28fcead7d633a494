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
    from collections.abc import Iterable, Sequence

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
    """What all providers find together. It is asked every second, so it says what is wrong once."""

    def __init__(self, providers: Iterable[DeviceProvider] | None = None) -> None:
        self._providers = load_providers() if providers is None else list(providers)
        self._failures: dict[str, tuple[str, int]] = {}
        self._twice: set[str] = set()

    def scan(self) -> tuple[list[Device], list[Resource]]:
        """The devices present now, each id once, and the resources that they give together.

        A provider that fails counts as having found nothing; another error than before is logged.
        """
        devices: dict[str, Device] = {}
        twice: set[str] = set()
        for provider in self._providers:
            for device in self._found_by(provider):
                if devices.setdefault(device.id, device) is not device:
                    twice.add(device.id)
        for device_id in sorted(twice - self._twice):
            _logger.warning("device id found twice", extra={"device": device_id})
        self._twice = twice
        every = [resource for device in devices.values() for resource in device.provides]
        return list(devices.values()), merge_resources(every)

    def _found_by(self, provider: DeviceProvider) -> Sequence[Device]:
        name = provider.name
        before, times = self._failures.get(name, ("", 0))
        try:
            found = provider.scan()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if reason != before:
                _logger.exception("device provider failed", extra={"provider": name})
                times = 0
            self._failures[name] = (reason, times + 1)
            return ()
        if self._failures.pop(name, None) is not None:
            _logger.info("device provider works again", extra={"provider": name, "failed": times})
        return found

"""Devices and the resources they give: what a node says about its hardware."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

ResourceValue = bool | int | float | str


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a node.

    A *condition* holds or not (``USBCamera == 1``). A *quantity* is consumed while it is used
    (``GPU = 1``); its value counts base units: bytes for memory and disk, whole devices, cores.
    """

    name: str
    kind: Literal["condition", "quantity"]
    value: ResourceValue
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """Hardware on or behind a node.

    ``id`` is stable across reboots and ports (a serial number or a physical path, never
    ``/dev/videoN``); ``path`` is where it can be opened now, empty if it cannot.
    """

    id: str
    kind: str
    name: str
    path: str = ""
    provides: tuple[Resource, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


class DeviceProvider(Protocol):
    """Finds one kind of hardware; registered in the entry points ``cantor.device_providers``."""

    name: str

    def scan(self) -> list[Device]:
        """The devices present now; empty if there are none. Never raises for missing hardware."""

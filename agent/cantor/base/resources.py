"""Devices and the resources they give: what a node says about its hardware."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def merge_resources(resources: Iterable[Resource]) -> list[Resource]:
    """One entry for each resource, in order of first mention.

    Quantities are summed. A condition holds if it holds for one device: of numbers the greatest
    stays, and each different string keeps an entry of its own.
    """
    merged: dict[tuple[str, str, str], Resource] = {}
    for resource in resources:
        text = resource.value if isinstance(resource.value, str) else ""
        key = (resource.name, resource.kind, text)
        before = merged.get(key)
        merged[key] = resource if before is None else _both(before, resource)
    return list(merged.values())


def without(
    resources: Iterable[Resource], taken: Mapping[str, int | float]
) -> tuple[Resource, ...]:
    """The resources less what is taken of them; never less than none."""
    left = dict(taken)
    found: list[Resource] = []
    for resource in resources:
        value, gone = resource.value, left.get(resource.name, 0)
        if resource.kind == "quantity" and gone and isinstance(value, int | float):
            part = min(value, gone)
            left[resource.name] = gone - part
            found.append(replace(resource, value=value - part))
        else:
            found.append(resource)
    return tuple(found)


def _both(one: Resource, other: Resource) -> Resource:
    if isinstance(one.value, str) or isinstance(other.value, str):
        return one
    quantity = one.kind == "quantity"
    value = one.value + other.value if quantity else max(one.value, other.value)
    return Resource(one.name, one.kind, value, one.unit)

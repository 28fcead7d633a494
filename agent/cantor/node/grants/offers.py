"""From devices and resources to what a grantor can give: totals, and units that have names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from cantor.scheduling.grants.records import UNITS_MAX
from cantor.scheduling.grants.stock import Have

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from cantor.base.resources import Device, Resource


def stock_of(
    devices: Iterable[Device],
    resources: Sequence[Resource],
    labels: Mapping[str, str],
) -> Have:
    """What a node has. A quantity of which a device gives one is given by devices' ids.

    What more there is of it (from configuration or code) gets the names ``GPU 1``, ``GPU 2``. There
    are as many units with names as one lease can hold; what is beyond is not given.
    """
    named: dict[str, list[str]] = {}
    for device in devices:
        for resource in device.provides:
            if resource.kind == "quantity" and resource.value == 1 and not resource.unit:
                named.setdefault(resource.name, []).append(device.id)
    units: dict[str, tuple[str, ...]] = {}
    given: list[Resource] = []
    left = UNITS_MAX
    for resource in resources:
        name, found = resource.name, named.get(resource.name)
        if found and resource.kind == "quantity" and isinstance(resource.value, int | float):
            more = range(1, min(int(resource.value), left) - len(found) + 1)
            units[name] = (*found, *(f"{name} {n}" for n in more))[:left]
            left -= len(units[name])
            given.append(replace(resource, value=min(resource.value, len(units[name]))))
        else:
            given.append(resource)
    return Have(tuple(given), dict(labels), units)

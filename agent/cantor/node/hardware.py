"""The hardware of a node: what its machine has, and what services have found behind it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import LocalProtocolError
from cantor.base.program import parts
from cantor.base.resources import merge_resources
from cantor.node.view import pack_devices, pack_resources

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cantor.base.resources import Device, Resource
    from cantor.wire.frame import Value

INVENTORY_GROUP = "cantor.inventory"
SCAN_INTERVAL_S = 1.0
_log = logging.getLogger(__name__)


class Inventory(Protocol):
    """Finds the hardware of this machine. One is registered in the group ``cantor.inventory``."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        """The devices present now and the resources that they give together."""


class Hardware:
    """Publishes the facts ``devices`` and ``resources`` when what they hold has changed."""

    def __init__(
        self,
        inventory: Inventory,
        publish: Callable[[str, Value], None],
        stock: Callable[[list[Device], list[Resource]], None] = lambda *_: None,
    ) -> None:
        """``stock`` is told what there is after each change."""
        self._inventory = inventory
        self._publish = publish
        self._stock = stock
        self._stocked: tuple[list[Device], list[Resource]] | None = None
        self._found: tuple[list[Device], list[Resource]] | None = None
        self._offers: dict[str, tuple[tuple[Device, ...], tuple[Resource, ...]]] = {}
        self._published: dict[str, Value] = {}

    async def watch(self) -> None:
        """Look at the machine once a second, for ever; what is wrong is logged when it changes."""
        before = ""
        while True:
            self._found = await asyncio.to_thread(self._inventory.scan)
            reason = ""
            try:
                self._tell()
            except LocalProtocolError as error:  # it is said again with the next look
                reason = str(error)
            if reason and reason != before:
                _log.warning("the mesh does not take what is here", extra={"reason": reason})
            before = reason
            await asyncio.sleep(SCAN_INTERVAL_S)

    def offer(self, source: str, devices: Sequence[Device], resources: Sequence[Resource]) -> None:
        """Replace what ``source`` has found behind this node; nothing ends its offer."""
        if devices or resources:
            self._offers[source] = (tuple(devices), tuple(resources))
        else:
            self._offers.pop(source, None)
        if self._found is not None:
            self._tell()

    def _tell(self) -> None:
        devices, resources = self._found or ([], [])
        offers = [self._offers[source] for source in sorted(self._offers)]
        everything = [*resources, *(resource for _, given in offers for resource in given)]
        there = [*devices, *(device for given, _ in offers for device in given)]
        merged = merge_resources(everything)
        if self._stocked != (there, merged):
            self._stocked = there, merged
            self._stock(there, merged)
        facts = {"devices": pack_devices(there), "resources": pack_resources(merged)}
        for name, value in facts.items():
            if self._published.get(name) != value:
                self._publish(name, value)
                self._published[name] = value


def load_inventory() -> Inventory:
    """The inventory of this installation; one that finds nothing if there is none."""
    for point in parts(INVENTORY_GROUP):
        inventory: Inventory = point.load()()
        return inventory
    return _NoInventory()


class _NoInventory:
    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []

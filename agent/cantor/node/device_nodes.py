"""What closed code sees of the hardware of this node: that whose units it was granted."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cantor.node.services import Node
    from cantor.scheduling.grants.records import Lease


def device_nodes(node: Node, lease: Lease | None) -> tuple[Path, ...]:
    """The nodes below ``/dev`` of the devices whose units are taken; nothing else is seen."""
    units = {unit for ids in lease.units.values() for unit in ids} if lease else set()
    if not units:
        return ()
    me = next((view for view in node.nodes() if view.id == node.node_id), None)
    paths = {os.path.realpath(one.path) for one in me.devices if one.id in units} if me else set()
    return tuple(Path(path) for path in sorted(paths) if Path(path).is_char_device())

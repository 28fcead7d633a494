"""What a node must remember of a service over restarts: the order, what is good, what failed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import RemoteProtocolError
from cantor.services.orders import Order, Revision, Stamp, order_from, revision_from

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.services.orders import Pushes

STATE_FILE = "state"


@dataclass(frozen=True, slots=True)
class Remembered:
    """``order`` was followed last, ``packed_order`` is the same as signed; ``good`` ran well last;
    ``seen`` are the pushes that this node has seen itself.

    The order was believed when it came. It is not judged again, so that what runs goes on although
    its signer has left the mesh.
    """

    order: Order | None = None
    packed_order: bytes = b""
    good: Revision | None = None
    failed: tuple[Stamp, ...] = ()
    seen: Pushes = ()

    def packed(self) -> bytes:
        """What is written."""
        good = None if self.good is None else self.good.as_value()
        order = None if self.order is None else [self.order.by, self.order.content(), self.seen]
        failed = [list(one) for one in self.failed]
        packed: bytes = msgpack.packb([order, self.packed_order, good, failed])
        return packed


def remembered(folder: Path) -> Remembered:
    """What was written in a service's folder; nothing if that is lost or damaged.

    What is damaged costs no more than that a revision which failed is tried again.
    """
    try:
        order, packed, good, failed = msgpack.unpackb((folder / STATE_FILE).read_bytes())
        return Remembered(
            None if order is None else order_from(order[1], order[0]),
            bytes(packed),
            None if good is None else revision_from(good),
            tuple(Stamp(number, by) for number, by in failed),
            tuple((bundle, by) for seen in (order or ())[2:] for bundle, by in seen),
        )
    except (OSError, ValueError, TypeError, RemoteProtocolError, msgpack.UnpackException):
        return Remembered()

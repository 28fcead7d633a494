"""What other nodes say about the time, and whether this one's clock can be right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.clock import HLC_DRIFT_MAX_S
from cantor.base.errors import UnavailableError

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

TOLD_MAX = 64
TOLD_S = 90.0
"""What was said longer ago counts no more; a clock may have been set meanwhile."""


class Clocks:
    """By how much the clocks of others are ahead of this node's, as they said last."""

    def __init__(self) -> None:
        self._ahead: dict[NodeId, tuple[float, float]] = {}

    def told(self, node: NodeId, wall_s: float, own_wall_s: float, now: float) -> None:
        """Another node says what time it is."""
        self._ahead.pop(node, None)
        self._ahead[node] = wall_s - own_wall_s, now
        if len(self._ahead) > TOLD_MAX:
            del self._ahead[next(iter(self._ahead))]

    def stepped(self, by_s: float) -> None:
        """This node's clock was set by so much."""
        self._ahead = {node: (s - by_s, at) for node, (s, at) in self._ahead.items()}

    def apart(self, now: float) -> dict[NodeId, float]:
        """The nodes whose clocks are too far from this one, by how many seconds they are ahead."""
        return {
            node: ahead_s
            for node, (ahead_s, at) in self._ahead.items()
            if now - at <= TOLD_S and abs(ahead_s) > HLC_DRIFT_MAX_S
        }

    def offset_s(self, now: float) -> float:
        """By how much most others are ahead (behind: negative); 0 if most agree, or none is known.

        That is within what clocks may be apart.
        """
        heard = sum(now - at <= TOLD_S for _, at in self._ahead.values())
        apart = sorted(self.apart(now).values())
        return apart[len(apart) // 2] if 2 * len(apart) > heard else 0.0

    def check(self, now: float, where: str) -> None:
        """Refuse what would be stamped with a wrong time.

        Raises:
            UnavailableError: most others have another time.
        """
        offset_s = self.offset_s(now)
        if offset_s:
            way = "behind" if offset_s > 0 else "ahead of"
            raise UnavailableError(
                f"this node's clock is {abs(offset_s):.0f} s {way} those of the nodes around it"
                f" (limit {HLC_DRIFT_MAX_S:.0f} s), so that others would refuse or overlook this",
                where=where,
                remedy="set the clock of this box, and try again",
            )

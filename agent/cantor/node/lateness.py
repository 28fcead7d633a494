"""How late a node gets to what was due: the machine has no time for it, or its loop was held up."""

from __future__ import annotations

from cantor.mesh.links import STALL_S


class Lateness:
    """Seconds by which timers came late, of those that came later than ``STALL_S``.

    ``total_s`` is their sum since the node started, ``worst_s`` the longest of them.
    """

    def __init__(self) -> None:
        self.total_s = 0.0
        self.worst_s = 0.0

    def note(self, late_s: float) -> None:
        """A timer came so late."""
        if late_s > STALL_S:
            self.total_s += late_s
            self.worst_s = max(self.worst_s, late_s)

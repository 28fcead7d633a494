"""How much of what a neighbour sends may turn out not to hold, before it is checked no more.

To check a signature takes a tenth of a millisecond. An honest neighbour checks what it passes on,
so next to nothing of it fails here; a hostile one could have this node check without end. Whatever
has failed counts against the neighbour that it came from, whoever it names. While a neighbour has
used up its quota all that would have to be checked is dropped. Facts then come by other neighbours,
whose digests tell what is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.allowance import Allowance

if TYPE_CHECKING:
    from cantor.base.ids import NodeId

FAILED_PER_S = 50.0
"""Half a percent of a processor for each neighbour, two if certificates of strangers come along."""
FAILED_AT_ONCE = 500.0
"""Facts of so many owners may be unvouched here while the mesh goes over to another root."""


class VerifyQuota:
    """The quotas of all neighbours. A link that is made anew does not renew them."""

    def __init__(self) -> None:
        self._allowances: dict[NodeId, Allowance] = {}
        self._told: set[NodeId] = set()
        self._to_tell: list[NodeId] = []

    def failed(self, peer: NodeId, now: float) -> None:
        """Something that this neighbour sent was checked in vain."""
        allowance = self._allowances.get(peer)
        if allowance is None:
            allowance = self._allowances[peer] = Allowance(FAILED_PER_S, FAILED_AT_ONCE)
        allowance.take(now)
        if allowance.is_spent(now) and peer not in self._told:
            self._told.add(peer)
            self._to_tell.append(peer)

    def is_spent(self, peer: NodeId, now: float) -> bool:
        """Whether nothing of this neighbour is to be checked now."""
        allowance = self._allowances.get(peer)
        return allowance is not None and allowance.is_spent(now)

    def take_spent(self) -> list[NodeId]:
        """The neighbours that have used up their quota since the last call, for the first time."""
        spent, self._to_tell = self._to_tell, []
        return spent

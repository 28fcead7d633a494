"""Takes facts from the network: stamps against this node's clock, signatures of owners."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from cantor.base.clock import HybridClock, seconds_ahead
from cantor.base.errors import RemoteProtocolError
from cantor.base.ids import NodeId
from cantor.ledger.facts import Batch, OverShareError, UnvouchedError
from cantor.mesh.verify_quota import VerifyQuota

if TYPE_CHECKING:
    from collections import Counter

    from cantor.ledger.facts import Fact
    from cantor.ledger.ledger import Ledger
    from cantor.wire.frame import DataFrame

CLOCKS_AHEAD_MAX = 64


class FactReader:
    """Merges what neighbours send into ``ledger``, and gives the stamps of this node."""

    def __init__(self, ledger: Ledger, counters: Counter[str], wall_offset_s: float) -> None:
        self._ledger = ledger
        self._counters = counters
        self._clock = HybridClock()
        self.wall_offset_s = wall_offset_s
        self.clocks_ahead: dict[NodeId, float] = {}
        self.quota = VerifyQuota()

    def stamp(self, now: float) -> int:
        """A new stamp for facts of this node."""
        return self._clock.tick(now + self.wall_offset_s)

    def read(self, frame: DataFrame, now: float, batches: list[Batch], facts: list[Fact]) -> None:
        """Keep what is new in a frame; append the batches to pass on and the facts that changed.

        Raises:
            RemoteProtocolError: malformed, forged or too much; what came before it is kept.
        """
        owners = frame.headers.get("owners")
        if not isinstance(owners, list) or 3 * len(owners) != len(frame.body):
            raise RemoteProtocolError("facts without owner, signature or certificate")
        for index, owner in enumerate(owners):
            if self.quota.is_spent(frame.source, now):
                self._counters["verify_over_quota"] += len(owners) - index
                return
            parts = [bytes(part) for part in frame.body[3 * index : 3 * index + 3]]
            batch = Batch(NodeId(str(owner)), *parts)
            try:
                new, changed = self._ledger.merge(
                    batch, self.stamp(now), observe=partial(self._observe, batch.owner, now)
                )
            except (_AheadError, UnvouchedError, OverShareError, RemoteProtocolError) as error:
                self.quota.failed(frame.source, now)
                self._count(error, batch.owner, frame.source)
            else:
                batches += new
                facts += changed

    def _count(self, error: Exception, owner: NodeId, neighbour: NodeId) -> None:
        """Of what was not taken: the neighbour that passes it on mostly does nothing wrong."""
        match error:
            case _AheadError():
                self._counters["facts_ahead"] += 1
            case UnvouchedError():  # its owner was away while the mesh went over to another root
                self._counters["facts_unvouched"] += 1
            case OverShareError() if owner != neighbour:
                # Of several that say too much each node has room for another: only the owner lies.
                self._counters["facts_over_share"] += 1
            case OverShareError():
                raise RemoteProtocolError("more facts than its share") from error
            case _:
                raise error

    def _observe(self, owner: NodeId, now: float, stamp: int) -> None:
        wall_s = now + self.wall_offset_s
        try:
            self._clock.observe(stamp, wall_s)
        except RemoteProtocolError as error:
            if owner in self.clocks_ahead or len(self.clocks_ahead) < CLOCKS_AHEAD_MAX:
                self.clocks_ahead[owner] = seconds_ahead(stamp, wall_s)
            raise _AheadError from error
        self.clocks_ahead.pop(owner, None)


class _AheadError(Exception):
    """Facts from a clock that is too far ahead."""

"""The links of a node: which of two connections counts, heartbeats, and silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.mesh.pace import NEVER

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.mesh.cost import LinkCost

BEAT_ACTIVE_S = 0.2
BEAT_IDLE_S = 0.5
BEAT_TOGETHER_S = 0.05
"""Beats that are due so soon are sent along, so that a node wakes once for all its links."""
ACTIVE_FOR_S = 10.0
BEATS_MISSED_MAX = 3
BEAT_SLACK_S = 0.1
STALL_S = 0.1
AVOIDED_COST = 1000.0
ACKNOWLEDGED_S = 0.4
STANDSTILL_MAX_S = 10.0


@dataclass(slots=True)
class Link:
    """One link as this node sees it. Times are those of ``now``."""

    peer: NodeId
    nonce: str
    dialled: bool
    metric: LinkCost
    silent_at: float
    up_at: float = 0.0
    peer_beat_s: float = BEAT_IDLE_S
    beat_at: float = 0.0
    data_at: float = float("-inf")
    heard_at: float = 0.0
    acknowledged_at: float = float("-inf")
    is_parting: bool = False
    is_stalled: bool = False
    is_excused: bool = False
    _said_s: float = BEAT_IDLE_S
    _said_at: float = float("-inf")

    @property
    def cost(self) -> float:
        """Its weight in routes, as this node announces it.

        Routes avoid a link that is to be closed, and one whose peer stands still.
        """
        return self.metric.announced + AVOIDED_COST * (self.is_parting + self.is_stalled)

    def beat_s(self, now: float) -> float:
        """How often this side sends a heartbeat."""
        return BEAT_ACTIVE_S if now - self.data_at < ACTIVE_FOR_S else BEAT_IDLE_S

    def beat(self, now: float, *, is_answer: bool = False) -> float:
        """A heartbeat leaves; how soon it promises the next one, in seconds."""
        self._said_s, self._said_at = self.beat_s(now), now
        self.beat_at = now + self._said_s + BEAT_SLACK_S * is_answer
        return self._said_s

    def is_to_answer(self, now: float) -> bool:
        """Whether to answer a heartbeat of the lower node; if not, the next one will be.

        So an acknowledgement rides on each answer, and one packet in four is saved. At most half a
        beat is put off, and by what was promised: of a slower beat the peer has not heard yet.
        """
        if now - self._said_at > self._said_s / 2:
            return True
        self.beat_at = now + self._said_s + BEAT_SLACK_S
        return False

    def heard(self, now: float) -> None:
        """Any frame from the peer proves that it lives."""
        self.heard_at = now
        self.is_excused = False
        self.silent_at = max(self.silent_at, now + self._patience_s)

    def promised(self, beat_s: float, now: float) -> None:
        """The peer will send its next heartbeat so soon."""
        self.peer_beat_s = beat_s
        self.heard(now)

    def excuse(self, late_s: float, now: float) -> None:
        """Do not count the time in which this node could not hear the peer.

        What came meanwhile is read in a moment: the first time it has at least so long.
        """
        moment_s = 0.0 if self.is_excused else BEAT_SLACK_S
        given_back = max(self.silent_at + late_s, now + moment_s)
        self.silent_at = max(self.silent_at, min(given_back, now + self._patience_s))
        self.is_excused = True

    @property
    def _patience_s(self) -> float:
        return BEATS_MISSED_MAX * self.peer_beat_s + BEAT_SLACK_S

    def waits(self, now: float) -> bool:
        """A silent peer is waited for while its system answers: it stands still, as boxes do."""
        if now - self.acknowledged_at > ACKNOWLEDGED_S or now - self.heard_at > STANDSTILL_MAX_S:
            return False
        self.silent_at = now + BEAT_ACTIVE_S
        return True


class Links:
    """The links of ``node`` by peer.

    ``due_at`` is when the next heartbeat or silence is due, or sooner: what is heard meanwhile
    puts silence off. Infinite without links.
    """

    def __init__(self, node: NodeId) -> None:
        self._node = node
        self.due_at = NEVER
        self._links: dict[NodeId, Link] = {}
        self._ordered: list[Link] = []

    def get(self, peer: NodeId) -> Link | None:
        """The link to a peer."""
        return self._links.get(peer)

    def ordered(self) -> list[Link]:
        """Every link, by peer; not to be changed."""
        return self._ordered

    def add(self, link: Link) -> str | None:
        """Take a connection; return the nonce of the one to close if there are two now.

        Of two that both sides dialled, the one that the lower node id dialled stays, unless it has
        gone silent, for then the peer has given it up; of two dialled by the same side, the newer.
        """
        old = self._links.get(link.peer)
        if old is not None and old.dialled != link.dialled and not old.is_stalled:
            lower_dials = self._node < link.peer
            if link.dialled != lower_dials:
                return link.nonce
        self._links[link.peer] = link
        self.due_at = min(self.due_at, link.beat_at, link.silent_at)
        self._order()
        return old.nonce if old is not None else None

    def remove(self, peer: NodeId, nonce: str) -> bool:
        """Forget a link; False if it was not the one in use."""
        link = self._links.get(peer)
        if link is None or link.nonce != nonce:
            return False
        del self._links[peer]
        self._order()
        return True

    def widen(self, late_s: float, now: float) -> None:
        """This node stood still for so long: what it did not hear meanwhile proves nothing."""
        for link in self._ordered:
            link.excuse(late_s, now)

    def renew_due(self) -> None:
        """Heartbeats were sent and silence was looked for: see when either is due next."""
        self.due_at = NEVER
        for link in self._ordered:
            self.due_at = min(self.due_at, link.beat_at, link.silent_at)

    def _order(self) -> None:
        self._ordered = [self._links[peer] for peer in sorted(self._links)]

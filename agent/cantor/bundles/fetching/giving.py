"""What a node does that is asked for chunks: it gives each away twice, then it says who has it.

So a blob that many nodes want at once leaves its origin twice and no more, however many they are:
those who got a chunk give it on in the same way. Who was sent to others in vain says so, and is
given it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.bundles.fetching.messages import Absent, Ask, Elsewhere, Soon

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.bundles.fetching.manifest import Part

COPIES = 2
WAITING_MAX = 256
"""Nodes that wait here for one chunk."""


@dataclass(frozen=True, slots=True)
class Tell:
    """Say this to a node."""

    to: NodeId
    message: Elsewhere | Soon | Absent


@dataclass(frozen=True, slots=True)
class Give:
    """Send this chunk to a node."""

    to: NodeId
    blob: str
    chunk: int


@dataclass(slots=True)
class _Blob:
    count: int
    have: set[int]
    is_coming: bool
    given: dict[int, list[NodeId]] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)
    waiting: dict[int, list[NodeId]] = field(default_factory=dict)


class Giving:
    """All that one node has to give, and whom it gave what."""

    def __init__(self, me: NodeId, copies: int = COPIES) -> None:
        self._me = me
        self._copies = copies
        self._blobs: dict[str, _Blob] = {}

    def offer(self, part: Part) -> None:
        """The whole blob is here."""
        known = self._blobs.setdefault(part.id, _Blob(len(part.hashes), set(), is_coming=False))
        known.have, known.is_coming = set(range(known.count)), False

    def expect(self, part: Part) -> None:
        """The blob is being fetched: :meth:`arrived` says chunk by chunk."""
        self._blobs.setdefault(part.id, _Blob(len(part.hashes), set(), is_coming=True))

    def arrived(self, blob: str, chunk: int) -> list[Give]:
        """A chunk is here now; whom to give it, because they wait."""
        known = self._blobs.get(blob)
        if known is None:
            return []
        known.have.add(chunk)
        waiting = known.waiting.pop(chunk, [])
        return [self._give(known, who, Ask(blob, chunk)) for who in waiting]

    def withdraw(self, blob: str) -> list[Tell]:
        """The blob is not here any more, or will not come; what to say to who waits."""
        known = self._blobs.pop(blob, None)
        if known is None:
            return []
        return [
            Tell(who, Absent(blob, chunk))
            for chunk, waiting in known.waiting.items()
            for who in waiting
        ]

    def gone(self, node: NodeId) -> None:
        """A node cannot be reached: it is told to nobody any more."""
        for known in self._blobs.values():
            for nodes in (*known.given.values(), *known.waiting.values()):
                while node in nodes:
                    nodes.remove(node)

    def asked(self, by: NodeId, ask: Ask) -> Give | Tell:
        """What to do when a node asks."""
        known = self._blobs.get(ask.blob)
        if known is None or not 0 <= ask.chunk < known.count:
            return Tell(by, Absent(ask.blob, ask.chunk))
        if ask.chunk not in known.have:
            return self._let_wait(known, by, ask)
        given = known.given.get(ask.chunk, [])
        others = tuple(node for node in given if node not in ask.tried and node != by)
        is_lost = self._me in ask.tried  # what this node had sent did not arrive
        if is_lost or known.times[ask.chunk] < self._copies or not others:
            return self._give(known, by, ask)
        return Tell(by, Elsewhere(ask.blob, ask.chunk, others[-self._copies :]))

    def _let_wait(self, known: _Blob, by: NodeId, ask: Ask) -> Tell:
        """Who waits first is given it first; the others are sent to those who wait."""
        waiting = known.waiting.setdefault(ask.chunk, [])
        others = tuple(node for node in waiting if node not in ask.tried and node != by)
        if not known.is_coming or len(waiting) >= WAITING_MAX:
            return Tell(by, Absent(ask.blob, ask.chunk))
        if by not in waiting and len(waiting) >= self._copies and others:
            return Tell(by, Elsewhere(ask.blob, ask.chunk, others[-self._copies :]))
        if by not in waiting:
            waiting.append(by)
        return Tell(by, Soon(ask.blob, ask.chunk))

    def _give(self, known: _Blob, to: NodeId, ask: Ask) -> Give:
        given = known.given.setdefault(ask.chunk, [])
        if to not in given:
            given.append(to)
        known.times[ask.chunk] += 1
        return Give(to, ask.blob, ask.chunk)

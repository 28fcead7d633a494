"""How one node gets one blob: chunk by chunk from several nodes, each chunk checked by its hash.

It begins with the nodes that are known to have the blob, the nearest first, and follows where they
send it. Every node takes the chunks in an order of its own, so that nodes that want the same have
different chunks to give each other. Who is silent, has nothing or sends something else is left for
another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.bundles.fetching.messages import Absent, Answer, Ask, Chunk, Elsewhere, Soon

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.base.ids import NodeId
    from cantor.bundles.fetching.manifest import Part
    from cantor.wire.frame import Buffer

UNDER_WAY_MAX = 16
"""Chunks that are asked for and not here."""
AT_ONE_NODE_MAX = 6
SILENT_S = 10.0
"""Who sends nothing at all for so long is left; who promised a chunk has ``PATIENCE`` times it."""
PATIENCE = 2
REST_S = 5.0
"""After a node failed to give a chunk it is not asked for that chunk for so long."""
GIVE_UP_S = 120.0
NODES_TOLD_MAX = 16


@dataclass(frozen=True, slots=True)
class Say:
    """Ask a node."""

    to: NodeId
    ask: Ask


@dataclass(frozen=True, slots=True)
class Keep:
    """This chunk is right: write it where it belongs, and let others have it."""

    chunk: int
    data: Buffer


@dataclass(frozen=True, slots=True)
class Done:
    """All chunks are here."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Nobody gives what is missing."""

    reason: str


Effect = Say | Keep | Done | Failed


@dataclass(slots=True)
class _Wanted:
    """One chunk that is not here yet."""

    told: list[NodeId] = field(default_factory=list)
    failed_at: dict[NodeId, float] = field(default_factory=dict)
    asked: NodeId | None = None
    since: float = 0.0
    is_promised: bool = False


class Fetch:
    """The state of one blob on its way here."""

    def __init__(self, me: NodeId, part: Part, now: float) -> None:
        self._me = me
        self._part = part
        self._wanted = {chunk: _Wanted() for chunk in _order(me, part)}
        self._costs: dict[NodeId, float] = {}
        self._holders: set[NodeId] = set()
        self._liars: set[NodeId] = set()
        self._busy: dict[NodeId, int] = {}
        self._heard_at: dict[NodeId, float] = {}
        self._moved_at = now
        self._is_over = False

    @property
    def missing(self) -> int:
        """Chunks that are not here yet."""
        return len(self._wanted)

    def start(self, holders: Mapping[NodeId, float], now: float) -> list[Effect]:
        """Begin, or hear of more: who has the whole blob, and what it costs to reach them."""
        self._costs.update(holders)
        self._holders.update(node for node in holders if node != self._me)
        return self._go_on(now)

    def heard(self, source: NodeId, answer: Answer, now: float) -> list[Effect]:
        """A node answered."""
        wanted = self._wanted.get(answer.chunk)
        if answer.blob != self._part.id or wanted is None or self._is_over:
            return []
        self._heard_at[source] = now
        kept: list[Effect] = []
        match answer:
            case Chunk(chunk=chunk, data=data):
                kept += self._take(source, chunk, data, wanted, now)
            case Elsewhere(nodes=nodes) if wanted.asked == source:
                fresh = [node for node in nodes[:NODES_TOLD_MAX] if self._may_be_told(node, wanted)]
                wanted.told += fresh
                self._leave(wanted, now, failed=not fresh)
            case Soon() if wanted.asked == source:
                wanted.is_promised = True
            case Absent() if wanted.asked == source:
                self._leave(wanted, now, failed=True)
        return kept + self._go_on(now)

    def gone(self, node: NodeId, now: float) -> list[Effect]:
        """A node cannot be reached any more."""
        self._holders.discard(node)
        for wanted in self._wanted.values():
            if node in wanted.told:
                wanted.told.remove(node)
            if wanted.asked == node:
                self._leave(wanted, now, failed=True)
        return self._go_on(now)

    def tick(self, now: float) -> list[Effect]:
        """Let time pass; call it about once a second."""
        for wanted in self._wanted.values():
            if wanted.asked is not None:
                limit = SILENT_S * (PATIENCE if wanted.is_promised else 1)
                heard = self._heard_at.get(wanted.asked, 0.0)
                since = wanted.since if wanted.is_promised else max(wanted.since, heard)
                if now - since >= limit:
                    self._believe_nobody(wanted, now)
        if self._wanted and not self._is_over and now - self._moved_at >= GIVE_UP_S:
            self._is_over = True
            return [Failed(self._why())]
        return self._go_on(now)

    def _take(
        self, source: NodeId, chunk: int, data: Buffer, wanted: _Wanted, now: float
    ) -> list[Effect]:
        if not self._part.is_chunk(chunk, data):
            self._liars.add(source)
            if wanted.asked == source:
                self._leave(wanted, now, failed=True)
            return []
        if wanted.asked is not None:
            self._leave(wanted, now, failed=False)
        del self._wanted[chunk]
        self._moved_at = now
        return [Keep(chunk, data)]

    def _go_on(self, now: float) -> list[Effect]:
        """Ask for what is next."""
        if self._is_over:
            return []
        if not self._wanted:
            self._is_over = True
            return [Done()]
        return list(self._asks(now))

    def _asks(self, now: float) -> Iterator[Say]:
        under_way = sum(self._busy.values())
        for chunk, wanted in self._wanted.items():
            if under_way >= UNDER_WAY_MAX:
                return
            if wanted.asked is not None:
                continue
            node = self._choice(wanted, now)
            if node is None:
                continue
            under_way += 1
            wanted.asked, wanted.since, wanted.is_promised = node, now, False
            self._busy[node] = self._busy.get(node, 0) + 1
            tried = tuple(wanted.failed_at)[-NODES_TOLD_MAX:]
            yield Say(node, Ask(self._part.id, chunk, tried))

    def _choice(self, wanted: _Wanted, now: float) -> NodeId | None:
        """Whom to ask for a chunk: those who were told to have it, else the nearest holder."""
        told = [node for node in wanted.told if self._is_good(node, wanted, now)]
        if told:
            free = [node for node in told if self._busy.get(node, 0) < AT_ONE_NODE_MAX]
            return min(free, key=self._price, default=None)
        holders = [node for node in self._holders if self._is_good(node, wanted, now)]
        free = [node for node in holders if self._busy.get(node, 0) < AT_ONE_NODE_MAX]
        return min(free, key=self._price, default=None)

    def _price(self, node: NodeId) -> tuple[float, NodeId]:
        return self._costs.get(node, 1.0) * (1 + self._busy.get(node, 0)), node

    def _is_good(self, node: NodeId, wanted: _Wanted, now: float) -> bool:
        rested = now - wanted.failed_at.get(node, -REST_S) >= REST_S
        return rested and node not in self._liars

    def _may_be_told(self, node: NodeId, wanted: _Wanted) -> bool:
        return node != self._me and node not in wanted.told and node not in wanted.failed_at

    def _believe_nobody(self, wanted: _Wanted, now: float) -> None:
        """Who was told to have the chunk may wait for us: only a holder of the whole helps now."""
        for node in wanted.told if wanted.is_promised else ():
            wanted.failed_at[node] = now
        if wanted.is_promised:
            wanted.told.clear()
        self._leave(wanted, now, failed=True)

    def _leave(self, wanted: _Wanted, now: float, *, failed: bool) -> None:
        """The node that was asked is not waited for any more."""
        node = wanted.asked
        if node is None:
            return
        self._busy[node] -= 1
        wanted.asked = None
        if failed:
            wanted.failed_at.pop(node, None)
            wanted.failed_at[node] = now
            if node in wanted.told:
                wanted.told.remove(node)

    def _why(self) -> str:
        tried = {node for wanted in self._wanted.values() for node in wanted.failed_at}
        what = self._part.name or "the code"
        return (
            f"{len(self._wanted)} of {len(self._part.hashes)} chunks of {what} are missing:"
            f" {len(tried)} nodes were asked in vain, {len(self._liars)} sent other bytes"
        )


def _order(me: NodeId, part: Part) -> list[int]:
    """An order of the chunks that is this node's own, and the same each time."""

    def place(chunk: int) -> bytes:
        return hashlib.sha256(f"{me} {part.id} {chunk}".encode()).digest()

    return sorted(range(len(part.hashes)), key=place)

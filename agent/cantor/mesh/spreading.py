"""How facts spread: along the spanning tree at once, and by comparing digests with neighbours.

New facts go to the neighbours on the tree, and to those whose link is so new that it is no edge of
the graph yet. The first leaves at once; those that follow within the same moment leave together,
without what has been overtaken meanwhile. While the tree changes a fact can miss a part of the
mesh, so a neighbour that joins the tree is compared with at once, and every one now and then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.ledger import sync
from cantor.mesh.pace import NEVER, Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Batch
    from cantor.ledger.ledger import Ledger
    from cantor.mesh.graph import Graph
    from cantor.mesh.links import Link
    from cantor.wire.frame import Value

TOGETHER_S = 0.02
DIGEST_S = 5.0
DIGEST_PAUSE_S = 0.2
DIGEST_PAUSE_MAX_S = 1.6
DIGEST_YIELD_S = 0.15
BATCHES_PER_FRAME = 16
ANSWERS_PER_S_MAX = 50.0


@dataclass(slots=True)
class _Channel:
    """What waits for one neighbour, and when its digest is due."""

    link: str
    waiting: dict[bytes, Batch] = field(default_factory=dict)  # by their signatures
    sent_at: float = -NEVER
    send_at: float = NEVER
    digest_at: float = 0.0
    comparing: Pace = field(default_factory=lambda: Pace(DIGEST_PAUSE_S, DIGEST_PAUSE_MAX_S))
    answers: float = ANSWERS_PER_S_MAX
    answered_at: float = 0.0
    was_on_tree: bool = False


class Spreading:
    """What ``node`` tells its neighbours of the ledger. ``take`` gives what to send now."""

    def __init__(self, node: NodeId, ledger: Ledger, graph: Graph) -> None:
        self._node = node
        self._ledger = ledger
        self._graph = graph
        self._channels: dict[NodeId, _Channel] = {}
        self._due_at: float | None = None  # None: to be looked up
        self._tree: frozenset[NodeId] = frozenset()

    @property
    def tree(self) -> frozenset[NodeId]:
        """The linked neighbours of this node on the spanning tree."""
        return self._tree

    def opened(self, link: Link, now: float) -> None:
        """A link is in use: whoever dialled begins to compare, both sides go on now and then."""
        channel = _Channel(link.nonce)
        channel.digest_at = now if link.dialled else now + DIGEST_S
        self._channels[link.peer] = channel
        self.renew_tree(now)

    def closed(self, peer: NodeId, now: float) -> None:
        """A link is no longer in use."""
        self._channels.pop(peer, None)
        self.renew_tree(now)

    def renew_tree(self, now: float) -> None:
        """The graph or the links have changed: compare at once with who has joined the tree."""
        self._due_at = None
        on_tree = self._graph.tree.neighbours(self._node)
        self._tree = frozenset(peer for peer in on_tree if peer in self._channels)
        for peer, channel in self._channels.items():
            if peer in self._tree and not channel.was_on_tree:
                yield_s = 0.0 if self._node < peer else DIGEST_YIELD_S
                channel.comparing.ask(now, after_s=yield_s)
                channel.digest_at = min(channel.digest_at, channel.comparing.due_at)
            channel.was_on_tree = peer in self._tree

    def spread(self, batches: Iterable[Batch], now: float, heard_from: NodeId | None) -> None:
        """Let the neighbours know; not the one that it came from, unless it is of this node."""
        self._due_at = None
        edges = self._graph.of(self._node)
        targets = [
            (peer, channel)
            for peer, channel in self._channels.items()
            if peer in self._tree or peer not in edges
        ]
        for batch in batches:
            for peer, channel in targets:
                if peer != heard_from or batch.owner == self._node:
                    channel.waiting[batch.signature] = batch
                    channel.send_at = max(now, channel.sent_at + TOGETHER_S)

    def has_sent(self, peer: NodeId, signatures: Iterable[bytes]) -> None:
        """A neighbour has sent these batches: they need not be sent to it."""
        for signature in signatures:
            self._channels[peer].waiting.pop(signature, None)

    def next_due(self) -> float:
        """When something is due next."""
        if self._due_at is None:
            due = NEVER
            for channel in self._channels.values():
                due = min(due, channel.send_at, channel.digest_at)
            self._due_at = due
        return self._due_at

    def take(self, peer: NodeId, now: float) -> tuple[list[Batch], dict[str, Value] | None]:
        """The batches and the digest to send to a neighbour now."""
        self._due_at = None
        channel = self._channels[peer]
        batches: list[Batch] = []
        if channel.send_at <= now:
            batches = [b for b in channel.waiting.values() if self._ledger.holds(b)]
            channel.waiting.clear()
            channel.sent_at, channel.send_at = now, NEVER
        if channel.digest_at > now:
            return batches, None
        channel.comparing.ran(now)
        channel.digest_at = now + DIGEST_S
        return batches, sync.root(self._ledger)

    def compared(self, peer: NodeId, message: dict[str, Value], now: float) -> bool:
        """The neighbour compares digests; False if it does so more often than is sensible."""
        self._due_at = None
        channel = self._channels[peer]
        regained = (now - channel.answered_at) * ANSWERS_PER_S_MAX
        channel.answers = min(ANSWERS_PER_S_MAX, channel.answers + regained) - 1
        channel.answered_at = now
        if sync.is_root(message) and channel.digest_at < now + DIGEST_YIELD_S:
            channel.comparing.ran(now)  # it began: no need to begin as well
            channel.digest_at = now + DIGEST_S
        if channel.answers < 0:
            channel.answers = 0
            return False
        return True

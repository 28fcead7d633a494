"""What a node says to its neighbours and hears from them: facts, and digests of its ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.ledger import sync
from cantor.ledger.days import is_due
from cantor.mesh.effects import FactsChanged, Transmit
from cantor.mesh.pace import NEVER
from cantor.mesh.reading import FactReader
from cantor.mesh.spreading import BATCHES_PER_FRAME, DIGEST_S, Spreading
from cantor.wire.frame import DataFrame, Kind, Value

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Collection, Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Batch, Fact
    from cantor.ledger.ledger import Ledger
    from cantor.mesh.effects import Effect
    from cantor.mesh.links import Link
    from cantor.mesh.routes import Routes

COLLECT_AFTER_S = 2 * DIGEST_S


class Exchange:
    """The ledger of ``node`` with its neighbours; effects are appended to ``out``."""

    def __init__(
        self,
        node: NodeId,
        ledger: Ledger,
        routes: Routes,
        counters: Counter[str],
        out: list[Effect],
        *,
        wall_offset_s: float,
    ) -> None:
        self._node = node
        self._ledger = ledger
        self._routes = routes
        self._counters = counters
        self._out = out
        self.reader = FactReader(ledger, counters, wall_offset_s)
        self.spreading = Spreading(node, ledger, routes.graph)
        self._collect_at = NEVER
        self._day = 0

    def publish(self, name: str, value: Value, now: float, *, lasting: bool = False) -> None:
        """Say something about this node."""
        batch, facts = self._ledger.publish(
            {name: value}, self.reader.stamp(now), lasting=(name,) if lasting else ()
        )
        self._spread([batch], facts, now)

    def begin_day(self, day: int, now: float) -> None:
        """Say anew what is due on a day since 1970; a while later what has lapsed is given up.

        By then those who were apart have heard what the others say anew.
        """
        for fact in [fact for fact in self._ledger.facts_of(self._node) if is_due(fact, day)]:
            self.publish(fact.name, fact.value, now)
        self._day = max(self._day, day)
        self._collect_at = now + COLLECT_AFTER_S

    def next_due(self) -> float:
        """When something is due next."""
        return min(self.spreading.next_due(), self._collect_at)

    def forget(self, certificates: Collection[bytes], now: float) -> None:
        """Give up the facts that only these certificates prove."""
        self._spread([], self._ledger.forget(certificates), now)

    def leave(self, links: Iterable[Link], now: float) -> None:
        """Withdraw the facts of this node but the lasting, and send what still waits."""
        withdrawn = self._ledger.depart(self.reader.stamp(now))
        if withdrawn is not None:
            self._spread([withdrawn[0]], withdrawn[1], now)
        for link in links:
            self._send(link, self.spreading.take(link.peer, NEVER)[0])

    def read(self, peer: NodeId, frame: DataFrame, now: float) -> None:
        """Take facts from a neighbour.

        Raises:
            RemoteProtocolError: some of them cannot be; those before are kept.
        """
        batches: list[Batch] = []
        facts: list[Fact] = []
        self.spreading.has_sent(peer, map(bytes, frame.body[1::3]))
        try:
            self.reader.read(frame, now, batches, facts)
        finally:  # what was kept before a bad batch must be spread and routed by all the same
            self._spread(batches, facts, now, heard_from=peer)

    def compare(self, link: Link, frame: DataFrame, now: float) -> None:
        """Answer a neighbour that compares its ledger with this one.

        Raises:
            RemoteProtocolError: the message has another shape than its step demands.
        """
        if not self.spreading.compared(link.peer, frame.headers, now):
            self._counters["digests_too_often"] += 1
            return
        messages, batches = sync.answer(self._ledger, frame.headers)
        for message in messages:
            self.transmit(link, Kind.DIGEST, message)
        self._send(link, batches)

    def do_due(self, links: Iterable[Link], now: float) -> None:
        """Give up what has lapsed, and send what is due."""
        if self._collect_at <= now:
            self._collect_at = NEVER
            self._spread([], self._ledger.collect(self._day), now)
        for link in links:
            batches, digest = self.spreading.take(link.peer, now)
            self._send(link, batches)
            if digest is not None:
                self.transmit(link, Kind.DIGEST, digest)

    def transmit(
        self, link: Link, kind: Kind, headers: dict[str, Value], body: tuple[bytes, ...] = ()
    ) -> None:
        """Send a frame of the core to a neighbour."""
        frame = DataFrame(
            kind, self._node, link.peer, priority=0, ttl=1, headers=headers, body=body
        )
        self._out.append(Transmit(link.peer, frame, link.nonce))

    def _spread(
        self, batches: list[Batch], facts: list[Fact], now: float, heard_from: NodeId | None = None
    ) -> None:
        if not facts:
            return
        self._out.append(FactsChanged(tuple(facts)))
        graph = self._routes.graph
        before = (graph.version, graph.tree.joints, self.spreading.tree)
        for fact in facts:
            if fact.name == "links":
                graph.announced(fact.owner, fact.value)
        if graph.version != before[0]:
            self.spreading.renew_tree(now)
            self._routes.pace.ask(now)
            if (graph.tree.joints, self.spreading.tree) != before[1:]:
                self._routes.pace.ask_soon(now)  # who lives, and the tree, must not wait
        self.spreading.spread(batches, now, heard_from)

    def _send(self, link: Link, batches: list[Batch]) -> None:
        for start in range(0, len(batches), BATCHES_PER_FRAME):
            some = batches[start : start + BATCHES_PER_FRAME]
            body = tuple(p for b in some for p in (b.data, b.signature, b.certificate))
            self.transmit(link, Kind.FACTS, {"owners": [b.owner for b in some]}, body)

"""Closing links that are more than enough, without cutting anybody off.

Both ends must agree, and the link must not be needed: its cost is raised first, so that the
spanning tree of every node leaves it if there is another way. Only what is off the tree then is
closed. Two links of one circle can be given up at the same time: the tree keeps one of them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.mesh.links import ACTIVE_FOR_S
from cantor.mesh.pace import NEVER

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.mesh.graph import Graph
    from cantor.mesh.links import Link
    from cantor.mesh.settings import MeshSettings

YOUNG_S = 2.0
AGREE_AFTER_S = 1.0
GIVE_UP_AFTER_S = 3.0
KEEP_S = 30.0
STEP_S = 0.5
REST_S = 10.0
LINKS_LEAST = 2


@dataclass(slots=True)
class _Parting:
    since: float
    is_asked: bool = False


@dataclass(slots=True)
class Surplus:
    """Which of the links of ``node`` are about to go. ``partings`` are those, by peer."""

    node: NodeId
    settings: MeshSettings
    graph: Graph
    partings: dict[NodeId, _Parting] = field(default_factory=dict)
    _kept_until: dict[NodeId, float] = field(default_factory=dict)
    next_due: float = NEVER

    def changed(self, now: float) -> None:
        """Links came or went: look again soon."""
        self.next_due = min(self.next_due, now + YOUNG_S)

    def step(self, links: list[Link], now: float) -> tuple[list[Link], bool]:
        """The links whose peers are to be asked to part now, and whether costs have changed."""
        linked = {link.peer: link for link in links}
        before = set(self.partings)
        spare = len(links) - self.settings.links_max
        for peer, parting in list(self.partings.items()):
            is_over = now - parting.since >= GIVE_UP_AFTER_S
            if peer not in linked or is_over or (spare <= 0 and not parting.is_asked):
                del self.partings[peer]
                self._kept_until[peer] = now + KEEP_S
                if peer in linked:
                    linked[peer].is_parting = False
        asked = [linked[peer] for peer in self.partings if self._may_ask(linked[peer], now)]
        for link in asked:
            self.partings[link.peer].is_asked = True
        self._choose(links, now)
        self.next_due = now + YOUNG_S if spare > 0 else NEVER
        if self.partings:
            self.next_due = now + STEP_S
        return asked, set(self.partings) != before

    def agrees(self, link: Link, links: int, now: float) -> bool:
        """Whether this node can do without a link that its peer wants to give up."""
        return (
            links - len(self.partings) > LINKS_LEAST
            and not self.graph.tree.has(self.node, link.peer)
            and now - link.data_at >= ACTIVE_FOR_S
        )

    def _may_ask(self, link: Link, now: float) -> bool:
        parting = self.partings[link.peer]
        is_settled = now - parting.since >= AGREE_AFTER_S and not parting.is_asked
        return is_settled and not self.graph.tree.has(self.node, link.peer)

    def _choose(self, links: list[Link], now: float) -> None:
        self._kept_until = {p: until for p, until in self._kept_until.items() if until > now}
        excess = len(links) - len(self.partings) - self.settings.links_max
        if excess <= 0:
            return
        kept = min(links, key=self._mixed)  # one at random stays, so that the mesh has short ways
        for link in sorted(links, key=self._worth):
            if excess > 0 and link is not kept and self._can_part(link, now):
                self.partings[link.peer] = _Parting(now)
                link.is_parting = True
                excess -= 1

    def _can_part(self, link: Link, now: float) -> bool:
        return (
            link.peer not in self.partings
            and link.peer not in self._kept_until
            and now - link.up_at >= YOUNG_S
            and now - link.data_at >= ACTIVE_FOR_S
            and self.graph.degree(link.peer) > LINKS_LEAST
        )

    def _worth(self, link: Link) -> tuple[bool, float, int]:
        """Those whose peers have too many as well go first, then the dear ones."""
        has_few = self.graph.degree(link.peer) <= self.settings.links_max
        return has_few, -link.metric.announced, self._mixed(link)

    def _mixed(self, link: Link) -> int:
        """A number that is the same at both ends, and says nothing about either."""
        return zlib.crc32("".join(sorted((self.node, link.peer))).encode())

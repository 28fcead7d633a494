"""Nodes of a virtual network that say things to each other as streams carry them, by seed.

Messages are never lost while both ends live, but they are late, doubled and out of order; what is
under way to a node that ends is lost, or taken in its next life. Nodes end at any moment and come
back in a new life; parts are cut off, and who is cut off is taken for dead by each side at its own
time.
"""

from __future__ import annotations

import heapq
import itertools
from abc import ABC, abstractmethod
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from cantor.base.ids import NodeId
from cantor.scheduling.tasks.records import Host

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 2
TAKEN_FOR_DEAD = 0.8
"""How likely who is cut off is taken for dead, by each side."""


class Box(Protocol):
    """One node; nothing of it survives its end."""

    id: NodeId
    life: int
    is_up: bool
    seen: dict[NodeId, int]
    """The nodes that it can reach, as far as it knows, with their lives."""


B = TypeVar("B", bound=Box)


class Nodes(ABC, Generic[B]):
    """The nodes of one seed and what is going to happen to them."""

    def __init__(self, seed: int, count: int, make: Callable[[NodeId], B]) -> None:
        self.random = Random(seed)  # noqa: S311 (a seed gives the same run)
        self.now = 0.0
        self.is_quiet = False
        self.fired: Counter[str] = Counter()
        self.cuts: set[tuple[NodeId, NodeId]] = set()
        self._losses: Counter[tuple[NodeId, NodeId]] = Counter()
        """How often one node has taken another for dead."""
        self._order = itertools.count()
        self._happenings: list[tuple[float, int, Callable[[], None]]] = []
        ids = [NodeId(f"{n:02d}" * 16) for n in range(count)]
        self.boxes = {one: make(one) for one in ids}

    @abstractmethod
    def begin(self, box: B) -> None:
        """A box begins a life: it knows nothing."""

    @abstractmethod
    def looked(self, box: B) -> None:
        """Whom a box can reach has changed."""

    @abstractmethod
    def lost(self, box: B, node: NodeId) -> None:
        """A box takes a node for dead."""

    @abstractmethod
    def ended(self, box: B) -> None:
        """A box has ended."""

    def at(self, delay_s: float, do: Callable[[], None]) -> None:
        """Let something happen later."""
        heapq.heappush(self._happenings, (self.now + delay_s, next(self._order), do))

    def run(self, until_s: float) -> None:
        """Let everything happen until then."""
        while self._happenings and self._happenings[0][0] <= until_s:
            self.now, _, do = heapq.heappop(self._happenings)
            do()
        self.now = until_s

    def start(self, box: B) -> None:
        """Begin a life."""
        box.life += 1
        box.is_up = True
        box.seen = {box.id: box.life}
        self.begin(box)
        self.looked(box)
        for other in self.boxes.values():
            self.at(0.2 * self.random.random(), partial(self.meet, other, box))
            self.at(0.2 * self.random.random(), partial(self.meet, box, other))

    def end(self, box: B) -> None:
        """A node ends at once, and comes back after a while."""
        if not box.is_up:
            return
        self.fired["ended"] += 1
        box.is_up = False
        self.ended(box)
        for other in self.boxes.values():
            self.at(0.5 * self.random.random(), partial(self.lose, other, box.id, box.life))
        self.at(2.0 * self.random.random(), partial(self.start, box))

    def meet(self, box: B, other: B) -> None:
        """A node comes to reach another, and hears its facts."""
        if box.is_up and other.is_up and (box.id, other.id) not in self.cuts:
            box.seen[other.id] = other.life
            self.looked(box)

    def lose(self, box: B, node: NodeId, life: int) -> None:
        """A node takes another for dead, unless that has come back meanwhile."""
        if box.is_up and box.seen.get(node) == life and node != box.id:
            del box.seen[node]
            self._losses[box.id, node] += 1
            self.looked(box)
            self.lost(box, node)

    def hosts(self, box: B) -> tuple[Host, ...]:
        """The nodes that a box can reach, as they say they are."""
        return tuple(
            Host(node, node[:2], life, WORKERS, "3.11", distance=0.0 if node == box.id else 0.25)
            for node, life in sorted(box.seen.items())
        )

    def cut(self) -> None:
        """Two nodes cannot reach each other for a while; each notes that when it does, or never."""
        one, other = self.random.sample(list(self.boxes.values()), 2)
        pair = {(one.id, other.id), (other.id, one.id)}
        self.cuts |= pair
        self.fired["cut"] += 1
        for box, node in ((one, other), (other, one)):
            if self.random.random() < TAKEN_FOR_DEAD:
                self.at(self.random.random(), partial(self.lose, box, node.id, node.life))

        def heal() -> None:
            self.cuts -= pair
            self.meet(one, other)
            self.meet(other, one)

        self.at(4.0 * self.random.random(), heal)

    def send(
        self,
        source: B,
        to: NodeId,
        do: Callable[[B], None],
        *,
        is_bulk: bool = False,
        instead: Callable[[B], None] | None = None,
    ) -> None:
        """Carry a message as a stream does: it is sent again until its target has it or ends.

        One that ``is_bulk`` is given up when its source takes the target for dead; what is to be
        said ``instead`` is small.
        """
        target, life, lives = self.boxes[to], source.life, self.boxes[to].life
        losses = self._losses[source.id, to]

        def arrive() -> None:
            if not target.is_up:
                return
            if is_bulk and self._losses[source.id, to] != losses and self.chance(0.5, "dropped"):
                if instead is not None and source.is_up and source.life == life:
                    self.send(source, to, instead)
                return
            if target.life != lives and (self.is_quiet or not self.chance(0.3, "taken again")):
                return  # else: it had taken it, and ended before it said so
            if (source.id, to) in self.cuts:
                if source.is_up and source.life == life:
                    self.at(0.3, arrive)
                return
            do(target)

        delay_s = 0.0 if source.id == to else 0.001 + 0.01 * self.random.random()
        if not self.is_quiet and self.chance(0.05, "late"):
            delay_s += 3.0 * self.random.random()
        self.at(delay_s, arrive)
        if not self.is_quiet and self.chance(0.05, "doubled"):
            self.at(delay_s + 3.0 * self.random.random(), arrive)

    def chance(self, of: float, name: str) -> bool:
        """Whether a fault happens."""
        happens = self.random.random() < of
        self.fired[name] += happens
        return happens

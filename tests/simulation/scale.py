"""How cost grows with the number of nodes: a mesh forms from nothing, then one link changes.

Beside the mesh as it is, the same with naive flooding: all news go over every link at once.
"""

# ruff: noqa: S311
from __future__ import annotations

import gc
import time
from collections import Counter
from dataclasses import asdict, dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from tests.simulation.checks import has_one_tree
from tests.simulation.world import World, check

from cantor.mesh import exchange
from cantor.mesh.settings import MeshSettings
from cantor.mesh.spreading import Spreading

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Batch
    from cantor.mesh.effects import FactsChanged

SIZES = (10, 50, 100, 300, 1000)
STEP_S = 0.05
COLD_WITHIN_S = 30.0
CHANGE_WITHIN_S = 3.0


@dataclass(slots=True)
class Growth:
    """The figures of one size; messages are facts over links, whatever they are packed in."""

    nodes: int
    links: int
    cold_s: float
    messages: int
    frames: int
    digests: int
    bytes_per_node: int
    change_s: float
    change_messages: int
    computing_s: float
    curve: list[tuple[float, float]]
    per_node: list[int]
    tree: list[tuple[int, int]]
    edges: list[tuple[int, int]]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def chords(nodes: int, seed: int) -> Callable[[int], Iterable[int]]:
    """A circle with as many chords at random: about four links each, each dialled by one end."""
    random = Random(f"{seed}-chords")
    pairs = {frozenset((place, (place + 1) % nodes)) for place in range(nodes)}
    made: list[list[int]] = [[(place + 1) % nodes] for place in range(nodes)]
    while len(pairs) < min(2 * nodes, nodes * (nodes - 1) // 2):
        one, other = random.sample(range(nodes), 2)
        if frozenset((one, other)) not in pairs:
            pairs.add(frozenset((one, other)))
            made[one].append(other)
    return lambda place: made[place]


def grow(nodes: int, seed: int = 1) -> Growth:
    """Let a mesh form and change; raises CantorError if it does not become one in time.

    Everything that is made stays, so Python does not look for what could be thrown away meanwhile.
    """
    gc.disable()
    try:
        return _grow(nodes, seed)
    finally:
        gc.enable()


def _grow(nodes: int, seed: int) -> Growth:
    began = time.process_time()
    world = World(
        nodes,
        seed,
        knows=chords(nodes, seed),
        settings=MeshSettings(links_max=64),
        is_measuring=False,
    )
    curve = []
    while not is_one(world):
        check(world.now < COLD_WITHIN_S, "the mesh has not become one in time")
        world.run(world.now + STEP_S)
        known = sum(len(box.core.graph.edges) for box in world.boxes.values())
        curve.append((round(world.now, 2), known / nodes**2))
    cold_s, sent, by_node = world.now, Counter(world.sent), Counter(world.sent_by)
    world.run(world.now + 1.0)
    has_one_tree(list(world.boxes.values())[:20])
    edges = world.boxes[world.ids[0]].core.graph.edges
    links = sum(len(row) for row in edges.values()) // 2
    change_s, change_messages = _change(world)
    tree = world.boxes[world.ids[0]].core.graph.tree
    place = world.place
    return Growth(
        nodes,
        links,
        round(cold_s, 2),
        sent["batches"],
        sent["FACTS"],
        sent["DIGEST"],
        sent["bytes"] // nodes,
        round(change_s, 3),
        change_messages,
        round(time.process_time() - began, 1),
        curve,
        [by_node[node] for node in world.ids],
        [(place[a], place[b]) for a in edges for b in tree.neighbours(a) if a < b],
        [(place[a], place[b]) for a in edges for b in edges[a] if a < b],
    )


def is_one(world: World) -> bool:
    """Whether all nodes hold the same facts, and know of all nodes."""
    boxes = world.boxes.values()
    return all(len(box.core.graph.edges) == len(boxes) for box in boxes) and (
        len({box.core.ledger.digests.root() for box in boxes}) == 1
    )


def _change(world: World) -> tuple[float, int]:
    """Reset a link of the tree; how long until all nodes know of both ends, and the messages."""
    some = world.boxes[world.ids[0]].core
    one = world.ids[0]
    other = min(some.graph.tree.neighbours(one))
    heard: dict[NodeId, set[NodeId]] = {one: set(), other: set()}

    def note(node: NodeId, effect: FactsChanged) -> None:
        for fact in effect.facts:
            if fact.name == "links" and fact.owner in heard:
                heard[fact.owner].add(node)

    world.on_facts = note
    began, before = world.now, world.sent["batches"]
    world.break_between(one, other)
    while any(len(nodes) < len(world.ids) for nodes in heard.values()):
        check(world.now - began < CHANGE_WITHIN_S, "a change has not reached all in time")
        world.run(world.now + 0.02)
    return world.now - began, world.sent["batches"] - before


class Flooding(Spreading):
    """What is new goes to every neighbour at once, but not to where it came from."""

    def spread(self, batches: Iterable[Batch], now: float, heard_from: NodeId | None) -> None:
        self._due_at = None
        for batch in batches:
            for peer, channel in self._channels.items():
                if peer != heard_from or batch.owner == self._node:
                    channel.waiting[batch.signature] = batch
                    channel.send_at = now

    def renew_tree(self, now: float) -> None:
        """There is no tree."""


def flood(nodes: int, seed: int = 1) -> Growth:
    """The same with naive flooding in place of the tree."""
    setattr(exchange, "Spreading", Flooding)  # noqa: B010
    try:
        return grow(nodes, seed)
    finally:
        setattr(exchange, "Spreading", Spreading)  # noqa: B010

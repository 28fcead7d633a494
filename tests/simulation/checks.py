"""What must hold in every simulated mesh, at any moment or once it is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.world import check

from cantor.mesh.spanning_tree import edge_key

ON_ITS_WAY_S = 1.0

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.box import Box
    from tests.simulation.world import World

    from cantor.base.ids import NodeId


def is_safe(world: World) -> None:
    """At any moment, whatever fails."""
    check(all(count == 1 for count in world.delivered.values()), "a frame was delivered twice")
    groups: dict[bytes, list[Box]] = {}
    for box in world.boxes.values():
        groups.setdefault(box.core.ledger.digests.root(), []).append(box)
    for boxes in groups.values():
        has_one_tree(boxes)
        has_no_loop(world, boxes)


def has_one_tree(boxes: list[Box]) -> None:
    """Nodes with equal ledgers have the same tree, and it is the minimum one."""
    trees = [box.core.graph.tree.branches for box in boxes]
    check(all(tree == trees[0] for tree in trees), "equal ledgers, but not the same tree")
    check(tree_edges(boxes[0]) == kruskal(boxes[0]), "the tree is not the minimum one")


def tree_edges(box: Box) -> set[tuple[NodeId, NodeId]]:
    """The edges of the spanning forest as one node has it."""
    return {(a, b) for a, row in box.core.graph.tree.branches.items() for b in row if a < b}


def kruskal(box: Box) -> set[tuple[NodeId, NodeId]]:
    """The minimum spanning forest, computed anew."""
    edges = box.core.graph.edges
    part = {node: node for node in edges}

    def top(node: NodeId) -> NodeId:
        while part[node] != node:
            part[node] = part[part[node]]
            node = part[node]
        return node

    found = set()
    for _, one, other in sorted(
        edge_key(cost, a, b) for a, row in edges.items() for b, cost in row.items() if a < b
    ):
        if top(one) != top(other):
            part[top(one)] = top(other)
            found.add((one, other))
    return found


def has_no_loop(world: World, boxes: list[Box]) -> None:
    """Whichever way each node takes, a frame comes no way round to where it was.

    Checked where routes stand for the ledgers: not while news wait for their moment.
    """
    settled = {box.node: box for box in boxes if box.core.is_settled and box.routes is not None}
    if len(settled) < 2:
        return
    for destination in world.traffic.sample(sorted(settled), 2):
        done: set[NodeId] = set()
        for node in settled:
            _walk(settled, node, destination, done)


def _walk(
    settled: dict[NodeId, Box], start: NodeId, destination: NodeId, done: set[NodeId]
) -> None:
    """Follow every way from a node in depth; what is on the path must not come again."""
    path = [(start, iter(_next(settled, start, destination)))]
    on_path = {start}
    while path:
        node, hops = path[-1]
        for hop in hops:
            check(hop not in on_path, "equal ledgers, but a loop of routes")
            if hop not in done and hop != destination and hop in settled:
                path.append((hop, iter(_next(settled, hop, destination))))
                on_path.add(hop)
                break
        else:
            done.add(node)
            on_path.discard(node)
            path.pop()


def _next(settled: dict[NodeId, Box], node: NodeId, destination: NodeId) -> Iterable[NodeId]:
    routes = settled[node].routes
    return () if routes is None else routes.first_hops.get(destination, ())


def are_equal(world: World) -> bool:
    """Whether every node that runs reaches all the others and holds what they say.

    What was said within the last moment may be on its way.
    """
    others = len(world.boxes) - 1
    if any(len(box.core.alive) != others for box in world.boxes.values()):
        return False
    roots = {box.core.ledger.digests.root() for box in world.boxes.values()}
    if len(roots) == 1:
        return True
    settled = [
        (owner, name, stamp)
        for (owner, name), (stamp, at) in world.said.items()
        if at < world.now - ON_ITS_WAY_S
    ]
    return all(
        box.core.ledger.stamp(owner, name) >= stamp
        for box in world.boxes.values()
        for owner, name, stamp in settled
    )

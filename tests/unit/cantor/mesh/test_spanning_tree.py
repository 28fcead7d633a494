from __future__ import annotations

from random import Random

import pytest

from cantor.base.ids import NodeId
from cantor.mesh.graph import Graph, read_links
from cantor.mesh.spanning_tree import edge_key

NODES = [NodeId(f"{number:032x}") for number in range(14)]


def kruskal(graph: Graph) -> set[tuple[NodeId, NodeId]]:
    """The tree as the textbook makes it."""
    part = {node: node for node in graph.edges}

    def top(node: NodeId) -> NodeId:
        while part[node] != node:
            node = part[node]
        return node

    keys = {edge_key(cost, a, b) for a, row in graph.edges.items() for b, cost in row.items()}
    found = set()
    for _, one, other in sorted(keys):
        if top(one) != top(other):
            part[top(one)] = top(other)
            found.add((one, other))
    return found


def tree_of(graph: Graph) -> set[tuple[NodeId, NodeId]]:
    pairs = ((a, b) for a in NODES for b in graph.tree.neighbours(a))
    return {(min(pair), max(pair)) for pair in pairs}


@pytest.mark.parametrize("seed", range(30))
def test_whatever_happens_to_the_edges_the_tree_is_the_minimum_one(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    graph = Graph()
    said: dict[NodeId, dict[NodeId, float]] = {node: {} for node in NODES}
    for _ in range(150):
        owner, peer = random.sample(NODES, 2)
        if random.random() < 0.3:
            said[owner].pop(peer, None)
        else:
            said[owner][peer] = random.choice([1.0, 1.0, 2.0, 3.5])
            said[peer].setdefault(owner, 1.0)
            graph.announced(peer, [[p, cost] for p, cost in said[peer].items()])
        graph.announced(owner, [[p, cost] for p, cost in said[owner].items()])
        assert tree_of(graph) == kruskal(graph)


def test_who_is_connected_changes_only_with_the_joints() -> None:
    graph = Graph()
    a, b, c = NODES[:3]
    graph.announced(a, [[b, 1.0], [c, 1.0]])
    graph.announced(b, [[a, 1.0], [c, 1.0]])
    graph.announced(c, [[a, 1.0], [b, 1.0]])
    assert graph.tree.reached([a]) == {a, b, c}
    joints = graph.tree.joints
    graph.announced(b, [[c, 1.0]])
    assert (graph.tree.joints, graph.tree.reached([a])) == (joints, {a, b, c})
    graph.announced(b, [])
    assert graph.tree.joints > joints
    assert graph.tree.reached([a]) == {a, c}


def test_an_edge_is_one_only_if_both_ends_say_so_and_costs_what_the_dearer_end_says() -> None:
    graph = Graph()
    a, b = NODES[:2]
    graph.announced(a, [[b, 1.0, {"rtt_ms": 0.2}]])
    assert dict(graph.of(a)) == {}
    graph.announced(b, [[a, 3.0, {}, "later"]])
    assert (dict(graph.of(a)), graph.degree(b)) == ({b: 3.0}, 1)
    graph.announced(b, [])
    assert graph.edges == {}


def test_a_node_that_says_it_is_linked_with_all_gains_nothing() -> None:
    graph = Graph()
    a, b, liar = NODES[:3]
    graph.announced(a, [[b, 5.0]])
    graph.announced(b, [[a, 5.0]])
    graph.announced(liar, [[node, 0.001] for node in [*NODES, liar]])
    assert graph.tree.reached([liar]) == {liar}


@pytest.mark.parametrize(
    "row", [[1, 1.0], ["b"], "b", None, ["b", "1"], ["b", 0.0], ["b", -1.0], ["b", float("inf")]]
)
def test_rows_of_another_shape_are_left_out(row: object) -> None:
    assert read_links([row, ["c", 2]]) == {"c": 2.0}  # type: ignore[list-item]

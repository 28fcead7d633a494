from __future__ import annotations

from random import Random

import pytest

from cantor.base.ids import NodeId
from cantor.mesh.paths import NEAR_EQUAL, FirstHops

Edges = dict[NodeId, dict[NodeId, float]]


def named(name: str) -> NodeId:
    return NodeId(name * 32)


def edges(*rows: tuple[str, str, float]) -> Edges:
    made: Edges = {}
    for one, other, cost in rows:
        made.setdefault(named(one), {})[named(other)] = cost
        made.setdefault(named(other), {})[named(one)] = cost
    return made


def test_dearer_ways_are_enough_to_stay_on_as_long_as_they_lead_nearer() -> None:
    a, b, c, d = (NodeId(letter * 32) for letter in "abcd")

    def enough(by_c: float) -> tuple[NodeId, ...]:
        graph: Edges = {
            a: {b: 1.0, c: by_c},
            b: {a: 1.0, d: 1.0},
            c: {a: by_c, d: 1.0},
            d: {b: 1.0, c: 1.0},
        }
        found = hops(graph, a)
        assert found[d] == (b,)
        return found.enough(d)

    assert enough(2.5) == (c,)
    assert enough(7.5) == ()


def hops(graph: Edges, start: NodeId) -> FirstHops:
    return FirstHops(start, graph[start], graph)


def test_the_shortest_way_comes_first_and_a_way_as_short_beside_it() -> None:
    found = hops(
        edges(("a", "b", 1), ("b", "d", 1), ("a", "c", 1), ("c", "d", 1.2), ("a", "d", 9)),
        named("a"),
    )
    assert found[named("d")] == (named("b"), named("c"))
    assert found[named("b")] == (named("b"),)


def test_a_neighbour_that_is_no_nearer_to_the_destination_is_no_way() -> None:
    found = hops(edges(("a", "b", 0.1), ("a", "d", 5), ("b", "d", 5)), named("a"))
    assert found[named("d")] == (named("d"),)


def test_of_two_that_are_equally_near_neither_is_a_way_for_the_other() -> None:
    graph = edges(("a", "b", 1.7), ("b", "d", 7.5), ("a", "c", 4.8), ("c", "d", 2.7))
    assert hops(graph, named("a"))[named("d")] == (named("c"),)
    assert hops(graph, named("b"))[named("d")] == (named("d"),)


def test_nodes_without_a_way_are_not_there() -> None:
    found = hops(edges(("a", "b", 1), ("c", "d", 1)), named("a"))
    assert (set(found), len(found)) == ({named("b")}, 1)


def distances(graph: Edges, end: NodeId) -> dict[NodeId, float]:
    """By relaxing every edge until nothing changes."""
    found = {end: 0.0}
    for _ in graph:
        for node, row in graph.items():
            for peer, cost in row.items():
                if node in found and found[node] + cost < found.get(peer, 1e9):
                    found[peer] = found[node] + cost
    return found


@pytest.mark.parametrize("seed", range(20))
def test_every_way_leads_nearer_whatever_the_graph(seed: int) -> None:
    random = Random(seed)  # noqa: S311
    nodes = [NodeId(f"{number:032x}") for number in range(15)]
    graph: Edges = {node: {} for node in nodes}
    for _ in range(35):
        one, other = random.sample(nodes, 2)
        graph[one][other] = graph[other][one] = random.choice([1.0, 1.1, 2.0, 3.0])
    for start in nodes:
        found = hops(graph, start)
        for destination in found:
            away = distances(graph, destination)
            first, *others = found[destination]
            assert graph[start][first] + away[first] == pytest.approx(away[start])
            for hop in others:
                assert away[hop] < away[start]
                assert graph[start][hop] + away[hop] <= NEAR_EQUAL * away[start] + 1e-9

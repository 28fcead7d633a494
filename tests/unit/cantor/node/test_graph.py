from __future__ import annotations

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.ledger.facts import Fact
from cantor.node.graph import MeshGraph, mesh_graph, read_figures

A, B, C, D, E = (NodeId(letter * 32) for letter in "abcde")
NAMES = {A: "ash", B: "birch", C: "cedar", D: "dogwood", E: "elm"}


def fact(owner: NodeId, rows: object) -> Fact:
    return Fact(owner, "links", rows, 1, 1)  # type: ignore[arg-type]


def graph_of(alive: str, *facts: Fact) -> MeshGraph:
    reached = frozenset(NodeId(letter * 32) for letter in alive)
    return mesh_graph(A, facts, reached, NAMES)


def triangle() -> list[Fact]:
    return [
        fact(A, [[B, 1.0], [C, 5.0]]),
        fact(B, [[A, 2.0], [C, 1.0]]),
        fact(C, [[A, 5.0], [B, 1.0]]),
    ]


def test_an_edge_costs_the_larger_of_what_both_ends_say_and_the_cheap_ones_make_the_tree() -> None:
    graph = graph_of("abc", *triangle())

    told = {edge.ends: (edge.cost, edge.in_tree, edge.is_up) for edge in graph.edges}
    assert told == {
        (A, B): (2.0, True, True),
        (A, C): (5.0, False, True),
        (B, C): (1.0, True, True),
    }


def test_figures_of_both_ends_become_one_and_a_missing_third_element_is_none() -> None:
    mine = fact(A, [[B, 1.0, {"rtt_ms": 4.0, "loss": 0.1, "rate": None, "via": "eth0"}], [C, 1.0]])
    theirs = fact(B, [[A, 1.0, {"rtt_ms": 6, "loss": 0.2, "rate": 3}]])
    graph = graph_of("abc", mine, theirs, fact(C, [[A, 1.0, "odd"]]))

    figures = {edge.ends: dict(edge.figures) for edge in graph.edges}
    assert figures == {(A, B): {"rtt_ms": 4.0, "loss": 0.2, "rate": 3.0}, (A, C): {}}


@pytest.mark.parametrize("odd", [None, 3, "x", [1], [[]], [[B]], [["b", 1.0, None]], {"a": 1}])
def test_rows_of_another_shape_have_no_figures(odd: object) -> None:
    assert read_figures(odd) == {}  # type: ignore[arg-type]


def test_a_path_goes_the_cheapest_way_and_says_what_each_step_costs() -> None:
    hops = graph_of("abc", *triangle()).path(A, C)

    assert [(hop.node, hop.cost) for hop in hops] == [(A, 0.0), (B, 2.0), (C, 1.0)]


def test_the_path_to_oneself_is_one_hop_without_cost() -> None:
    assert [hop.node for hop in graph_of("abc", *triangle()).path(B, B)] == [B]


def test_no_path_is_told_with_names_and_what_to_do() -> None:
    with pytest.raises(UnavailableError, match="ash: no path leads to elm — cantor mesh graph"):
        graph_of("abc", *triangle()).path(A, E)


def test_a_dead_nodes_word_makes_no_link_with_a_living_one() -> None:
    graph = graph_of("ab", fact(A, [[B, 1.0]]), fact(B, [[A, 1.0]]), fact(C, [[B, 1.0]]))

    assert [edge.ends for edge in graph.edges] == [(A, B)]
    assert graph.parts == ((A, B),)


def test_nodes_out_of_reach_that_were_linked_are_a_side_of_their_own() -> None:
    graph = graph_of(
        "ab",
        fact(A, [[B, 1.0]]),
        fact(B, [[A, 1.0]]),
        fact(C, [[D, 1.0], [B, 1.0]]),
        fact(D, [[C, 3.0], [E, 1.0]]),  # E did not say so: one word among the dead is not enough
    )

    assert graph.parts == ((A, B), (C, D))
    assert [(e.ends, e.is_up, e.in_tree) for e in graph.edges] == [
        ((A, B), True, True),
        ((C, D), False, True),
    ]


def test_a_node_that_has_not_said_who_it_is_is_shown_by_its_id() -> None:
    stranger = NodeId("f" * 32)
    rows = fact(A, [[stranger, 1.0]]), fact(stranger, [[A, 1.0]])
    value = graph_of("af", *rows).as_value()

    nodes = {node["id"]: node for node in value["nodes"]}  # type: ignore[union-attr,index,call-overload]
    assert nodes[stranger] == {"id": stranger, "name": "ffffffff", "state": "online", "degree": 1}

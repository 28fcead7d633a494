"""Bugs that are planted on purpose: a simulator that does not find them proves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation import box
from tests.simulation.scenario import simulate
from tests.simulation.test_seeds import does_ttl_hold

from cantor.base.errors import CantorError
from cantor.mesh import paths, plane
from cantor.mesh.exchange import Exchange
from cantor.mesh.graph import Graph
from cantor.mesh.links import Link
from cantor.mesh.seen import Seen
from cantor.mesh.spanning_tree import SpanningTree

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

pytestmark = pytest.mark.simulation
honest_added = SpanningTree.added


def only_new(tree: SpanningTree, one: NodeId, other: NodeId, before: float | None) -> None:
    if before is None:
        honest_added(tree, one, other, before)


PLANTED: dict[str, tuple[Any, str, Any, str]] = {
    "digests are not answered": (Exchange, "compare", lambda *_: None, "ledgers differ"),
    "duplicates are delivered": (Seen, "add", lambda *_: True, "delivered twice"),
    "signatures are not checked": (box, "verify", lambda *_: True, "forged fact"),
    "who stands still is not waited for": (Link, "waits", lambda *_: False, "for dead"),
    "any neighbour is a way": (paths, "CLEARLY_NEARER", 1e9, "loop of routes"),
    "the tree is kept when costs change": (SpanningTree, "added", only_new, "tree"),
}


def find_in_seeds(nodes: int = 8, seeds: int = 30) -> None:
    for seed in range(seeds):
        simulate(nodes, seed)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, message = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises(CantorError, match=message):
        find_in_seeds()


def test_links_that_one_end_claims_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def announced(graph: Graph, owner: NodeId, value: Value) -> None:
        honest(graph, owner, value)
        for peer, cost in graph._announced[owner].items():
            graph._set(owner, peer, cost)

    honest = Graph.announced
    monkeypatch.setattr(Graph, "announced", announced)
    with pytest.raises(CantorError):
        find_in_seeds()


def test_a_ttl_that_is_not_counted_down_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "one_hop_less", lambda record: record)
    assert not does_ttl_hold()

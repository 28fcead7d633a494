"""Ways between the workers of one node: for each, the others are another node."""

from __future__ import annotations

from itertools import pairwise

import pytest

from cantor.base.ids import NodeId
from galaxy.deployments.beside import BESIDE, Ends, ends_of, may_say, routes_of
from galaxy.deployments.keeper import LocalRun, Route
from galaxy.deployments.records import Deployment
from galaxy.pipeline import Connection, FilterSpec, Pipeline

HERE, THERE = NodeId("a" * 32), NodeId("b" * 32)
FIRST, SECOND, LAST = "a.image -> b.image", "b.image -> c.image", "c.image -> d.image"


def run() -> LocalRun:
    """a, b and c here, d there."""
    names = "abcd"
    ways = tuple(
        Connection.from_values({"from": f"{a}.image", "to": f"{b}.image", "kind": "weak"})
        for a, b in pairwise(names)
    )
    places = {"a": (HERE, 1), "b": (HERE, 2), "c": (HERE, 3), "d": (THERE, 4)}
    return LocalRun(
        Deployment("one", {}),
        Pipeline("one", {name: FilterSpec("resize") for name in names}, ways),
        {"a": 1, "b": 2, "c": 3},
        {name: (name,) for name in "abc"},
        {one.name: Route(places[one.source.filter], places[one.target.filter]) for one in ways},
    )


def test_ends_here_are_known_by_their_groups() -> None:
    assert ends_of(run()) == {
        FIRST: Ends("a", "b"),
        SECOND: Ends("b", "c"),
        LAST: Ends("c", None),
    }


def test_frames_go_forward_and_grants_back() -> None:
    ends = Ends("a", "b")

    assert [ends.receiver_of(kind) for kind in ("frame", "end", "grant")] == ["b", "b", "a"]


def test_other_groups_of_this_node_are_beside_and_other_nodes_are_themselves() -> None:
    ends = ends_of(run())

    assert routes_of(run(), ends, ("a", "c")) == {
        FIRST: [HERE, 1, BESIDE, 2],
        SECOND: [BESIDE, 2, HERE, 3],
        LAST: [HERE, 3, THERE, 4],
    }
    assert routes_of(run(), ends, ("b",)) == {
        FIRST: [BESIDE, 1, HERE, 2],
        SECOND: [HERE, 2, BESIDE, 3],
    }
    assert routes_of(run(), ends, ("a", "b", "c"))[FIRST] == [HERE, 1, HERE, 2]


@pytest.mark.parametrize(
    ("to", "headers", "may"),
    [
        (BESIDE, {"connection": FIRST, "kind": "grant"}, True),
        (BESIDE, {"connection": SECOND, "kind": "frame"}, True),
        (BESIDE, {"connection": FIRST, "kind": "frame"}, False),
        (THERE, {"connection": SECOND, "kind": "frame"}, False),
        (THERE, {"connection": LAST, "kind": "frame"}, False),
        (BESIDE, {"connection": 7, "kind": "frame"}, False),
        (BESIDE, {}, False),
    ],
)
def test_a_worker_speaks_to_the_other_ends_of_its_own_connections_alone(
    to: str, headers: dict[str, str], may: bool
) -> None:
    routes = routes_of(run(), ends_of(run()), ("b",))

    assert may_say(routes, to, {**headers}) is may

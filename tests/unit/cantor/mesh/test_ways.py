from __future__ import annotations

from collections import UserDict
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.mesh import ways as ways_module
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.outlet import Outlet
from cantor.mesh.ways import BULK, Ways

if TYPE_CHECKING:
    import pytest

A, B, FAR, OTHER = (NodeId(letter * 32) for letter in "abcd")
OUTLETS = {"to a": Outlet(A, "to a"), "to b": Outlet(B, "to b")}


class Counted(UserDict[NodeId, tuple[NodeId, ...]]):
    """First hops that note for whom they were asked."""

    def __init__(self, hops: dict[NodeId, tuple[NodeId, ...]]) -> None:
        super().__init__(hops)
        self.asked: list[NodeId] = []

    def __getitem__(self, node: NodeId) -> tuple[NodeId, ...]:
        self.asked.append(node)
        return super().__getitem__(node)


def change(ways: Ways, hops: dict[NodeId, tuple[NodeId, ...]]) -> tuple[list[NodeId], Counted]:
    counted = Counted(hops)
    routes = RoutesChanged({A: "to a", B: "to b"}, counted, frozenset())
    return ways.changed(routes, OUTLETS, 0.0)[0], counted


def leads_by(ways: Ways, node: NodeId) -> str:
    outlet = ways.next_hop(bytes(20) + bytes.fromhex(node), 0, 0.0)
    return outlet.nonce if outlet is not None else ""


def test_a_change_of_routes_costs_what_is_in_use_and_not_what_there_is() -> None:
    ways = Ways()
    many = {NodeId(f"{number:032x}"): (A,) for number in range(1000)}
    moved, counted = change(ways, {**many, FAR: (A, B), OTHER: (B,)})
    assert (moved, counted.asked) == ([], [])
    assert leads_by(ways, FAR) == "to a"

    moved, counted = change(ways, {**many, FAR: (B,), OTHER: (A,)})
    assert (moved, counted.asked) == ([FAR], [FAR])
    assert leads_by(ways, FAR) == "to b"

    assert change(ways, {**many, FAR: (B, A), OTHER: (A,)})[0] == []


def test_a_node_that_somebody_looked_for_in_vain_is_among_those_that_moved() -> None:
    ways = Ways()
    change(ways, {})
    assert leads_by(ways, FAR) == ""
    assert change(ways, {FAR: (A,)})[0] == [FAR]
    assert ways.lead_to(bytes.fromhex(FAR))


def test_a_lost_link_leads_nowhere_whether_it_was_asked_for_before_or_not() -> None:
    ways = Ways()
    change(ways, {FAR: (A, B), OTHER: (A,)})
    assert leads_by(ways, FAR) == "to a"
    ways.lost(OUTLETS["to a"])
    assert leads_by(ways, FAR) == "to b"
    assert leads_by(ways, OTHER) == ""


def test_names_that_are_no_node_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways_module, "DESTINATIONS_MAX", 10)
    ways = Ways()
    change(ways, {FAR: (A,)})
    for number in range(100):
        assert leads_by(ways, NodeId(f"{number:032x}")) == ""
    assert len(ways._hops) <= 10
    assert leads_by(ways, FAR) == "to a"


def tell(
    ways: Ways, *hops: NodeId, enough: tuple[NodeId, ...] = (), now: float = 0.0
) -> list[NodeId]:
    """Let FAR be reached through these; the nodes that are reached another way now."""
    links = {A: "to a", B: "to b"}
    routes = RoutesChanged(links, {FAR: hops}, frozenset(), {FAR: enough}.__getitem__)
    return ways.changed(routes, OUTLETS, now)[0]


def hop(ways: Ways, flow: int, channel: int = BULK, now: float = 0.0) -> str:
    outlet = ways.next_hop(bytes(19) + bytes([flow]) + bytes.fromhex(FAR), channel, now)
    assert outlet is not None
    return outlet.nonce


def test_the_way_that_led_to_a_node_leads_there_while_it_is_nearly_the_shortest() -> None:
    ways = Ways()
    tell(ways, A, B)
    assert hop(ways, 0, channel=0) == "to a"
    assert tell(ways, B, A) == []
    assert hop(ways, 0, channel=0) == "to a"
    assert ways.moves == 0

    assert tell(ways, B) == [FAR]
    assert hop(ways, 0, channel=0) == "to b"
    assert ways.moves == 1


def test_a_flow_stays_for_a_minute_on_a_way_that_others_would_not_choose() -> None:
    ways = Ways()
    tell(ways, A, B)
    before = [hop(ways, flow) for flow in range(4)]
    tell(ways, B, enough=(A,), now=5.0)
    assert [hop(ways, flow, now=64.0) for flow in range(4)] == before
    assert hop(ways, 9, now=64.0) == "to b"
    moves = ways.moves
    assert [hop(ways, flow, now=66.0) for flow in range(4)] == ["to b"] * 4
    assert ways.moves - moves == before.count("to a")


def test_a_flow_leaves_a_way_at_once_that_is_far_too_dear() -> None:
    ways = Ways()
    tell(ways, A, B)
    assert {hop(ways, flow) for flow in range(4)} == {"to a", "to b"}
    tell(ways, B)
    assert {hop(ways, flow) for flow in range(4)} == {"to b"}


def test_flows_that_a_cheaper_way_draws_go_over_by_halves_and_do_not_swing() -> None:
    ways = Ways()
    tell(ways, A)
    assert [hop(ways, flow) for flow in range(4)] == ["to a"] * 4
    for second, hops, dearer in ((5, (B,), (A,)), (6, (A,), (B,)), (7, (A, B), ())):
        tell(ways, *hops, enough=dearer, now=float(second))
        found = [hop(ways, flow, now=float(second)) for flow in range(4)]
        assert sorted(found) == ["to a", "to a", "to b", "to b"]
    assert ways.swings == 1  # of what is not bulk
    assert ways.moves == 2 + 2


def test_flows_are_shared_anew_with_a_way_that_comes() -> None:
    ways = Ways()
    tell(ways, A)
    assert [hop(ways, flow) for flow in range(4)] == ["to a"] * 4
    tell(ways, A, B)
    assert sorted(hop(ways, flow) for flow in range(4)) == ["to a", "to a", "to b", "to b"]


def test_a_node_is_reached_another_way_when_the_link_that_led_there_ends() -> None:
    ways = Ways()
    tell(ways, A, B)
    assert hop(ways, 0, channel=0) == "to a"
    ways.lost(OUTLETS["to a"])
    told = ways.changed(RoutesChanged({B: "to b"}, {FAR: (B,)}, frozenset()), OUTLETS, 0.0)
    assert told[0] == [FAR]

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.mesh_calls import BULK_BYTES_MAX, MeshCalls

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

A, B, C = (NodeId(letter * 32) for letter in "abc")


class Line:
    """ash — birch — cedar, each with its calls; ash has a link status as a driver gives it."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        rows: dict[NodeId, list[Value]] = {
            A: [[B, 2.0, {"rtt_ms": 1.5}]],
            B: [[A, 2.0], [C, 3.0]],
            C: [[B, 3.0]],
        }
        link: Value = {"peer": B, "name": "birch", "cost": 2.0, "control_queued_bytes": 7}
        status: dict[str, Value] = {"links": [link], "dropped": {"no_path": 2}}
        self.calls: dict[NodeId, MeshCalls] = {}
        for node_id, name in ((A, "ash"), (B, "birch"), (C, "cedar")):
            node = self.mesh.add(node_id, folder, name=name)
            self.calls[node_id] = MeshCalls(node, lambda: status)
            node.publish("links", rows[node_id])

    async def ask(self, call: str, **args: Value) -> Any:  # noqa: ANN401 (JSON)
        answer = self.calls[A].calls()[f"mesh.{call}"](args)
        return await answer if inspect.isawaitable(answer) else answer


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return Line(tmp_path)


async def test_status_joins_what_the_driver_and_the_facts_say(line: Line) -> None:
    status = await line.ask("status")

    assert (status["degree"], status["nodes_online"], status["nodes_known"]) == (1, 3, 3)
    assert status["tree_neighbours"] == ["birch"]
    assert status["dropped"] == {"no_path": 2}
    (link,) = status["links"]
    assert link["rtt_ms"] == 1.5
    assert link["control_queued_bytes"] == 7
    assert link["tree"] is True


async def test_another_node_is_asked_for_its_links(line: Line) -> None:
    (mine,) = await line.calls[A].links_of(A)
    (theirs,) = await line.calls[A].links_of(C)

    assert mine["control_queued_bytes"] == theirs["control_queued_bytes"] == 7


async def test_a_path_is_told_with_names_and_costs(line: Line) -> None:
    path = await line.ask("path", **{"from": "cedar", "to": "ash"})

    assert path["cost"] == 5.0
    assert [(hop["name"], hop["cost"]) for hop in path["hops"]] == [
        ("cedar", 0.0),
        ("birch", 3.0),
        ("ash", 2.0),
    ]


async def test_a_ping_is_answered_and_timed(line: Line) -> None:
    answer = await line.ask("ping", node="cedar")

    assert answer["name"] == "cedar"
    assert answer["rtt_ms"] >= 0


async def test_a_node_is_found_by_name_id_or_start_of_the_id(line: Line) -> None:
    for word in ("cedar", C, C[:6]):
        assert (await line.ask("ping", node=word))["node"] == C


async def test_who_is_meant_must_be_clear(line: Line, tmp_path: Path) -> None:
    twin = NodeId("c" * 31 + "0")
    line.mesh.add(twin, tmp_path, name="oak")

    with pytest.raises(ConfigError, match="no node is called 'pine' — cantor nodes"):
        await line.ask("ping", node="pine")
    with pytest.raises(ConfigError, match="means 2 nodes: cedar cccccccc, oak cccccccc"):
        await line.ask("ping", node="cccc")


async def test_the_way_is_walked_hop_by_hop_as_each_node_says(line: Line) -> None:
    first = await line.ask("hop", at="ash", to="cedar")
    second = await line.ask("hop", at=first["node"], to="cedar")

    assert [first["name"], second["name"]] == ["birch", "cedar"]
    assert first["rtt_ms"] >= 0


async def test_a_node_without_a_way_says_so(line: Line) -> None:
    line.mesh.write(B, "links", [[A, 2.0]])
    line.mesh.write(C, "links", [])

    with pytest.raises(UnavailableError, match="birch: it knows no way to cedar"):
        await line.ask("hop", at="birch", to="cedar")


async def test_a_lost_node_is_not_asked(line: Line) -> None:
    line.mesh.kill(C)

    for call in ("ping", "bench"):
        with pytest.raises(UnavailableError, match=r"cedar \(cccccccc\): it cannot be reached"):
            await line.ask(call, node="cedar", measure="send", seconds=0.01)
    with pytest.raises(UnavailableError, match="cannot be reached"):
        await line.ask("path", **{"from": "ash", "to": "cedar"})


async def test_the_graph_follows_changes(line: Line) -> None:
    assert len((await line.ask("graph"))["edges"]) == 2
    line.mesh.kill(C)
    line.mesh.write(B, "links", [[A, 2.0]])

    graph = await line.ask("graph")
    assert [edge["ends"] for edge in graph["edges"]] == [[A, B]]
    assert [n["name"] for n in graph["nodes"] if n["state"] == "offline"] == ["cedar"]


@pytest.mark.parametrize("measure", ["send", "receive"])
async def test_throughput_is_counted_in_bytes_that_were_answered(line: Line, measure: str) -> None:
    found = await line.ask("bench", node="cedar", measure=measure, seconds=0.02)

    assert found["bytes"] > 0
    assert found["seconds"] >= 0.02


async def test_round_trips_are_given_one_by_one(line: Line) -> None:
    found = await line.ask("bench", node="cedar", measure="round_trips", seconds=0.02)

    assert len(found["rtt_ms"]) > 1


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        ({"node": "ash", "measure": "send", "seconds": 1}, "against itself"),
        ({"node": "birch", "measure": "send", "seconds": 900}, "at most 2 s"),
        ({"node": "birch", "measure": "magic", "seconds": 1}, "round_trips, send or receive"),
    ],
)
async def test_a_benchmark_is_bounded(line: Line, args: dict[str, Value], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        await line.ask("bench", **args)


@pytest.mark.parametrize("wish", [None, -1, BULK_BYTES_MAX + 1, "many"])
async def test_a_node_gives_no_more_than_it_may(line: Line, wish: Value) -> None:
    with pytest.raises(RemoteProtocolError, match="it wants"):
        await line.mesh.nodes[A].request(B, "mesh.bulk", {"want": wish})

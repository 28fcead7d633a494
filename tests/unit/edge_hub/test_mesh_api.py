from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

    from cantor.wire.frame import Value

HUB, BOX, FAR, FARTHER = (NodeId(letter * 32) for letter in "1234")


def put(
    world: World, node: NodeId, links: Mapping[NodeId, float], *, is_offline: bool = False
) -> None:
    """Let a node be there with these links and their costs."""
    world.mesh.put(LiveNode(node, "offline" if is_offline else "online", name=f"box-{node[0]}"))
    figures: dict[str, Value] = {"rtt_ms": 2.5, "loss": 0.0, "rate": 1}
    world.mesh.put_links(node, [[peer, cost, figures] for peer, cost in links.items()])


def split(world: World) -> None:
    """The hub and one box; two nodes out of reach that were linked with each other."""
    put(world, HUB, {BOX: 1.0})
    put(world, BOX, {HUB: 3.0})
    put(world, FAR, {FARTHER: 1.0, BOX: 1.0}, is_offline=True)
    put(world, FARTHER, {FAR: 1.0}, is_offline=True)


async def test_the_mesh_is_told_as_nodes_and_links_with_the_sides_that_it_fell_into(
    world: World,
) -> None:
    split(world)

    status, mesh = await world.call("GET", "/mesh")

    assert status == 200
    nodes: dict[str, Any] = {node["id"]: node for node in mesh["nodes"]}  # type: ignore[attr-defined]
    assert {node["id"]: node["part"] for node in nodes.values()} == {
        HUB: 0,
        BOX: 0,
        FAR: 1,
        FARTHER: 1,
    }
    assert nodes[HUB]["is_hub"]
    assert (nodes[FAR]["state"], nodes[FAR]["degree"]) == ("offline", 1)
    assert mesh["links"] == [
        {
            "kind": "link",
            "id": f"{HUB}-{BOX}",
            "ends": [HUB, BOX],
            "state": "up",
            "in_tree": True,
            "cost": 3.0,
            "rtt_ms": 2.5,
            "loss": 0.0,
            "rate_at_least": 12_500_000.0,
        },
        {
            "kind": "link",
            "id": f"{FAR}-{FARTHER}",
            "ends": [FAR, FARTHER],
            "state": "last_known",
            "in_tree": True,
            "cost": 1.0,
            "rtt_ms": 2.5,
            "loss": 0.0,
            "rate_at_least": 12_500_000.0,
        },
    ]


async def test_a_path_is_told_step_by_step(world: World) -> None:
    put(world, HUB, {BOX: 1.0})
    put(world, BOX, {HUB: 1.0, FAR: 2.0})
    put(world, FAR, {BOX: 2.0})

    status, path = await world.call("GET", f"/mesh/path?from={HUB}&to={FAR}")

    assert status == 200
    assert path == {
        "hops": [
            {"node": HUB, "cost": 0.0},
            {"node": BOX, "cost": 1.0},
            {"node": FAR, "cost": 2.0},
        ],
        "cost": 3.0,
    }


@pytest.mark.parametrize(
    ("query", "status"),
    [(f"from={HUB}&to={FAR}", 409), (f"from={HUB}", 400), (f"from={HUB}&to=nobody", 404)],
)
async def test_what_keeps_a_path_from_being_found_is_told(
    world: World, query: str, status: int
) -> None:
    split(world)

    answered, problem = await world.call("GET", f"/mesh/path?{query}")

    assert answered == status
    assert problem["detail"]


async def test_a_node_is_asked_what_it_measures_and_odd_words_are_left_out(world: World) -> None:
    split(world)
    row: dict[str, Value] = {"peer": HUB, "dialled": True, "since_s": 5.0}
    row |= {"control_queued_bytes": 3, "bulk_queued_bytes": None, "waiting_bytes": 4}
    row["carried_bytes"] = 900
    world.mesh.told[BOX] = [row, {"peer": 7, "dialled": "yes", "since_s": "long ago"}]

    status, links = await world.call("GET", f"/mesh/nodes/{BOX}/links")

    assert status == 200
    nothing = dict.fromkeys(("peer", "dialled", "since_s", "queued_bytes", "carried_bytes"))
    assert links["items"] == [
        {"peer": HUB, "dialled": True, "since_s": 5.0, "queued_bytes": 7, "carried_bytes": 900},
        nothing,
    ]


async def test_a_node_that_cannot_be_asked_is_told_as_such(world: World) -> None:
    split(world)

    assert (await world.call("GET", f"/mesh/nodes/{FAR}/links"))[0] == 503
    assert (await world.call("GET", "/mesh/nodes/nobody/links"))[0] == 404


async def test_another_project_sees_nothing_of_it(world: World) -> None:
    split(world)
    await world.call("POST", "/projects", {"name": "Line 4", "id": "line-4"})
    await world.call("PATCH", "/session", {"project": "line-4"})

    _, mesh = await world.call("GET", "/mesh")
    assert mesh == {"nodes": [], "links": []}
    assert (await world.call("GET", f"/mesh/path?from={HUB}&to={BOX}"))[0] == 404
    assert (await world.call("GET", f"/mesh/nodes/{BOX}/links"))[0] == 404


async def _next(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if (message["type"], message.get("topic", "")) == (kind, "mesh"):
                return message


async def test_a_console_that_looks_at_the_mesh_gets_it_and_then_what_changes(
    world: World,
) -> None:
    put(world, HUB, {BOX: 1.0})
    put(world, BOX, {HUB: 1.0})
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["mesh"]})
        before = await _next(socket, "snapshot")
        put(world, BOX, {HUB: 9.0})
        change = await _next(socket, "delta")
        put(world, HUB, {})
        gone = await _next(socket, "delta")

    assert [item["kind"] for item in before["items"]] == ["node", "node", "link"]
    assert [(item["kind"], item["cost"]) for item in change["upserts"]] == [("link", 9.0)]
    assert gone["removed"] == [f"{HUB}-{BOX}"]

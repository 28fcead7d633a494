"""What the nodes have, who holds it, and who satisfies an expression, as the API tells it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.grants.sharing import Sharing
from cantor.node.grants.showing import Shown, Waiter
from cantor.scheduling.grants.purse import Pool
from cantor.scheduling.grants.records import Key, Lease
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

HUB, BOX, GONE, STRANGER = (NodeId(letter * 32) for letter in "1234")
TWO_GPUS = (
    Resource("GPU", "quantity", 2),
    Resource("Memory", "quantity", 2**33, "B"),
    Resource("os", "condition", "linux"),
)
CAMERA = (Resource("GPU", "quantity", 1), Resource("USBCamera", "condition", value=True))


def put(
    world: World,
    node: NodeId,
    resources: tuple[Resource, ...],
    taken: Mapping[str, Mapping[str, int | float]] | None = None,
    *,
    is_offline: bool = False,
) -> None:
    labels = {"site": "north"}
    waiting = {"GPU": 1} if node == BOX else {}
    world.mesh.put(
        LiveNode(
            node,
            "offline" if is_offline else "online",
            f"box-{node[0]}",
            labels=labels,
            resources=resources,
            taken=taken or {},
            waiting=waiting,
        )
    )


def plant(world: World) -> None:
    """The hub's node, a box with one GPU taken, and one that is away."""
    put(world, HUB, CAMERA)
    put(world, BOX, TWO_GPUS, {"run": {"GPU": 1}})
    put(world, GONE, (*TWO_GPUS, Resource("Rocket", "quantity", 1)), is_offline=True)
    lease = Lease(Key("run/1", 1), HUB, 1, {"GPU": 1}, {"GPU": ("gpu-0",)}, 15.0, 9.0, "demo")
    waits = Waiter("run/2", STRANGER, "demo", "GPU = 2", 10.0)
    other = Waiter("run/3", HUB, "demo", "Memory = 2GiB", 11.0)
    world.mesh.granted[BOX] = Shown((lease,), (waits, other))
    world.mesh.granted[HUB] = Shown()


async def listed(world: World) -> dict[str, Any]:
    status, reply = await world.call("GET", "/resources")
    assert status == 200, reply
    items: Any = reply["items"]
    return {item["id"]: item for item in items}


async def test_resources_are_summed_over_the_nodes_that_are_reached(world: World) -> None:
    plant(world)

    found = await listed(world)

    gpu = found["quantity:GPU"]
    assert (gpu["total"], gpu["taken"], gpu["free"], gpu["waiting"]) == (3, 1, 2, 1)
    assert (gpu["nodes"], gpu["away"]) == (2, 1)
    assert found["quantity:Memory"]["unit"] == "B"
    assert found["condition:os"]["values"] == ["linux"]
    rocket = found["quantity:Rocket"]
    assert (rocket["total"], rocket["nodes"], rocket["away"]) == (0, 0, 1)


async def test_a_resource_names_its_nodes_holders_and_waiters(world: World) -> None:
    plant(world)

    status, reply = await world.call("GET", "/resources/quantity:GPU")
    detail: Any = reply

    assert status == 200, detail
    assert [(one["name"], one["value"], one["taken"], one["answered"]) for one in detail["nodes"]] \
        == [("box-1", 1, 0, True), ("box-2", 2, 1, True), ("box-3", 2, 0, False)]  # fmt: skip
    assert detail["holders"] == [
        {
            "task": "run/1",
            "attempt": 1,
            "node": BOX,
            "holder": HUB,
            "amount": 1,
            "units": ["gpu-0"],
            "project": "demo",
            "since": "1970-01-01T00:00:09.000Z",
        }
    ]
    assert [(one["task"], one["holder"]) for one in detail["waiters"]] == [("run/2", None)]
    assert detail["names"][BOX] == "box-2"
    assert (await world.call("GET", "/resources/condition:os"))[1]["holders"] == []
    status, problem = await world.call("GET", "/resources/quantity:Unicorn")
    assert (status, problem["detail"]) == (404, "no node of this project has 'Unicorn'")


async def test_a_shared_quantity_is_counted_once_and_tells_who_has_rights(world: World) -> None:
    licence = Resource("Licence", "quantity", 8)
    put(world, HUB, (licence,))
    put(world, BOX, (licence, Resource("GPU", "quantity", 1)), {"elsewhere": {"Licence": 3}})
    places = dict.fromkeys((HUB, BOX, STRANGER), ("plant", ""))
    said: Any = {HUB: {"Licence": {"free": 4, "held": {HUB: 1, STRANGER: 2, BOX: 1}}}}
    pools = {(HUB, "Licence"): Pool(HUB, "Licence", 8, 4)}
    world.mesh.shared = Sharing(pools, places, said, pools)

    found = (await listed(world))["quantity:Licence"]
    detail: Any = (await world.call("GET", "/resources/quantity:Licence"))[1]

    assert (found["total"], found["shared"], found["free"]) == (8, 8, 8)
    [share] = detail["shares"]
    assert (share["owner"], share["total"], share["free"], share["is_frozen"]) == (HUB, 8, 4, False)
    assert {one["node"]: one["units"] for one in share["rights"]} == {HUB: 1, None: 2, BOX: 1}
    box = next(one for one in detail["nodes"] if one["id"] == BOX)
    assert (box["value"], box["elsewhere"], box["free"]) == (8, 3, 5)


async def asked(world: World, needs: str) -> dict[str, Any]:
    params = needs.replace("=", "%3D").replace(" ", "+").replace('"', "%22").replace(">", "%3E")
    status, reply = await world.call("GET", f"/needs?needs={params}")
    assert status == 200, reply
    return reply


async def test_who_satisfies_needs_is_told_and_why_the_others_do_not(world: World) -> None:
    plant(world)

    told = await asked(world, "GPU = 1 and Memory >= 2GiB")

    assert [(node["name"], node["fits"]) for node in told["nodes"]] == [
        ("box-2", True),
        ("box-1", False),
        ("box-3", False),
    ]
    assert told["nodes"][1]["why"] == "Memory >= 2GiB fails: Memory is none"
    assert told["hints"][0]["column"] == 13
    assert (told["mistake"], told["never"]) == (None, "")
    assert (await asked(world, "GPU = 4"))["never"].startswith("no node has GPU = 4 (the most is 2")
    assert all(node["why"] == "" for node in (await asked(world, ""))["nodes"])


async def test_a_mistake_in_needs_has_its_column(world: World) -> None:
    plant(world)

    assert (await asked(world, "GPU = 1 and"))["mistake"] == {
        "column": 12,
        "what": "expected the name of a resource or label, found the end",
        "advice": "a condition starts with a name: USBCamera == 1",
    }
    told = await asked(world, "GPU = 1 and os = 1")
    assert told["mistake"]["column"] == 13
    assert told["mistake"]["what"] == "os is a condition and cannot be taken"
    assert told["nodes"] == []


async def heard(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if (message["type"], message.get("topic", "")) == (kind, "resources"):
                return message


async def test_the_stream_tells_what_changes_of_resources(world: World) -> None:
    plant(world)
    async with world.browser.ws_connect(world.url("/stream"), headers=world.unsafe) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["resources"]})
        first = await heard(socket, "snapshot")
        assert {item["id"] for item in first["items"]} >= {"quantity:GPU", "condition:os"}

        put(world, BOX, TWO_GPUS, {"run": {"GPU": 2}})
        delta = await heard(socket, "delta")

    assert [(item["id"], item["taken"]) for item in delta["upserts"]] == [("quantity:GPU", 2)]
    assert delta["removed"] == []

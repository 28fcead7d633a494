from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.resources import Device, Resource
from cantor.identity.tokens import EnrolmentToken, hash_secret
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

    from cantor.base.ids import NodeId


async def _join(world: World, name: str, *, gpus: int = 0) -> NodeId:
    """Enrol a box and let the mesh show it."""
    box = world.box(name)
    _, secret = await world.token()
    assert (await world.enrol(box, secret))[0] == 200
    live = LiveNode(
        id=box.node_id,
        state="online",
        version="0.1.0",
        addresses=("192.0.2.9:7447",),
        resources=(Resource("GPU", "quantity", gpus),),
        devices=(Device("usb-1", "camera", "Cam", "/dev/video0"),),
        seen_at_s=world.clock.wall(),
    )
    world.mesh.put(live)
    return box.node_id


async def _etag(world: World, node_id: str) -> str:
    async with world.browser.get(world.url(f"/nodes/{node_id}")) as reply:
        return reply.headers["ETag"]


def _names(page: dict[str, Any]) -> list[str]:
    return [item["name"] for item in page["items"]]


async def test_a_node_shows_what_the_mesh_knows_of_it(world: World) -> None:
    node_id = await _join(world, "press", gpus=2)

    _, node = await world.call("GET", f"/nodes/{node_id}")

    assert node["state"] == "online"
    assert node["resources"] == [{"name": "GPU", "kind": "quantity", "value": 2, "unit": ""}]
    assert node["devices"] == [
        {"id": "usb-1", "kind": "camera", "name": "Cam", "path": "/dev/video0"}
    ]
    assert node["last_seen_at"] == "2026-11-24T12:00:00.000Z"


async def test_the_node_list_goes_page_by_page_through_a_filter(world: World) -> None:
    for number in range(5):
        await _join(world, f"box-{number}", gpus=number)

    _, first = await world.call("GET", "/nodes?filter=GPU >= 1 and box&limit=3")
    _, second = await world.call("GET", f"/nodes?filter=GPU >= 1&limit=3&cursor={first['next']}")

    assert _names(first) == ["box-1", "box-2", "box-3"]
    assert first["total"] == 4
    assert _names(second) == ["box-4"]
    assert second["next"] is None


@pytest.mark.parametrize("query", ["filter=GPU = 1", "limit=0", "limit=x", "cursor=%00"])
async def test_a_malformed_list_request_is_explained(world: World, query: str) -> None:
    status, problem = await world.call("GET", f"/nodes?{query}")

    assert status == 400
    assert problem["detail"]


async def test_a_change_needs_to_know_what_it_changes(world: World) -> None:
    node_id = await _join(world, "press")
    path, tag = f"/nodes/{node_id}", await _etag(world, node_id)

    assert (await world.call("PATCH", path, {"name": "x"}))[0] == 428
    status, node = await world.call("PATCH", path, {"name": "Press 4"}, If_Match=tag)
    assert (status, node["name"]) == (200, "Press 4")
    assert (await world.call("PATCH", path, {"name": "y"}, If_Match=tag))[0] == 412


async def test_labels_can_be_given_to_many_nodes(world: World) -> None:
    node_id = await _join(world, "press")
    body = {"action": "label", "ids": [node_id, "0" * 32], "labels": {"line": "a"}}

    _, done = await world.call("POST", "/nodes:batch", body)

    results: Any = done["results"]
    assert [result["status"] for result in results] == [200, 404]
    _, page = await world.call("GET", "/nodes?filter=line:a")
    assert _names(page) == ["press"]


async def test_unknown_fields_are_refused(world: World) -> None:
    status, problem = await world.call("POST", "/enrolment-tokens", {"uses": 3})

    assert status == 400
    assert "uses" in str(problem["detail"])


async def test_a_repeated_request_makes_one_token(world: World) -> None:
    first = await world.call("POST", "/enrolment-tokens", {}, Idempotency_Key="k1")
    again = await world.call("POST", "/enrolment-tokens", {}, Idempotency_Key="k1")
    other = await world.call("POST", "/enrolment-tokens", {"max_uses": 2}, Idempotency_Key="k1")

    assert first == again
    assert other[0] == 422
    _, page = await world.call("GET", "/enrolment-tokens")
    items: Any = page["items"]
    assert len(items) == 1
    assert "token" not in items[0]


async def test_a_token_tells_what_it_is_for_and_who_made_it_but_no_secret(world: World) -> None:
    wish = {"labels": {"site": "north"}, "max_uses": 3, "approval": "manual"}
    _, made = await world.call("POST", "/enrolment-tokens", wish)

    _, page = await world.call("GET", "/enrolment-tokens")

    (token,) = cast("list[dict[str, object]]", page["items"])
    assert {key: token[key] for key in wish} == wish
    assert (token["id"], token["uses"], token["created_by"]) == (made["id"], 0, "owner")
    secret = EnrolmentToken.parse(str(made["token"])).secret
    assert secret not in str(page)
    assert hash_secret(secret) not in str(page)


async def test_tokens_and_events_come_newest_first_in_pages(world: World) -> None:
    made = []
    for _ in range(3):
        made.append((await world.token())[0])
        world.clock.passed_s += 1
    for path, key in (("/enrolment-tokens", "id"), ("/events", "subject")):
        _, first = await world.call("GET", f"{path}?limit=2")
        _, second = await world.call("GET", f"{path}?limit=2&cursor={first['next']}")
        items: Any = [*first["items"], *second["items"]]  # type: ignore[misc]
        assert [item[key] for item in items] == made[::-1]
        assert second["next"] is None


async def test_the_overview_counts_nodes_and_tells_the_latest_events(world: World) -> None:
    await _join(world, "press")
    _, secret = await world.token(approval="manual")
    await world.enrol(world.box(), secret)

    _, overview = await world.call("GET", "/overview")

    assert overview["nodes"] == {"online": 1, "stale": 0, "expired": 0, "offline": 0, "pending": 1}
    latest: Any = overview["events"]
    assert latest[0]["kind"] == "node.pending"
    assert latest[0]["params"] == {"name": "box"}
    assert latest[0]["text"] == "box waits for approval"


async def test_errors_of_the_router_are_problems_too(world: World) -> None:
    status, problem = await world.call("GET", "/nowhere")
    assert (status, problem["status"]) == (404, 404)
    status, problem = await world.call("PUT", "/session", {})
    assert (status, problem["status"]) == (405, 405)


async def test_the_description_names_every_refusal(stranger: World) -> None:
    _, document = await stranger.call("GET", "/openapi.json")
    paths: Any = document["paths"]

    assert document["openapi"] == "3.1.0"
    change = paths["/api/v1/nodes/{node_id}"]["patch"]["responses"]
    assert {"200", "401", "403", "404", "405", "412", "428"} <= change.keys()
    make = paths["/api/v1/enrolment-tokens"]["post"]["responses"]
    assert {"201", "401", "403", "422"} <= make.keys()

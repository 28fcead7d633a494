from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.edge_hub.conftest import RUNNER

from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode
from galaxy.described import listed, named, types_from
from galaxy.filters.resize import Resize
from galaxy.params import Param
from galaxy.registry import BUILT_IN

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

PRESS = NodeId("c" * 32)
SMALL = {
    "name": "small",
    "filters": {"pattern": {"type": "test_pattern"}, "count": {"type": "count"}},
    "connections": [{"from": "pattern.image", "to": "count.frame"}],
}


async def _deploy(world: World, **wish: object) -> dict[str, Any]:
    status, made = await world.call("POST", "/deployments", wish or {"template": "test-pattern"})
    assert status == 201, made
    return made


async def _kinds(world: World, wanted: int) -> list[str]:
    """The kinds of the latest events, once there are that many; oldest first."""
    async with asyncio.timeout(5):
        while True:
            _, page = await world.call("GET", "/events")
            items: Any = page["items"]
            if len(items) >= wanted:
                return [item["kind"] for item in reversed(items)]


async def test_templates_say_what_they_are_and_whether_they_fit(world: World) -> None:
    world.pipelines.refusals["camera"] = "no node has a camera"

    _, page = await world.call("GET", "/templates")

    items: Any = {item["id"]: item for item in page["items"]}  # type: ignore[attr-defined]
    assert items.keys() >= {"camera", "conveyor", "people", "test-pattern"}
    assert items["test-pattern"]["description"] == (
        "Needs no hardware and no model: a drawn picture, made smaller, counted."
    )
    assert items["people"]["description"].endswith("Run it with the file and the model at hand.")
    assert (items["test-pattern"]["fits"], items["test-pattern"]["reasons"]) == (True, {})
    assert items["camera"]["reasons"] == {"camera": "no node has a camera"}
    assert "Memory >= 256MiB" in items["camera"]["needs"]["detect"]
    assert items["camera"]["pipeline"]["filters"]["camera"]["type"] == "usb_camera"


def _push(world: World, *names: str) -> None:
    """A push of these classes stands somewhere on the mesh."""

    class Mark(Resize):
        description = "Marks"
        code = Param(str, "", secret=True)

    pushed = named("marks", types_from(listed(dict.fromkeys(names, Mark)))) if names else {}
    world.pipelines.registry.set_pushed(pushed)


async def test_the_filter_types_are_those_of_the_build_and_those_pushed(world: World) -> None:
    _push(world, "Mark", "Park")

    status, page = await world.call("GET", "/filter-types")

    items: Any = {item["type"]: item for item in page["items"]}  # type: ignore[attr-defined]
    assert status == 200
    assert items.keys() == {*BUILT_IN, "marks/Mark", "marks/Park"}
    assert (items["marks/Mark"]["push"], items["count"]["push"]) == ("marks", "")
    assert items["marks/Mark"]["inputs"]["image"]["type"] == "frame/image"
    assert items["marks/Mark"]["params"]["properties"]["code"]["writeOnly"]
    _push(world)
    _, page = await world.call("GET", "/filter-types")
    assert {item["type"] for item in page["items"]} == {*BUILT_IN}  # type: ignore[attr-defined]


async def test_a_pipeline_is_checked_against_what_is_pushed(world: World) -> None:
    way = {"from": "pattern.image", "to": "mark.image"}
    mark = {"type": "marks/Mark", "params": {"width": 320, "code": "secret"}}
    filters = {"pattern": {"type": "test_pattern"}, "mark": mark}
    pipeline = {"name": "seen", "filters": filters, "connections": [way]}

    status, refused = await world.call("POST", "/deployments", {"pipeline": pipeline})
    assert status == 422
    assert "no node that is known here has the filter type" in str(refused["detail"])
    _push(world, "Mark")
    wrong = {"pipeline": pipeline, "params": {"mark.width": -1, "mark.tint": "red"}}
    status, refused = await world.call("POST", "/deployments", wrong)
    errors: Any = refused["errors"]
    assert {one["pointer"] for one in errors} == {"/params/mark.width", "/params/mark.tint"}
    shown = (await _deploy(world, pipeline=pipeline))["pipeline"]["filters"]["mark"]["params"]
    assert shown == {"width": 320, "code": "********"}
    _push(world)  # what it was told to be is not known any more: any of them may be a secret
    _, page = await world.call("GET", "/deployments")
    items: Any = page["items"]
    assert items[0]["pipeline"]["filters"]["mark"]["params"] == dict.fromkeys(shown, "********")


async def test_a_template_is_deployed_with_parameters_and_on_a_chosen_node(world: World) -> None:
    world.mesh.put(LiveNode(PRESS, "online", name="press"))
    world.mesh.put(LiveNode(RUNNER, "online", name="runner"))

    made = await _deploy(
        world,
        template="test-pattern",
        name="线 4",
        params={"pattern.count": 7},
        nodes={"preview": PRESS},
    )

    assert (made["name"], made["state"], made["wanted"]) == ("线 4", "running", "running")
    assert made["created_at"] == "2026-11-24T12:00:00.000Z"
    assert made["node_names"] == {RUNNER: "runner"}
    assert made["figures"] is None
    filters = made["pipeline"]["filters"]
    assert filters["pattern"]["params"]["count"] == 7
    assert filters["preview"]["node"] == PRESS
    assert made["groups"][0]["filters"][0] == "pattern"


async def test_a_document_is_deployed_and_its_figures_shown(world: World) -> None:
    made = await _deploy(world, pipeline=SMALL)
    figures = {"frames_in": 3, "fps": 29.5, "run_ms": {"p50": 1.0, "p99": 2.0}, "new": 1}
    world.pipelines.measured[made["id"]] = {"filters": {"count": figures}, "edges": {}}

    status, shown = await world.call("GET", f"/deployments/{made['id']}")

    measured: Any = shown["figures"]
    assert status == 200
    assert measured["filters"]["count"]["fps"] == 29.5
    assert measured["filters"]["count"]["run_ms"] == {"p50": 1.0, "p99": 2.0}


async def test_figures_that_make_no_sense_are_left_out(world: World) -> None:
    made = await _deploy(world)
    world.pipelines.measured[made["id"]] = {"filters": ["nonsense"]}

    status, shown = await world.call("GET", f"/deployments/{made['id']}")

    assert (status, shown["figures"]) == (200, None)


@pytest.mark.parametrize(
    ("wish", "status", "pointer"),
    [
        ({}, 400, ""),
        ({"template": "test-pattern", "pipeline": SMALL}, 400, ""),
        ({"template": "nothing"}, 422, "/template"),
        ({"template": "test-pattern", "params": {"nobody.count": 1}}, 422, "/params/nobody.count"),
        ({"template": "test-pattern", "params": {"pattern": 1}}, 422, "/params/pattern"),
        ({"template": "test-pattern", "params": {"pattern.x/~": 1}}, 422, "/params/pattern.x~1~0"),
        (
            {"template": "test-pattern", "params": {"pattern.count": "many"}},
            422,
            "/params/pattern.count",
        ),
        (
            {"template": "test-pattern", "params": {"pattern.count": 2**70}},
            422,
            "/params/pattern.count",
        ),
        ({"template": "test-pattern", "nodes": {"nobody": "x"}}, 422, "/nodes/nobody"),
        ({"template": "test-pattern", "nodes": {"preview": "x"}}, 422, "/nodes/preview"),
        ({"pipeline": {}}, 422, "/pipeline/filters"),
        (
            {"pipeline": {**SMALL, "filters": {"a": {"type": "nope"}}}},
            422,
            "/pipeline/filters/a/type",
        ),
        ({"pipeline": {**SMALL, "colour": 1}}, 422, "/pipeline/colour"),
        (
            {"pipeline": {**SMALL, "filters": {"pattern": {"type": "test_pattern", "node": "x"}}}},
            422,
            "/pipeline/filters/pattern/node",
        ),
    ],
)
async def test_a_wish_that_names_what_is_not_there_is_refused(
    world: World, wish: dict[str, object], status: int, pointer: str
) -> None:
    got, problem = await world.call("POST", "/deployments", wish)

    assert got == status, problem
    errors: Any = problem.get("errors", [])
    assert pointer in [error["pointer"] for error in errors] or not pointer
    assert (await world.call("GET", "/deployments"))[1]["items"] == []


async def test_a_repeated_wish_is_deployed_once(world: World) -> None:
    wish = {"template": "test-pattern"}
    first, again = await asyncio.gather(
        *(world.call("POST", "/deployments", wish, Idempotency_Key="k") for _ in range(2))
    )

    assert first == again
    assert len(world.pipelines.views()) == 1
    other = {"template": "conveyor"}
    assert (await world.call("POST", "/deployments", other, Idempotency_Key="k"))[0] == 422
    assert (await world.call("POST", "/projects", wish, Idempotency_Key="k"))[0] in {400, 422}


async def test_a_refused_wish_may_be_repeated_when_it_is_mended(world: World) -> None:
    wish = {"template": "test-pattern", "nodes": {"preview": PRESS}}
    assert (await world.call("POST", "/deployments", wish, Idempotency_Key="k"))[0] == 422
    world.mesh.put(LiveNode(PRESS, "online", name="press"))
    assert (await world.call("POST", "/deployments", wish, Idempotency_Key="k"))[0] == 201


async def test_a_deployment_is_stopped_and_removed(world: World) -> None:
    path = f"/deployments/{(await _deploy(world))['id']}"

    assert await _kinds(world, 1) == ["deployment.started"]
    status, stopped = await world.call("POST", f"{path}/stop")
    assert (status, stopped["state"], stopped["wanted"]) == (200, "stopped", "stopped")
    assert (await _kinds(world, 2))[1:] == ["deployment.stopped"]
    assert (await world.call("DELETE", path))[0] == 204
    assert (await world.call("GET", path))[0] == 404
    assert (await _kinds(world, 3))[2:] == ["deployment.removed"]


async def test_many_are_stopped_and_removed_at_once(world: World) -> None:
    ids = [(await _deploy(world))["id"] for _ in range(2)]

    for action in ("stop", "delete"):
        body = {"action": action, "ids": [*ids, "nothing"]}
        _, done = await world.call("POST", "/deployments:batch", body)
        results: Any = done["results"]
        assert [result["status"] for result in results] == [200, 200, 404]
    assert world.pipelines.views() == []


async def test_deployments_come_newest_first_in_pages(world: World) -> None:
    made = []
    for _ in range(3):
        made.append((await _deploy(world))["id"])
        world.clock.passed_s += 1

    _, first = await world.call("GET", "/deployments?limit=2")
    _, second = await world.call("GET", f"/deployments?limit=2&cursor={first['next']}")

    items: Any = [*first["items"], *second["items"]]  # type: ignore[misc]
    assert [item["id"] for item in items] == made[::-1]
    assert second["next"] is None


async def test_another_project_has_no_part_in_a_deployment(world: World) -> None:
    made = (await _deploy(world))["id"]
    await world.call("POST", "/projects", {"name": "other"})
    await world.call("PATCH", "/session", {"project": "other"})

    for method, path in (
        ("GET", ""),
        ("POST", "/stop"),
        ("DELETE", ""),
        ("GET", "/preview/preview"),
    ):
        assert (await world.call(method, f"/deployments/{made}{path}"))[0] == 404
    body = {"action": "delete", "ids": [made]}
    _, done = await world.call("POST", "/deployments:batch", body)
    results: Any = done["results"]
    assert results[0]["status"] == 404
    assert (await world.call("GET", "/deployments"))[1]["items"] == []
    assert world.pipelines.views()[0].wanted == "running"


async def test_a_node_of_another_project_cannot_be_chosen(world: World) -> None:
    world.mesh.put(LiveNode(PRESS, "online", name="press"))
    await world.call("POST", "/projects", {"name": "other"})
    await world.call("PATCH", "/session", {"project": "other"})

    wish = {"template": "test-pattern", "nodes": {"preview": PRESS}}
    assert (await world.call("POST", "/deployments", wish))[0] == 422


async def _topic(socket: ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if (message["type"], message.get("topic")) == (kind, "deployments"):
                return message


async def test_a_console_sees_deployments_and_figures_only_while_it_asks(world: World) -> None:
    made = (await _deploy(world))["id"]
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        assert world.pipelines.figures_asked == 0
        await socket.send_json({"type": "subscribe", "topics": ["deployments"]})
        snapshot = await _topic(socket, "snapshot")
        world.pipelines.measured[made] = {"filters": {"count": {"fps": 12.5}}, "edges": {}}
        delta = await _topic(socket, "delta")
        while "count" not in delta["upserts"][0]["figures"]["filters"]:  # the round before
            delta = await _topic(socket, "delta")
        await world.call("DELETE", f"/deployments/{made}")
        removed = await _topic(socket, "delta")
        await socket.send_json({"type": "subscribe", "topics": ["events"]})
        async with asyncio.timeout(5):
            while (await socket.receive_json()).get("topic") != "events":
                pass
        asked = world.pipelines.figures_asked

    assert [item["id"] for item in snapshot["items"]] == [made]
    assert delta["upserts"][0]["figures"]["filters"]["count"]["fps"] == 12.5
    assert (removed["upserts"], removed["removed"]) == ([], [made])
    assert asked == world.pipelines.figures_asked


async def test_a_template_describes_its_filter_types_and_speaks_chinese(world: World) -> None:
    _, page = await world.call("GET", "/templates")

    items: Any = {item["id"]: item for item in page["items"]}  # type: ignore[attr-defined]
    assert items["conveyor"]["descriptions"]["zh"].startswith("无需硬件")
    described = items["conveyor"]["types"]["onnx"]["params"]
    assert described["required"] == ["model"]
    assert described["properties"]["confidence"]["maximum"] == 1
    assert described["properties"]["model"]["x-file"] is True


async def test_a_secret_is_masked_and_goes_along_when_deployed_again(world: World) -> None:
    address = "rtsp://user:secret@192.0.2.1/"
    camera = {"type": "rtsp", "params": {"url": address, "open_timeout_s": 2.0}}
    filters: Any = {"pattern": camera, "count": {"type": "count"}}
    made = await _deploy(world, pipeline={**SMALL, "filters": filters})

    _, shown = await world.call("GET", f"/deployments/{made['id']}")
    again = await _deploy(world, deployment=made["id"], name="again")

    for one in (made, shown, again):
        params: Any = one["pipeline"]["filters"]["pattern"]["params"]  # type: ignore[index]
        assert params == {"url": "********", "open_timeout_s": 2.0}
    held = {view.name: view for view in world.pipelines.views()}
    filters = held["again"].pipeline["filters"]
    assert filters["pattern"]["params"]["url"] == address
    assert (await world.call("POST", "/deployments", {"deployment": "nothing"}))[0] == 404

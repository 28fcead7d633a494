from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType

from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World


async def test_a_project_is_made_chosen_and_holds_its_own_things(world: World) -> None:
    await world.token()

    status, made = await world.call("POST", "/projects", {"name": "Line 4"})
    assert (status, made) == (201, {"id": "line-4", "name": "Line 4"})
    status, session = await world.call("PATCH", "/session", {"project": "line-4"})
    assert (status, session["project"]) == (200, made)
    assert (await world.call("GET", "/session"))[1] == session

    assert (await world.call("GET", "/enrolment-tokens"))[1]["items"] == []
    _, events = await world.call("GET", "/events")
    told: Any = events["items"]
    assert [(one["kind"], one["params"]) for one in told] == [
        ("project.created", {"name": "Line 4"})
    ]


async def test_a_name_without_latin_letters_gets_an_id_too(world: World) -> None:
    _, made = await world.call("POST", "/projects", {"name": "四号线"})

    assert str(made["id"]).startswith("project-")
    assert made["name"] == "四号线"


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"name": "x", "id": "default"}, 409),
        ({"name": "x", "id": "Not An Id"}, 400),
        ({"name": "x", "id": "a\n"}, 400),
        ({"name": " "}, 400),
        ({"name": "a\nb"}, 400),
        ({"name": "x" * 65}, 400),
        ({}, 400),
    ],
)
async def test_a_project_that_cannot_be_is_refused(
    world: World, wish: dict[str, str], status: int
) -> None:
    assert (await world.call("POST", "/projects", wish))[0] == status


async def test_projects_come_in_pages(world: World) -> None:
    for name in ("a", "b"):
        await world.call("POST", "/projects", {"name": name})

    _, first = await world.call("GET", "/projects?limit=2")
    _, second = await world.call("GET", f"/projects?limit=2&cursor={first['next']}")

    items: Any = [*first["items"], *second["items"]]  # type: ignore[misc]
    assert [item["id"] for item in items] == ["a", "b", "default"]
    assert second["next"] is None


async def test_only_owners_make_projects_but_everybody_may_look_at_them(stranger: World) -> None:
    await stranger.sign_in("operator")

    assert (await stranger.call("POST", "/projects", {"name": "x"}))[0] == 403
    assert (await stranger.call("GET", "/projects"))[0] == 200
    assert (await stranger.call("PATCH", "/session", {"project": "default"}))[0] == 200


async def test_nobody_looks_at_a_project_that_is_not_there(world: World) -> None:
    assert (await world.call("PATCH", "/session", {"project": "nowhere"}))[0] == 404


async def test_an_open_console_follows_its_session_to_another_project(world: World) -> None:
    world.mesh.put(LiveNode(NodeId("a" * 32), "online", name="press"))
    await world.call("POST", "/projects", {"name": "other"})
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        seen: list[dict[str, Any]] = []
        while {one.get("topic") for one in seen} != {None, "nodes", "events"}:
            seen.append(await socket.receive_json(timeout=5))
        await world.call("PATCH", "/session", {"project": "other"})
        after = [await socket.receive_json(timeout=5) for _ in range(2)]
        await socket.close()
        assert (await socket.receive()).type is WSMsgType.CLOSED

    assert {one["topic"]: [item.get("kind") for item in one["items"]] for one in after} == {
        "nodes": [],
        "events": ["project.created"],
    }
    assert {one["type"] for one in after} == {"snapshot"}


async def test_a_path_names_its_tenant_and_project_whatever_the_session_looks_at(
    world: World,
) -> None:
    mill = "/tenants/default/projects/mill"
    world.mesh.put(LiveNode(NodeId("a" * 32), "online", name="press"))
    await world.call("POST", "/tenants/default/projects", {"name": "mill"})
    token_id = str((await world.call("POST", f"{mill}/enrolment-tokens", {}))[1]["id"])

    async def ids(path: str) -> list[str]:
        items: Any = (await world.call("GET", path))[1]["items"]
        return [item["id"] for item in items]

    assert await ids(f"{mill}/enrolment-tokens") == [token_id]
    assert await ids("/enrolment-tokens") == await ids(f"{mill}/nodes") == []
    assert await ids("/tenants/default/projects/default/nodes") == ["a" * 32]
    assert await ids("/tenants/default/projects") == ["default", "mill"]
    for elsewhere in ("/tenants/default/projects/x/nodes", "/tenants/x/projects/default/nodes"):
        assert (await world.call("GET", elsewhere))[0] == 404
    assert (await world.call("DELETE", f"/enrolment-tokens/{token_id}"))[0] == 404


async def test_what_is_made_under_a_project_says_where_it_is(world: World) -> None:
    mill = "/tenants/default/projects/mill"
    await world.call("POST", "/projects", {"name": "mill"})
    url, wish = world.url(f"{mill}/deployments"), {"template": "test-pattern"}
    async with world.browser.post(url, json=wish, headers=world.unsafe) as reply:
        made = await reply.json()
        assert reply.headers["Location"] == f"/api/v1{mill}/deployments/{made['id']}"


async def test_a_console_of_one_project_stays_there(world: World) -> None:
    await world.call("POST", "/projects", {"name": "other"})
    path = "/tenants/default/projects/default/stream"
    async with world.browser.ws_connect(world.url(path), origin=world.origin) as socket:
        seen: list[dict[str, Any]] = []
        while {one.get("topic") for one in seen} != {None, "nodes", "events"}:
            seen.append(await socket.receive_json(timeout=5))
        await world.call("PATCH", "/session", {"project": "other"})
        world.mesh.put(LiveNode(NodeId("a" * 32), "online", name="press"))
        found = await socket.receive_json(timeout=5)
    assert [item["name"] for item in found["upserts"]] == ["press"]


async def test_an_owner_looks_at_another_tenant_and_an_operator_does_not(stranger: World) -> None:
    path = stranger.hub.settings.database_path
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO tenants VALUES ('acme', 'Acme')")
        connection.execute("INSERT INTO projects VALUES ('acme', 'mill', 'Mill')")
        connection.commit()

    await stranger.sign_in()
    status, session = await stranger.call("PATCH", "/session", {"tenant": "acme"})
    assert (status, session["tenant"]) == (200, {"id": "acme", "name": "Acme"})
    assert session["project"] == {"id": "mill", "name": "Mill"}
    tenants: Any = session["tenants"]
    assert [one["id"] for one in tenants] == ["acme", "default"]
    assert (await stranger.call("PATCH", "/session", {"tenant": "nobody"}))[0] == 404
    assert (await stranger.call("PATCH", "/session", {}))[0] == 400

    await stranger.sign_in("operator")
    assert (await stranger.call("PATCH", "/session", {"tenant": "acme"}))[0] == 404
    _, session = await stranger.call("GET", "/session")
    assert session["tenants"] == [session["tenant"]]

"""Secrets by the API: who may set them, what is written down, and that no answer holds a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from tests.unit.edge_hub.conftest import World

BOX, STRANGER = NodeId("2" * 32), NodeId("3" * 32)
CANARY, SECOND = "canary-0d1f", "canary-5e77"
MAIL = ("default", "mail")


def keeps(world: World, *nodes: NodeId) -> None:
    world.secrets.rows[MAIL]["nodes"] = [
        {"node": node, "name": "x", "version": 1, "is_alive": True, "is_current": node == BOX}
        for node in nodes
    ]


async def happened(world: World) -> list[tuple[str, str]]:
    _, reply = await world.call("GET", "/events")
    items: Any = reply["items"]
    return [(one["kind"], one["text"]) for one in items if one["kind"].startswith("secret.")]


async def test_a_secret_is_set_shown_given_another_value_and_removed(world: World) -> None:
    world.mesh.put(LiveNode(BOX, "online", "dock-1"))
    status, made = await world.call("POST", "/secrets", {"name": "mail", "value": CANARY})
    assert (status, made["name"], made["version"], made["who"]) == (201, "mail", 1, "owner")
    assert world.secrets.values[MAIL] == CANARY.encode()
    keeps(world, BOX, STRANGER)

    status, listed = await world.call("GET", "/secrets")

    (one,) = cast("list[Any]", listed["items"])
    assert status == 200
    assert (one["id"], one["by"], one["elsewhere"]) == ("mail", "hub", 1)
    assert [(node["name"], node["is_current"]) for node in one["nodes"]] == [("dock-1", True)]

    status, changed = await world.call("PUT", "/secrets/mail", {"value": SECOND})
    assert (status, changed["version"]) == (200, 2)
    assert world.secrets.values[MAIL] == SECOND.encode()
    assert (await world.call("DELETE", "/secrets/mail"))[0] == 204
    assert world.secrets.values == {}

    assert await happened(world) == [
        ("secret.removed", "owner removed the secret mail"),
        ("secret.rotated", "owner gave the secret mail another value"),
        ("secret.set", "owner set the secret mail"),
    ]
    said = f"{made} {listed} {changed} {await happened(world)}"
    assert CANARY not in said
    assert SECOND not in said


@pytest.mark.parametrize("role", ["viewer", "annotator", "auditor"])
async def test_who_only_looks_sees_names_and_sets_nothing(stranger: World, role: str) -> None:
    await stranger.sign_in(role)
    assert (await stranger.call("GET", "/secrets"))[0] == 200
    for method, path, body in (
        ("POST", "/secrets", {"name": "mail", "value": CANARY}),
        ("PUT", "/secrets/mail", {"value": CANARY}),
        ("DELETE", "/secrets/mail", None),
    ):
        status, told = await stranger.call(method, path, body)
        assert status == 403
        assert CANARY not in str(told)
    assert stranger.secrets.values == {}


async def test_who_has_not_signed_in_sees_nothing(stranger: World) -> None:
    assert (await stranger.call("GET", "/secrets"))[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        {"name": "No Name", "value": CANARY},
        {"name": "mail"},
        {"name": "mail", "value": ""},
        {"name": "mail", "value": CANARY * 6000},
        {"name": "mail", "value": [CANARY]},
        {"name": "mail", "value": CANARY, "more": CANARY},
    ],
)
async def test_what_is_no_secret_is_refused_without_saying_it(
    world: World, body: dict[str, object]
) -> None:
    status, told = await world.call("POST", "/secrets", body)

    assert status in (400, 413)
    assert CANARY not in str(told)
    assert world.secrets.values == {}


async def test_what_is_there_or_not_is_told(world: World) -> None:
    await world.call("POST", "/secrets", {"name": "mail", "value": CANARY})
    assert (await world.call("POST", "/secrets", {"name": "mail", "value": SECOND}))[0] == 409
    assert world.secrets.values[MAIL] == CANARY.encode()
    assert (await world.call("PUT", "/secrets/other", {"value": SECOND}))[0] == 404
    assert (await world.call("DELETE", "/secrets/other"))[0] == 404


async def test_one_project_does_not_see_the_secrets_of_another(world: World) -> None:
    await world.call("POST", "/secrets", {"name": "mail", "value": CANARY})
    await world.call("POST", "/projects", {"name": "Line 4", "id": "line-4"})
    _, made = await world.call("GET", "/projects")
    items = cast("list[Any]", made["items"])
    other = next(one["id"] for one in items if one["id"] != "default")

    path = f"/tenants/{world.authority.tenant}/projects/{other}/secrets"

    assert (await world.call("GET", path))[1] == {"items": []}
    assert (await world.call("PUT", f"{path}/mail", {"value": SECOND}))[0] == 404


@pytest.mark.parametrize(
    ("error", "status"), [(ConfigError("no"), 422), (UnavailableError("no"), 503)]
)
async def test_what_the_node_refuses_is_told_and_not_recorded(
    world: World, error: Exception, status: int
) -> None:
    world.secrets.error = error
    told = await world.call("POST", "/secrets", {"name": "mail", "value": CANARY})

    assert told[0] == status
    assert CANARY not in str(told)
    world.secrets.error = None
    assert await happened(world) == []


async def test_no_file_of_the_hub_holds_a_value(world: World) -> None:
    await world.call("POST", "/secrets", {"name": "mail", "value": CANARY})

    files = [path for path in world.hub.settings.data.rglob("*") if path.is_file()]

    assert any(b"owner set the secret mail" in path.read_bytes() for path in files)
    assert not [path for path in files if CANARY.encode() in path.read_bytes()]

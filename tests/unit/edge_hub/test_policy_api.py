from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.ids import NodeId
from cantor.identity.policies import Policy
from edge_hub.mesh_view import FakeMeshView, LiveNode

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

HUB, DOCK, GATE, AWAY = (NodeId(letter * 32) for letter in "1234")
FRESH_S = 1_764_000_000.0


@pytest.fixture
def plant(world: World) -> World:
    """The hub and three boxes; one of them is off."""
    names = {HUB: "hub", DOCK: "dock", GATE: "gate", AWAY: "away"}
    for node, name in names.items():
        world.mesh.fresh_until_s[node] = FRESH_S
        world.mesh.put(LiveNode(node, "offline" if node == AWAY else "online", name=name))
    return world


async def policy(world: World) -> dict[str, Any]:
    status, found = await world.call("GET", "/mesh/policy")
    assert status == 200, found
    return found


async def events(world: World) -> list[dict[str, Any]]:
    _, found = await world.call("GET", "/events")
    items: list[dict[str, Any]] = found["items"]  # type: ignore[assignment]
    return [one for one in items if one["kind"] == "policy.changed"]


async def told(socket: ClientWebSocketResponse, kind: str, topic: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if (message["type"], message.get("topic")) == (kind, topic):
                return message


async def test_without_a_decision_the_default_holds_and_every_node_keeps_to_it(
    plant: World,
) -> None:
    found = await policy(plant)

    assert found["policy"] == {
        "kind": "policy", "id": "default", "stale_days": 35, "stale_days_default": 35,
        "revision": 0, "decided_at": None, "by": "", "issuer": None, "issuer_name": "",
        "may_decide": True, "etag": '"0"', "elsewhere": 0,
    }  # fmt: skip
    assert {node["name"]: node["holds"] for node in found["nodes"]} == dict.fromkeys(
        ("away", "dock", "gate", "hub"), "this"
    )


async def test_it_is_told_who_decided_what_when_and_which_nodes_have_it(plant: World) -> None:
    plant.mesh.put_policy(
        Policy(90, 7, number=3, at_ms=1_764_000_000_500, by="local:root", issuer=HUB)
    )
    plant.mesh.held = {HUB: 90, DOCK: 91, GATE: 89}

    found = await policy(plant)

    assert found["policy"] | {"revision": 3, "stale_days": 7} == found["policy"]
    assert found["policy"]["decided_at"] == "2025-11-24T16:00:00.500Z"
    assert (found["policy"]["issuer"], found["policy"]["issuer_name"]) == (HUB, "hub")
    assert {node["name"]: node["holds"] for node in found["nodes"]} == {
        "hub": "this",
        "dock": "this",  # it has heard of a later one before the hub has
        "gate": "earlier",
        "away": "unknown",
    }
    assert {node["fresh_until"] for node in found["nodes"]} == {"2025-11-24T16:00:00.000Z"}


async def test_an_owner_sets_it_at_what_was_seen_and_it_is_recorded(plant: World) -> None:
    async with plant.browser.get(plant.url("/mesh/policy")) as reply:
        seen = reply.headers["ETag"]
        assert (await reply.json())["policy"]["etag"] == seen

    status, found = await plant.call("PUT", "/mesh/policy", {"stale_days": 7}, If_Match=seen)

    assert status == 200, found
    assert found["policy"]["stale_days"] == 7  # type: ignore[index]
    assert (plant.mesh.kept_policy.stale_days, plant.mesh.kept_policy.by) == (7, "owner")
    (told,) = await events(plant)
    assert (told["severity"], told["params"]) == (
        "warning",
        {"by": "owner", "days": 7, "before": 35},
    )
    status, refused = await plant.call("PUT", "/mesh/policy", {"stale_days": 9}, If_Match=seen)
    assert (status, refused["type"]) == (412, "urn:cantor:problem:changed-meanwhile")
    assert plant.mesh.kept_policy.stale_days == 7
    assert len(await events(plant)) == 1


async def test_what_was_decided_elsewhere_is_recorded_once_and_not_what_a_new_root_signs_anew(
    plant: World,
) -> None:
    async with plant.browser.ws_connect(plant.url("/stream"), origin=plant.origin) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["events"]})
        await told(socket, "snapshot", "events")
        plant.mesh.put_policy(Policy(90, 7, number=1, at_ms=90, by="local:root", issuer=HUB))
        first = await told(socket, "delta", "events")
        plant.mesh.put_policy(Policy(91, 7, number=1, at_ms=90, by="local:root", issuer=HUB))
        plant.mesh.put_policy(Policy(95, 8, number=2, at_ms=95, by="local:ada", issuer=HUB))
        await told(socket, "delta", "events")

    assert first["upserts"][0]["params"] == {"by": "local:root", "days": 7, "before": 35}
    assert [one["params"]["by"] for one in await events(plant)] == ["local:ada", "local:root"]


@pytest.mark.parametrize("days", [0, 3651, 1.5, "7", None])
async def test_what_is_out_of_range_is_refused(plant: World, days: object) -> None:
    asked = plant.call("PUT", "/mesh/policy", {"stale_days": days}, If_Match="*")
    assert (await asked)[0] == 400
    assert plant.mesh.kept_policy == Policy()


async def test_it_is_set_by_owners_only_and_never_blindly(plant: World) -> None:
    assert (await plant.call("PUT", "/mesh/policy", {"stale_days": 7}))[0] == 428
    await plant.sign_in("operator")
    status, refused = await plant.call("PUT", "/mesh/policy", {"stale_days": 7}, If_Match="*")
    assert (status, refused["detail"]) == (403, "only an owner may do that")
    assert (await policy(plant))["policy"]["stale_days"] == 35


async def test_a_hub_that_is_no_issuer_says_where_it_is_set(plant: World) -> None:
    plant.mesh.is_issuer = False
    assert not (await policy(plant))["policy"]["may_decide"]
    status, refused = await plant.call("PUT", "/mesh/policy", {"stale_days": 7}, If_Match="*")
    assert (status, refused["type"]) == (409, "urn:cantor:problem:no-issuer")
    assert "cantor mesh policy" in str(refused["detail"])


async def test_a_full_disk_decides_nothing(plant: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device: /secret/place")

    monkeypatch.setattr(FakeMeshView, "decide_policy", full)
    status, refused = await plant.call("PUT", "/mesh/policy", {"stale_days": 7}, If_Match="*")
    assert (status, refused["type"]) == (503, "urn:cantor:problem:not-kept")
    assert "secret" not in str(refused)
    assert await events(plant) == []


async def test_another_project_sees_its_nodes_and_how_many_more_there_are(plant: World) -> None:
    status, made = await plant.call("POST", "/projects", {"name": "Line 4"})
    assert status == 201
    await plant.call("PATCH", "/session", {"project": made["id"]})
    found = await policy(plant)
    assert found["nodes"] == []
    assert found["policy"]["elsewhere"] == 4


async def test_nodes_that_are_not_in_the_mesh_are_left_out(plant: World) -> None:
    plant.mesh.deny([GATE])
    plant.mesh.put(LiveNode(GATE, "denied", name="gate"))
    _, secret = await plant.token(approval="manual")
    await plant.enrol(plant.box("waits"), secret)
    assert {node["name"] for node in (await policy(plant))["nodes"]} == {"away", "dock", "hub"}


async def test_a_console_that_watches_is_told_what_changes(plant: World) -> None:
    async with plant.browser.ws_connect(plant.url("/stream"), origin=plant.origin) as socket:
        await socket.send_json({"type": "subscribe", "topics": ["policy"]})

        whole = await told(socket, "snapshot", "policy")
        plant.mesh.put_policy(Policy(90, 7, number=1, at_ms=90_000, by="owner", issuer=HUB))
        first = await told(socket, "delta", "policy")
        plant.mesh.held = {DOCK: 90}
        plant.mesh.put_policy(plant.mesh.kept_policy)
        second = await told(socket, "delta", "policy")

    assert [item["kind"] for item in whole["items"]] == ["policy", *["node"] * 4]
    assert [item["stale_days"] for item in first["upserts"] if item["kind"] == "policy"] == [7]
    assert [(item["name"], item["holds"]) for item in second["upserts"]] == [("dock", "this")]

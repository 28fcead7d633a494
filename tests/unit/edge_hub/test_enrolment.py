from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING, cast

from cantor.base.clock import SystemClock
from cantor.identity.client import enrol
from cantor.identity.reply import check_reply
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.edge_hub.conftest import World


async def _event_kinds(world: World) -> list[str]:
    _, page = await world.call("GET", "/events")
    items = page["items"]
    assert isinstance(items, list)
    return [event["kind"] for event in items]


async def test_a_box_with_a_token_becomes_a_node(world: World) -> None:
    _, secret = await world.token(labels={"site": "north"})
    box = world.box("press-4")

    status, body = await world.enrol(box, secret)

    assert status == 200
    reply = check_reply(body, nonce="ab" * 16, root_pin=world.authority.root_pin)
    assert reply.chain.check().node_id == box.node_id
    assert reply.seeds == ("192.0.2.1:7447",)
    assert reply.time_s == world.clock.wall()
    _, node = await world.call("GET", f"/nodes/{box.node_id}")
    assert (node["name"], node["state"]) == ("press-4", "offline")
    assert node["labels"] == {"site": "north"}
    assert "node.enrolled" in await _event_kinds(world)


async def test_the_enrolment_of_a_real_box_is_accepted(world: World, tmp_path: Path) -> None:
    _, made = await world.call("POST", "/enrolment-tokens", {})
    token = EnrolmentToken.parse(str(made["token"]))
    folder = IdentityFolder(tmp_path / "box")

    identity = await enrol(token, folder, clock=SystemClock(), facts={"hostname": "press"})

    assert made["command"] == f"cantor enroll {made['token']}"
    assert (await world.call("GET", f"/nodes/{identity.node_id}"))[1]["name"] == "press"


async def test_a_lost_reply_is_harmless(world: World) -> None:
    _, secret = await world.token()
    box = world.box()

    first = (await world.enrol(box, secret))[1]
    world.clock.passed_s += 7200
    status, again = await world.enrol(box, secret)

    assert status == 200
    assert again["certificate"] == first["certificate"]


async def test_another_key_on_a_used_token_raises_the_alarm_once(world: World) -> None:
    token_id, secret = await world.token()
    await world.enrol(world.box(), secret)

    assert (await world.enrol(world.box(), secret))[0] == 409
    assert (await world.enrol(world.box(), secret))[0] == 409

    kinds = await _event_kinds(world)
    assert (kinds.count("token.stolen"), kinds.count("token.stolen_again")) == (1, 0)
    _, page = await world.call("GET", "/enrolment-tokens")
    assert page["items"][0]["state"] == "stolen"  # type: ignore[index]
    assert page["items"][0]["id"] == token_id  # type: ignore[index]


async def test_every_later_attempt_is_counted_and_told_once_a_minute(world: World) -> None:
    _, secret = await world.token()
    await world.enrol(world.box(), secret)
    await world.enrol(world.box("thief"), secret)
    for at_s in (1, 2, 59):
        world.clock.passed_s = at_s
        await world.enrol(world.box("thief"), secret)
    assert "token.stolen_again" not in await _event_kinds(world)

    world.clock.passed_s = 61
    await world.enrol(world.box("another"), secret)

    _, page = await world.call("GET", "/events?limit=1")
    (event,) = cast("list[dict[str, object]]", page["items"])
    assert (event["kind"], event["severity"]) == ("token.stolen_again", "alarm")
    assert {"count": 4, "name": "another"}.items() <= cast(
        "dict[str, object]", event["params"]
    ).items()
    _, page = await world.call("GET", "/enrolment-tokens")
    (token,) = cast("list[dict[str, object]]", page["items"])
    assert (token["state"], token["thefts"]) == ("stolen", 5)


async def test_of_twenty_racing_boxes_exactly_one_gets_a_certificate(world: World) -> None:
    _, secret = await world.token()

    answers = await asyncio.gather(*(world.enrol(world.box(f"b{n}"), secret) for n in range(20)))

    assert sorted(status for status, _ in answers) == [200] + [409] * 19
    _, page = await world.call("GET", "/nodes")
    assert page["total"] == 1


async def test_twenty_racing_requests_of_one_box_get_the_same_certificate(world: World) -> None:
    _, secret = await world.token()
    box = world.box()

    answers = await asyncio.gather(*(world.enrol(box, secret) for _ in range(20)))

    assert {status for status, _ in answers} == {200}
    assert len({str(body["certificate"]) for _, body in answers}) == 1


async def test_a_box_waits_for_a_person_where_the_token_says_so(world: World) -> None:
    _, secret = await world.token(approval="manual")
    box = world.box()

    status, body = await world.enrol(box, secret)
    assert status == 202
    assert body["retry_after_s"]
    _, node = await world.call("GET", f"/nodes/{box.node_id}")
    assert node["state"] == "pending"

    _, done = await world.call("POST", "/nodes:batch", {"action": "approve", "ids": [box.node_id]})
    assert done == {"results": [{"id": box.node_id, "status": 200}]}
    assert (await world.enrol(box, secret))[0] == 200


async def test_a_box_takes_the_name_and_the_labels_of_the_node_that_it_replaces(
    world: World,
) -> None:
    dead, fresh = world.box("press-4"), world.box("spare")
    await world.enrol(dead, (await world.token(labels={"site": "north", "line": "a"}))[1])
    _, secret = await world.token(replaces=dead.node_id, labels={"line": "b"})

    status, answer = await world.enrol(fresh, secret)
    again = await world.enrol(fresh, secret)

    assert (status, again[0]) == (200, 200)
    assert answer["replaces"] == again[1]["replaces"] != ""
    assert world.mesh.denied == {dead.node_id}
    assert (await _event_kinds(world)).count("node.replaced") == 1
    _, node = await world.call("GET", f"/nodes/{fresh.node_id}")
    assert (node["name"], node["labels"]) == ("press-4", {"site": "north", "line": "b"})
    _, gone = await world.call("GET", f"/nodes/{dead.node_id}")
    assert gone["state"] == "denied"


async def test_a_node_whose_place_is_to_be_taken_stays_until_the_box_is_approved(
    world: World,
) -> None:
    dead, fresh = world.box("press-4"), world.box("spare")
    await world.enrol(dead, (await world.token())[1])
    _, secret = await world.token(replaces=dead.node_id, approval="manual")

    assert (await world.enrol(fresh, secret))[0] == 202
    assert world.mesh.denied == set()
    await world.call("POST", "/nodes:batch", {"action": "approve", "ids": [fresh.node_id]})
    assert (await world.enrol(fresh, secret))[0] == 200
    assert world.mesh.denied == {dead.node_id}


async def test_a_box_that_was_not_dead_does_not_replace_itself(world: World) -> None:
    box = world.box()
    await world.enrol(box, (await world.token())[1])
    _, secret = await world.token(replaces=box.node_id)

    status, answer = await world.enrol(box, secret)

    assert (status, "replaces" in answer) == (200, False)
    assert world.mesh.denied == set()


async def test_a_token_replaces_one_node_of_its_own_project(world: World) -> None:
    unknown = {"replaces": "ab" * 16}
    assert (await world.call("POST", "/enrolment-tokens", unknown))[0] == 404
    several = {"replaces": "ab" * 16, "max_uses": 2}
    status, problem = await world.call("POST", "/enrolment-tokens", several)
    assert (status, problem["detail"]) == (400, "a token that replaces a node admits one box")


async def test_a_denied_box_stays_out_with_any_token(world: World) -> None:
    _, secret = await world.token(approval="manual")
    box = world.box()
    await world.enrol(box, secret)

    assert (await world.call("DELETE", f"/nodes/{box.node_id}"))[0] == 204

    assert (await world.enrol(box, secret))[0] == 403
    assert (await world.enrol(box, (await world.token())[1]))[0] == 403
    assert world.mesh.denied == {box.node_id}


async def test_a_token_that_is_unknown_revoked_or_old_is_refused(world: World) -> None:
    token_id, revoked = await world.token()
    await world.call("DELETE", f"/enrolment-tokens/{token_id}")
    _, old = await world.token(ttl_s=60)
    world.clock.passed_s += 61

    assert (await world.enrol(world.box(), secrets.token_hex(8)))[0] == 403
    assert (await world.enrol(world.box(), revoked))[0] == 410
    status, problem = await world.enrol(world.box(), old)
    assert status == 410
    assert {"type", "title", "status", "detail"} <= problem.keys()


async def test_hostile_bytes_are_refused_as_a_bad_request(world: World) -> None:
    url = f"https://{world.hub.enrol}/enrol"
    for data in (
        b"",
        b"[" * 5000,
        b'{"secret": 1}',
        b"\xff",
        b'{"secret":"","csr":"x","nonce":"y"}',
    ):
        async with world.browser.post(url, data=data, ssl=False) as reply:
            assert reply.status == 400, data[:20]
            assert reply.content_type == "application/problem+json"
    async with world.browser.post(url, data=b" " * 20_000, ssl=False) as reply:
        assert reply.status == 413


async def test_a_node_that_is_allowed_again_may_use_a_new_token(world: World) -> None:
    _, secret = await world.token()
    box = world.box("press")
    await world.enrol(box, secret)
    order = {"ids": [box.node_id], "action": "deny"}
    await world.call("POST", "/nodes:batch", order)
    assert (await world.enrol(box, (await world.token())[1]))[0] == 403

    _, done = await world.call("POST", "/nodes:batch", {**order, "action": "allow"})
    assert done == {"results": [{"id": box.node_id, "status": 200}]}
    assert world.mesh.denied == set()
    assert (await world.call("GET", f"/nodes/{box.node_id}"))[1]["state"] == "offline"
    assert (await world.enrol(box, (await world.token())[1]))[0] == 200
    assert "node.allowed" in await _event_kinds(world)
    _, again = await world.call("POST", "/nodes:batch", {**order, "action": "allow"})
    assert "is not denied" in str(again["results"])

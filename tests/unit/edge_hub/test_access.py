from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from cantor.base.address import Address
from edge_hub.access import Access
from edge_hub.database import Database
from edge_hub.events import Scope
from edge_hub.routing import PREFIX
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.edge_hub.conftest import HandClock, World


async def test_a_sign_in_link_works_once(stranger: World) -> None:
    ticket = (await stranger.hub.sign_in_link()).partition("#ticket=")[2]

    assert (await stranger.call("POST", "/sign-in", {"ticket": ticket}))[0] == 204
    assert (await stranger.call("POST", "/sign-in", {"ticket": ticket}))[0] == 401


async def test_a_sign_in_link_grows_old(stranger: World) -> None:
    ticket = (await stranger.hub.sign_in_link()).partition("#ticket=")[2]
    stranger.clock.passed_s += 16 * 60

    assert (await stranger.call("POST", "/sign-in", {"ticket": ticket}))[0] == 401


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: World) -> None:
    ticket = (await stranger.hub.sign_in_link()).partition("#ticket=")[2]
    url = stranger.url("/sign-in")
    sent = stranger.browser.post(url, json={"ticket": ticket}, headers=stranger.unsafe)
    async with sent as reply:
        cookie = reply.headers["Set-Cookie"]

    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie


async def test_over_https_the_browser_ties_the_cookie_to_this_host(
    tmp_path: Path, clock: HandClock
) -> None:
    settings = HubSettings(tmp_path, console=Address("hub.example", 443))
    database = await Database.open(tmp_path / "x.sqlite3", tenant="t", project="p")
    access = Access(database, settings, clock, home=Scope("t", "p"))
    response = web.Response()

    access.set_cookie(response, "secret")
    await database.close()

    cookie = response.cookies["__Host-cantor_session"].OutputString()
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie


async def test_secrets_are_not_in_the_database(world: World) -> None:
    (cookie,) = list(world.browser.cookie_jar)
    _, secret = await world.token()
    folder = world.hub.settings.data
    kept = b"".join(path.read_bytes() for path in folder.glob("hub.sqlite3*"))

    assert cookie.value.encode() not in kept
    assert secret.encode() not in kept


async def test_a_session_tells_who_is_signed_in_and_ends(world: World) -> None:
    status, who = await world.call("GET", "/session")
    assert status == 200
    assert who["mesh"] == "plant.example"
    assert who["tenants"] == [{"id": "default", "name": "default"}]

    (cookie,) = list(world.browser.cookie_jar)
    assert (await world.call("POST", "/sign-out"))[0] == 204
    stolen = {"Cookie": f"{cookie.key}={cookie.value}"}
    assert (await world.call("GET", "/session", **stolen))[0] == 401


async def test_an_idle_session_ends(world: World) -> None:
    world.clock.passed_s += 8 * 3600 - 1
    assert (await world.call("GET", "/session"))[0] == 200
    world.clock.passed_s += 8 * 3600
    assert (await world.call("GET", "/session"))[0] == 401


async def test_every_route_refuses_without_a_session(stranger: World) -> None:
    _, document = await stranger.call("GET", "/openapi.json")
    paths = document["paths"]
    assert isinstance(paths, dict)
    refused = []
    for path, operations in paths.items():
        for method, operation in operations.items():
            if operation.get("security") == []:
                continue
            url = re.sub(r"\{\w+\}", "0", path.removeprefix(PREFIX))
            status, problem = await stranger.call(method.upper(), url)
            assert status == 401, (method, path)
            assert problem["type"] == "urn:cantor:problem:not-signed-in"
            refused.append(path)
    assert len(refused) >= 24


async def test_who_may_only_look_changes_nothing(stranger: World) -> None:
    await stranger.sign_in("viewer")

    assert (await stranger.call("GET", "/nodes"))[0] == 200
    for method, path in (("POST", "/enrolment-tokens"), ("DELETE", "/deployments/x")):
        status, problem = await stranger.call(method, path, {})
        assert (status, problem["title"]) == (403, "Not allowed")
    assert (await stranger.call("POST", "/sign-out"))[0] == 204


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"X-Cantor-Request": "0"},
    ],
)
async def test_an_unsafe_request_from_elsewhere_is_refused(
    world: World, headers: dict[str, str]
) -> None:
    assert (await world.call("POST", "/enrolment-tokens", {}, **headers))[0] == 403


async def test_a_request_under_a_foreign_name_is_refused(world: World) -> None:
    status, problem = await world.call("GET", "/session", Host="evil.example")

    assert status == 421
    assert problem["title"] == "Wrong host"

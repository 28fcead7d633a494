"""Tasks of two real agents, as the console of a real hub sees and ends them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.identity.authority_folder import save_authority
from edge_hub.app import start_hub
from edge_hub.membership import join_mesh
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from edge_hub.app import Hub
    from edge_hub.mesh_view import MeshView

pytestmark = pytest.mark.integration
LOOPBACK = Address("127.0.0.1", 0)
SOON_S = 30.0


class Console:
    """A browser that is signed in to the hub."""

    def __init__(self, hub: Hub, browser: aiohttp.ClientSession) -> None:
        self._origin = hub.origin
        self._browser = browser
        self._headers = {"Origin": self._origin, "X-Cantor-Request": "1"}

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        url = f"{self._origin}/api/v1{path}"
        async with self._browser.request(method, url, json=body, headers=self._headers) as reply:
            return reply.status, await reply.json(content_type=None)

    async def follow(self, until_it_holds: Callable[[dict[str, dict[str, Any]]], bool]) -> None:
        """Watch the tasks until what is shown is so."""
        shown: dict[str, dict[str, Any]] = {}
        url = f"{self._origin}/api/v1/stream"
        async with (
            asyncio.timeout(SOON_S),
            self._browser.ws_connect(url, origin=self._origin) as socket,
        ):
            await socket.send_json({"type": "subscribe", "topics": ["tasks"]})
            while not until_it_holds(shown):
                message = await socket.receive_json()
                if message.get("topic") == "tasks":
                    for one in message.get("items") or message["upserts"]:
                        shown[one["id"]] = one
                    for name in message.get("removed", ()):
                        shown.pop(name, None)


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path)
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant", "--sandbox", "none",
                    "--resource", "Camera9==1")  # fmt: skip
        boxes.until_known("desk", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
async def console(tmp_path: Path, boxes: Boxes) -> AsyncIterator[Console]:
    settings = HubSettings(
        tmp_path / "hub", LOOPBACK, LOOPBACK, mesh=("127.0.0.1:0",), interfaces=("127.0.0.1",),
        seeds=(boxes["desk"].address,),
    )  # fmt: skip
    save_authority(boxes.authority, settings.authority_folder)
    async with AsyncExitStack() as stack:
        membership = await join_mesh(settings, boxes.authority)
        stack.push_async_callback(membership.close)
        hub = await start_hub(
            settings, boxes.authority, membership.view, clock=SystemClock(), tasks=membership.tasks
        )
        stack.push_async_callback(hub.close)
        jar = aiohttp.CookieJar(unsafe=True)
        browser = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        console = Console(hub, browser)
        ticket = (await hub.sign_in_link()).partition("#ticket=")[2]
        assert (await console.call("POST", "/sign-in", {"ticket": ticket}))[0] == 204
        await sees(membership.view, "desk", "wall")
        yield console


async def sees(view: MeshView, *names: str) -> None:
    """Wait until the hub can reach these nodes."""
    changed = asyncio.Event()
    end = view.subscribe(changed.set)
    async with asyncio.timeout(SOON_S):
        while set(names) - {one.name for one in view.nodes().values() if one.state == "online"}:
            await changed.wait()
            changed.clear()
    end()


async def test_a_task_is_seen_told_and_ended_in_the_console(
    boxes: Boxes, console: Console, tmp_path: Path
) -> None:
    begun = tmp_path / "begun"
    connection = await asyncio.to_thread(cantor.connect, boxes["desk"].folder)
    try:
        task = cantor.task(needs="Camera9 == 1")(jobs.note_and_wait)
        future = task.submit(str(begun), jobs.NEVER)
        await asyncio.to_thread(until, begun.exists)

        await console.follow(
            lambda shown: (
                [one["state"] for one in shown.values() if one["kind"] == "task"] == ["runs"]
            )
        )
        _, listed = await console.call("GET", "/tasks?state=runs")
        (row,) = listed["items"]
        assert (row["name"], row["home"]["name"]) == ("note_and_wait", "desk")
        assert row["node"]["name"] == "wall"
        assert (listed["counts"]["runs"], listed["missing"]) == (1, [])
        _, story = await console.call("GET", f"/tasks/{row['id']}")
        assert story["attempts"][0]["worker"] > 0
        assert story["principal"]["name"] == "desk"

        status, ended = await console.call("POST", f"/tasks/{row['id']}/cancel")
        assert (status, ended["state"]) == (200, "cancelled")
        await asyncio.to_thread(until, future.cancelled)
        await console.follow(
            lambda shown: (
                [one["state"] for one in shown.values() if one["kind"] == "task"] == ["cancelled"]
            )
        )
        assert (await console.call("POST", f"/tasks/{row['id']}/cancel"))[0] == 409
        _, happened = await console.call("GET", "/events")
        assert "task.cancelled" in [one["kind"] for one in happened["items"]]
        assert (await console.call("GET", f"/tasks/{row['id'][:32]}-99-1"))[0] == 404
    finally:
        await asyncio.to_thread(connection.close, kill=True)


async def test_pages_go_through_all_nodes_in_order(boxes: Boxes, console: Console) -> None:
    def submit(name: str, numbers: range) -> None:
        with cantor.connect(boxes[name].folder):
            for number in numbers:
                assert cantor.task(jobs.add).submit(number, 1).result(SOON_S) == number + 1

    for name, numbers in (("desk", range(3)), ("wall", range(2)), ("desk", range(2))):
        await asyncio.to_thread(submit, name, numbers)
    seen: list[dict[str, Any]] = []
    cursor = ""
    while True:
        path = f"/tasks?function=add&limit=2{cursor and f'&cursor={cursor}'}"
        _, listed = await console.call("GET", path)
        seen += listed["items"]
        cursor = listed["next"]
        if not cursor:
            break

    assert [one["home"]["name"] for one in seen] == ["desk"] * 2 + ["wall"] * 2 + ["desk"] * 3
    assert [one["submitted_at"] for one in seen] == sorted(
        (one["submitted_at"] for one in seen), reverse=True
    )
    assert listed["counts"]["done"] == 7

"""A hub and a box, both real agents: a pipeline is deployed, watched and stopped over the API."""

from __future__ import annotations

import asyncio
import datetime as dt
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings
from edge_hub.app import start_hub
from edge_hub.membership import join_mesh
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

pytestmark = pytest.mark.integration

LOOPBACK = Address("127.0.0.1", 0)
PATTERN: dict[str, Any] = {
    "name": "pattern",
    "filters": {
        "pattern": {"type": "test_pattern", "params": {"count": 0}},
        "preview": {"type": "mjpeg_preview"},
        "count": {"type": "count"},
    },
    "connections": [
        {"from": "pattern.image", "to": "preview.image", "kind": "weak"},
        {"from": "pattern.image", "to": "count.frame"},
    ],
}


@dataclass
class Console:
    """A browser that has signed in to a hub."""

    browser: aiohttp.ClientSession
    origin: str
    boxes: dict[str, Agent]

    def url(self, path: str) -> str:
        return f"{self.origin}/api/v1{path}"

    async def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 (JSON)
        headers = {"Origin": self.origin, "X-Cantor-Request": "1"}
        sent = self.browser.request(method, self.url(path), json=body, headers=headers)
        async with sent as reply:
            found = await reply.json(content_type=None)
            assert reply.status < 300, found
            return found

    async def wait(self, path: str, **wanted: object) -> dict[str, Any]:
        """What is there once its fields are as wanted."""
        async with asyncio.timeout(40):
            while True:
                found: dict[str, Any] = await self.call("GET", path)
                if all(found[name] == value for name, value in wanted.items()):
                    return found
                await asyncio.sleep(0.05)

    async def told(self, *kinds: str) -> dict[str, Any]:
        """The params of the latest events by kind, once these kinds are among them."""
        async with asyncio.timeout(20):
            while True:
                events = await self.call("GET", "/events")
                found = {one["kind"]: one["params"] for one in events["items"]}
                if found.keys() >= set(kinds):
                    return found
                await asyncio.sleep(0.05)


@asynccontextmanager
async def console_of(folder: Path) -> AsyncIterator[Console]:
    """A hub in a mesh with two boxes beside it."""
    authority = Authority.create("plant.example", now=dt.datetime.now(dt.UTC))
    at = ("127.0.0.1:0",)
    settings = HubSettings(folder / "hub", LOOPBACK, LOOPBACK, mesh=at, interfaces=("127.0.0.1",))
    async with AsyncExitStack() as stack:
        membership = await join_mesh(settings, authority)
        stack.push_async_callback(membership.close)
        seeds = tuple(membership.view.seeds())
        boxes: dict[str, Agent] = {}
        for name in ("press", "dock"):
            box = IdentityFolder(folder / name)
            box.install(authority.issue(box.csr_pem(), now=dt.datetime.now(dt.UTC)))
            given = AgentSettings(
                box.path,
                name=name,
                listen=at,
                seeds=seeds,
                is_discovering=False,
                interfaces=("127.0.0.1",),
            )
            boxes[name] = Agent(given)
            await boxes[name].start()
            stack.push_async_callback(boxes[name].close)
        hub = await start_hub(
            settings,
            authority,
            membership.view,
            clock=SystemClock(),
            pipelines=membership.pipelines,
        )
        stack.push_async_callback(hub.close)
        jar = aiohttp.CookieJar(unsafe=True)
        browser = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=jar))
        console = Console(browser, f"http://{hub.console}", boxes)
        ticket = (await hub.sign_in_link()).partition("#ticket=")[2]
        await console.call("POST", "/sign-in", {"ticket": ticket})
        yield console


def names_of(deployment: dict[str, Any]) -> set[str]:
    """What the nodes are called on which its filters run."""
    return {deployment["node_names"][node] for node in deployment["nodes"].values()}


async def test_a_pipeline_runs_on_a_box_and_is_watched_from_the_hub(tmp_path: Path) -> None:
    async with console_of(tmp_path) as console:
        made = await console.call("POST", "/deployments", {"pipeline": PATTERN})
        path = f"/deployments/{made['id']}"
        running = await console.wait(path, state="running")
        assert names_of(running) <= {"press", "dock"}
        async with console.browser.get(console.url(f"{path}/preview/preview")) as pictures:
            async with asyncio.timeout(20):
                head = await pictures.content.readuntil(b"\xff\xd8")
        assert b"X-Captured-At: " in head
        shown = await console.call("GET", path)
        assert shown["figures"]["filters"]["count"]["frames_in"] > 0

        stopped = await console.call("POST", f"{path}/stop")
        assert stopped["wanted"] == "stopped"
        await console.wait(path, state="stopped")
        await console.call("DELETE", path)
        assert (await console.call("GET", "/deployments"))["items"] == []
        await console.told("deployment.started", "deployment.stopped", "deployment.removed")


async def test_a_lost_box_is_told_and_another_takes_over(tmp_path: Path) -> None:
    async with console_of(tmp_path) as console:
        together = [{"from": "pattern.image", "to": "count.frame"}]
        filters = {"pattern": PATTERN["filters"]["pattern"], "count": {"type": "count"}}
        wish = {"pipeline": {"filters": filters, "connections": together}}
        path = f"/deployments/{(await console.call('POST', '/deployments', wish))['id']}"
        running = await console.wait(path, state="running")
        (lost,) = names_of(running)
        (other,) = {"press", "dock"} - {lost}

        await console.boxes[lost].close()
        there = console.boxes[other].node_id
        await console.wait(path, state="running", nodes=dict.fromkeys(filters, there))
        told = await console.told("deployment.node_lost", "deployment.moved")
    assert told["deployment.node_lost"]["node"] == lost
    assert (told["deployment.moved"]["source"], told["deployment.moved"]["target"]) == (lost, other)

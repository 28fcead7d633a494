from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from cantor.base.ids import NodeId
from edge_hub.mesh_view import LiveNode

if TYPE_CHECKING:
    from aiohttp import ClientWebSocketResponse
    from tests.unit.edge_hub.conftest import World

NODE = NodeId("a" * 32)


async def _next(socket: ClientWebSocketResponse, kind: str, topic: str) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while True:
            message: dict[str, Any] = await socket.receive_json()
            if (message["type"], message.get("topic", "")) == (kind, topic):
                return message


async def test_a_console_gets_a_snapshot_and_then_what_changes(world: World) -> None:
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        assert await socket.receive_json() == {"type": "hello", "protocol": 1}
        before = await _next(socket, "snapshot", "nodes")
        await _next(socket, "snapshot", "events")
        world.mesh.put(LiveNode(NODE, "online", name="press"))
        change = await _next(socket, "delta", "nodes")

    assert before["items"] == []
    assert change["seq"] == before["seq"] + 1
    assert [node["name"] for node in change["upserts"]] == ["press"]
    assert change["removed"] == []


async def test_a_lost_node_becomes_an_event(world: World) -> None:
    world.mesh.put(LiveNode(NODE, "online", name="press"))
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await _next(socket, "snapshot", "events")
        world.mesh.put(LiveNode(NODE, "offline", name="press"))
        change = await _next(socket, "delta", "events")

    assert [event["kind"] for event in change["upserts"]] == ["node.lost"]


async def test_a_console_may_leave_topics_and_come_back_to_them(world: World) -> None:
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await _next(socket, "snapshot", "events")
        await socket.send_json({"type": "subscribe", "topics": ["events"]})
        await socket.send_json({"type": "subscribe", "topics": ["events", "nodes"]})
        assert (await _next(socket, "snapshot", "nodes"))["items"] == []


async def test_signing_out_closes_the_stream(world: World) -> None:
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await _next(socket, "snapshot", "events")
        await world.call("POST", "/sign-out")
        async with asyncio.timeout(5):
            assert (await socket.receive()).type is WSMsgType.CLOSE


async def test_nonsense_closes_the_stream(world: World) -> None:
    async with world.browser.ws_connect(world.url("/stream"), origin=world.origin) as socket:
        await _next(socket, "snapshot", "events")
        await socket.send_str("[")
        async with asyncio.timeout(5):
            assert (await socket.receive()).type is WSMsgType.CLOSE


async def test_a_page_of_another_origin_gets_no_stream(world: World) -> None:
    with pytest.raises(WSServerHandshakeError) as refused:
        await world.browser.ws_connect(world.url("/stream"), origin="http://evil.example")

    assert refused.value.status == 403


async def test_the_stream_speaks_websocket_only(world: World) -> None:
    assert (await world.call("GET", "/stream"))[0] == 426

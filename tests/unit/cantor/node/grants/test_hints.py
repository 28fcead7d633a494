"""What a node says of its grants to all: how much is taken, and how many wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cantor.base.ids import NodeId
from cantor.base.resources import Resource
from cantor.node.fake import FakeMesh
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.node.fake import FakeNode
    from cantor.node.view import NodeView

WALL = NodeId("a" * 32)


async def until(node: FakeNode, waiting: dict[str, int], taken: int) -> NodeView:
    changed = asyncio.Event()
    node.subscribe(changed.set)
    async with asyncio.timeout(5):
        while True:
            view = node.nodes()[0]
            if view.waiting == waiting and view.taken.get("run", {}).get("GPU", 0) == taken:
                return view
            await changed.wait()
            changed.clear()


async def test_taken_and_waiting_are_said_and_taken_back(tmp_path: Path) -> None:
    node = FakeMesh().add(WALL, tmp_path, resources=[Resource("GPU", "quantity", 2)])
    held = await node.reserve("run/1", 1, {WALL: parse("GPU = 2")}).held(5)
    waits = node.reserve("run/2", 1, {WALL: parse("GPU = 1 or GPU = 2")})

    view = await until(node, {"GPU": 1}, 2)
    assert [one.value for one in view.free() if one.name == "GPU"] == [0]

    waits.drop()
    await held.release()
    await until(node, {}, 0)
    await node.grants.close()

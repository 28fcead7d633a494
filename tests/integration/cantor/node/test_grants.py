"""Grants between agents with real links and a real disk."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import GrantError
from cantor.base.resources import Device, Resource
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

pytestmark = pytest.mark.integration
WAIT_S = 20.0
GPU = Device("gpu-1", "gpu", "A GPU", provides=(Resource("GPU", "quantity", 1),))


class OneGpu:
    """A machine with one GPU."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [GPU], list(GPU.provides)


class Pair:
    """Two agents of one mesh; ``wall`` may end and begin again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self.agents: dict[str, Agent] = {}

    async def start(self, name: str, seeds: tuple[str, ...] = ()) -> Agent:
        box = IdentityFolder(self.folder / name)
        if not box.enrolled:
            box.install(self.authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        settings = AgentSettings(
            self.folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=seeds,
            is_discovering=False,
            interfaces=("127.0.0.1",),
            resources=(Resource("Licence", "quantity", 2),),
        )
        agent = self.agents[name] = Agent(settings, inventory=OneGpu(), services={})
        await agent.start()
        return agent

    async def stop(self, name: str) -> None:
        await self.agents.pop(name).close()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    pair = Pair(tmp_path)
    wall = await pair.start("wall")
    await pair.start("roof", wall.addresses[:1])
    yield pair
    for name in list(pair.agents):
        await pair.stop(name)


async def until(agent: Agent, holds: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await changed.wait()
            changed.clear()
    end()


async def test_a_unit_of_another_node_is_held_over_its_restart(pair: Pair) -> None:
    wall, roof = pair.agents["wall"], pair.agents["roof"]
    await until(roof, lambda: wall.node_id in roof.alive())
    wants = {wall.node_id: parse("GPU = 1 and Licence = 1")}
    held = await roof.reserve("task/1", 1, wants).held(WAIT_S)
    lease = held.leases[wall.node_id]
    assert lease.units == {"GPU": ("gpu-1",)}
    with pytest.raises(GrantError, match="held by task/1"):
        await wall.reserve("task/2", 1, wants, may_wait=False).held(WAIT_S)

    await pair.stop("wall")
    again = await pair.start("wall", roof.addresses[:1])
    assert held.is_held
    with pytest.raises(GrantError, match="held by task/1"):
        await again.reserve("task/3", 1, wants, may_wait=False).held(WAIT_S)

    other = again.reserve("task/4", 1, wants)
    await until(again, lambda: roof.node_id in again.alive())
    await held.release()
    await other.held(WAIT_S)
    assert other.leases[again.node_id].token > lease.token


async def test_what_is_taken_is_known_to_all_as_a_hint(pair: Pair) -> None:
    wall, roof = pair.agents["wall"], pair.agents["roof"]
    await wall.reserve("task/1", 1, {wall.node_id: parse("Licence = 2")}).held(WAIT_S)

    def free() -> dict[str, object]:
        views = [view for view in roof.nodes() if view.id == wall.node_id]
        return {one.name: one.value for view in views for one in view.free()}

    await until(roof, lambda: free() == {"GPU": 1, "Licence": 0})

"""Agents of one mesh with real links and real disks, in this process; each may begin again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cantor.base.resources import Resource
    from cantor.node.hardware import Inventory

WAIT_S = 20.0


class Site:
    """The agents by the name of their folder."""

    def __init__(self, folder: Path, inventory: Inventory | None = None) -> None:
        self.folder = folder
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self.agents: dict[str, Agent] = {}
        self._inventory = inventory

    async def start(
        self,
        name: str,
        seeds: tuple[str, ...] = (),
        *,
        resources: tuple[Resource, ...] = (),
        shared: Mapping[str, int] | None = None,
    ) -> Agent:
        """Run an agent; one that shares quantities is an issuer as well."""
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
            resources=resources,
            shared=dict(shared or {}),
        )
        agent = self.agents[name] = Agent(
            settings,
            inventory=self._inventory,
            services={},
            authority=self.authority if shared else None,
        )
        await agent.start()
        return agent

    async def stop(self, name: str) -> None:
        """End an agent; its folder stays."""
        await self.agents.pop(name).close()

    async def close(self) -> None:
        """End all."""
        for name in list(self.agents):
            await self.stop(name)


async def until(agent: Agent, holds: Callable[[], bool]) -> None:
    """Wait for the agent's view to change until the condition holds."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(WAIT_S):
        while not holds():
            await changed.wait()
            changed.clear()
    end()

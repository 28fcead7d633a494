"""Agents of a mesh with issuers and without a hub, in this process."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from cantor.identity.authority import LEAF_LIFE, Authority
from cantor.identity.authority_folder import save_authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.base.resources import Device, Resource
    from cantor.mesh.core import MeshCore
    from cantor.mesh.effects import Effect
    from cantor.mesh.events import Event

WAIT_S = 20.0


class NoHardware:
    """A machine with nothing."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []


class ShiftedClock:
    """A steady clock, and a wall clock that a test sets."""

    def __init__(self, ahead_s: float = 0.0) -> None:
        self.ahead_s = ahead_s

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time() + self.ahead_s


class Mesh:
    """The boxes of one mesh; each is known by the name of its folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self.clocks: dict[str, ShiftedClock] = {}
        self.agents: dict[str, Agent] = {}

    def certify(
        self,
        name: str,
        *,
        life: timedelta = LEAF_LIFE,
        age: timedelta = timedelta(0),
        ended: timedelta | None = None,
    ) -> IdentityFolder:
        """Give a box a certificate, which is so old or ended so long ago if that is given."""
        box = IdentityFolder(self.folder / name)
        now = datetime.now(UTC) - (ended + life if ended is not None else age)
        box.install(self.authority.issue(box.csr_pem(), now=now, life=life))
        return box

    async def start(
        self, name: str, *, is_issuer: bool = False, seeds: tuple[str, ...] = (), enrol: str = ""
    ) -> Agent:
        """Run a box that has a certificate; an issuer keeps the authority in its folder."""
        if is_issuer:
            save_authority(self.authority, self.folder / name / "authority")
        clock = self.clocks.setdefault(name, ShiftedClock())
        settings = AgentSettings(
            self.folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=seeds,
            is_discovering=False,
            interfaces=("127.0.0.1",),
            enrol=enrol,
        )
        agent = self.agents[name] = Agent(
            settings, clock=clock, inventory=NoHardware(), services={}
        )
        await agent.start()
        return agent

    async def stop(self, name: str) -> None:
        """End a box's agent."""
        await self.agents.pop(name).close()


@pytest.fixture
async def mesh(tmp_path: Path) -> AsyncIterator[Mesh]:
    mesh = Mesh(tmp_path)
    yield mesh
    for name in list(mesh.agents):
        await mesh.stop(name)


async def until(agent: Agent, holds: Callable[[], bool]) -> None:
    """Wait for the agent's view to change until the condition holds."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    try:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                await changed.wait()
                changed.clear()
    finally:
        end()


class Steps:
    """Wakes who waits after each event that the mesh cores of some agents have handled.

    What counters, certificates and digests say changes with these events, and tells nobody.
    """

    def __init__(self, *agents: Agent) -> None:
        self._handled = asyncio.Event()
        for agent in agents:
            self._watch(agent._core)

    def _watch(self, core: MeshCore) -> None:
        handle = core.handle

        def handled(event: Event, now: float) -> list[Effect]:
            self._handled.set()
            return handle(event, now)

        core.handle = handled  # type: ignore[method-assign]

    async def next(self) -> None:
        """Wait for one."""
        self._handled.clear()
        await self._handled.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until the condition holds."""
        async with asyncio.timeout(WAIT_S):
            while not holds():
                await self.next()


def states(agent: Agent) -> dict[str, str]:
    """What an agent says of the nodes it knows, by name."""
    return {view.name: view.state for view in agent.nodes()}

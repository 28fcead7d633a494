"""A real hub and real boxes on loopback: wrong clocks, a restored hub, a node that was denied."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.base.errors import EnrolmentError
from cantor.cli.enrolment import enrol_patiently
from cantor.identity.authority import Authority
from cantor.identity.authority_folder import load_authority, save_authority
from cantor.identity.client import enrol
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken
from cantor.node.agent import Agent
from cantor.node.memory import NodeMemory
from cantor.node.settings import AgentSettings
from edge_hub.app import start_hub
from edge_hub.backup import backup, restore
from edge_hub.database import Database
from edge_hub.fleet import Fleet
from edge_hub.membership import join_mesh
from edge_hub.schemas import NewToken
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.base.ids import NodeId
    from edge_hub.app import Hub
    from edge_hub.mesh_view import MeshView

pytestmark = pytest.mark.integration

LOOPBACK = Address("127.0.0.1", 0)
WAIT_S = 20.0
TEN_YEARS_S = 10 * 365 * 86_400.0


class WrongClock:
    """A clock that says ``start_s`` at each boot of the box."""

    def __init__(self, start_s: float) -> None:
        self._start_s = start_s
        self._booted_s = time.monotonic()

    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return self._start_s + time.monotonic() - self._booted_s


@dataclass
class RunningHub:
    """A hub that is a node of its mesh."""

    settings: HubSettings
    authority: Authority
    hub: Hub
    view: MeshView
    stack: AsyncExitStack

    @property
    def node_id(self) -> NodeId:
        return IdentityFolder(self.settings.node_folder).node_id

    async def token(self, uses: int = 1) -> EnrolmentToken:
        made = await self.hub.tokens.create(self.hub.scope, NewToken(max_uses=uses), by="owner")
        return EnrolmentToken.parse(made.token)

    async def deny(self, node_id: str) -> None:
        home = self.hub.scope
        database = await Database.open(
            self.settings.database_path, tenant=home.tenant, project=home.project
        )
        await Fleet(database, self.view, SystemClock(), home=home).deny(home, node_id)
        await database.close()

    def sees(self, node: NodeId) -> bool:
        found = self.view.nodes().get(node)
        return found is not None and found.state == "online"


class Place:
    """A folder of hubs and boxes; all of them are closed at the end."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self._stack = stack

    async def hub(self, settings: HubSettings) -> RunningHub:
        stack = await self._stack.enter_async_context(AsyncExitStack())
        if not settings.authority_folder.exists():
            save_authority(
                Authority.create("plant", now=datetime.now(UTC)), settings.authority_folder
            )
        authority = load_authority(settings.authority_folder)
        membership = await join_mesh(settings, authority)
        stack.push_async_callback(membership.close)
        hub = await start_hub(settings, authority, membership.view, clock=SystemClock())
        stack.push_async_callback(hub.close)
        return RunningHub(settings, authority, hub, membership.view, stack)

    async def box(self, name: str, *, seeds: list[str], clock: Clock | None = None) -> Agent:
        settings = AgentSettings(
            self.folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=tuple(seeds),
            is_discovering=False,
            interfaces=("127.0.0.1",),
        )
        agent = Agent(settings, clock=clock, services={})
        self._stack.push_async_callback(agent.close)
        await agent.start()
        return agent

    def identity(self, name: str) -> IdentityFolder:
        return IdentityFolder(self.folder / name)


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        yield Place(tmp_path, stack)


def settings_in(folder: Path) -> HubSettings:
    return HubSettings(folder, LOOPBACK, LOOPBACK, mesh=("127.0.0.1:0",), interfaces=("127.0.0.1",))


async def until(
    subscribe: Callable[[Callable[[], None]], Callable[[], None]], holds: Callable[[], bool]
) -> None:
    """Wait for what is seen to change until the condition holds."""
    changed = asyncio.Event()
    end = subscribe(changed.set)
    try:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                await changed.wait()
                changed.clear()
    finally:
        end()


@pytest.mark.parametrize("start_s", [60.0, time.time() + TEN_YEARS_S], ids=["1970", "+10 years"])
async def test_a_box_with_a_wrong_clock_enrols_links_and_comes_back(
    place: Place, start_s: float
) -> None:
    there = await place.hub(settings_in(place.folder / "hub"))
    folder = place.identity("box")
    identity = await enrol(await there.token(), folder, clock=WrongClock(start_s))

    async def comes_and_goes() -> None:
        box = await place.box("box", seeds=there.view.seeds(), clock=WrongClock(start_s))
        await until(there.view.subscribe, lambda: there.sees(identity.node_id))
        await until(box.subscribe, lambda: there.node_id in box.alive())
        assert {view.name for view in box.nodes()} >= {"box", "hub"}
        await box.close()
        await until(there.view.subscribe, lambda: not there.sees(identity.node_id))

    await comes_and_goes()
    await comes_and_goes()


async def test_a_box_that_enrolled_finds_its_hub_without_seed_or_multicast(place: Place) -> None:
    there = await place.hub(settings_in(place.folder / "hub"))
    token = await there.token()
    clock, folder = SystemClock(), place.identity("box")
    await enrol_patiently(token, folder, name="dock", clock=clock, is_waiting=False)

    box = await place.box("box", seeds=[])

    assert NodeMemory(folder.path).hub().enrol == token.hub
    await until(box.subscribe, lambda: there.node_id in box.alive())


async def test_agents_come_back_to_a_restored_hub_unaided(place: Place) -> None:
    old = await place.hub(settings_in(place.folder / "old"))
    used = await old.token()
    good = await enrol(used, place.identity("good"), clock=SystemClock())
    bad = await enrol(await old.token(), place.identity("bad"), clock=SystemClock())
    box = await place.box("good", seeds=old.view.seeds())
    await until(old.view.subscribe, lambda: old.sees(good.node_id))
    await old.deny(bad.node_id)
    backup(old.settings, place.folder / "plant.backup")
    node_id, (address,) = old.node_id, old.view.seeds()
    await old.stack.aclose()
    await until(box.subscribe, lambda: node_id not in box.alive())

    settings = replace(settings_in(place.folder / "new"), mesh=(address,), enrol=old.hub.enrol)
    restore(settings, place.folder / "plant.backup")
    new = await place.hub(settings)

    assert new.node_id == node_id
    await until(new.view.subscribe, lambda: new.sees(good.node_id))
    await until(box.subscribe, lambda: node_id in box.alive())
    assert (await enrol(used, place.identity("good"), clock=SystemClock())) == good
    with pytest.raises(EnrolmentError, match="another box has used this token"):
        await enrol(used, place.identity("thief"), clock=SystemClock())

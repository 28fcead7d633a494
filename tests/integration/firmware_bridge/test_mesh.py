"""A device behind one agent is a resource for every node of its mesh."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings
from cantor.scheduling.needs import parse
from firmware_bridge.embedded_broker import HOST, EmbeddedBroker
from firmware_bridge.service import make_service
from firmware_bridge.simulated import SimulatedThermometer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.base.resources import Device, Resource

pytestmark = pytest.mark.integration
WAIT_S = 20.0


class BareMachine:
    """A machine without hardware of its own."""

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return [], []


def agent_in(folder: Path, authority: Authority, *seeds: str) -> Agent:
    box = IdentityFolder(folder)
    box.install(authority.issue(box.csr_pem(), now=datetime.now(UTC)))
    settings = AgentSettings(
        folder,
        name=folder.name,
        listen=(f"{HOST}:0",),
        seeds=seeds,
        is_discovering=False,
        interfaces=(HOST,),
    )
    return Agent(settings, inventory=BareMachine(), services={"bridge": make_service})


async def until(agent: Agent, holds: Callable[[], bool]) -> None:
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    try:
        async with asyncio.timeout(WAIT_S):
            while not holds():
                await changed.wait()
                changed.clear()
    finally:
        end()


async def test_another_node_finds_the_sensor_and_loses_it(tmp_path: Path) -> None:
    authority = Authority.create("plant", now=datetime.now(UTC))
    async with EmbeddedBroker() as broker:
        folder = tmp_path / "gateway"
        folder.mkdir()
        text = f"broker: {{host: {HOST}, port: {broker.port}}}\ndevices: [thermometer]\n"
        (folder / "bridge.yaml").write_text(text)
        gateway = agent_in(folder, authority)
        await gateway.start()
        viewer = agent_in(tmp_path / "viewer", authority, *gateway.addresses)
        await viewer.start()
        needs = parse("TemperatureSensor == 1")

        def fitting() -> list[str]:
            return [view.name for view in viewer.nodes() if needs.satisfied_by(view.resources)]

        try:
            with SimulatedThermometer(HOST, broker.port, "t1", interval_s=0.05):
                await until(viewer, lambda: fitting() == ["gateway"])
                (view,) = (view for view in viewer.nodes() if view.name == "gateway")
                assert [device.id for device in view.devices] == ["mqtt/thermometer/t1"]
            await until(viewer, lambda: fitting() == [])
        finally:
            await viewer.close()
            await gateway.close()

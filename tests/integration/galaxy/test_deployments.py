"""Pipelines across nodes: real agents with real links, and real worker processes."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from cantor.base.address import Address
from cantor.base.errors import ConfigError, UnavailableError
from cantor.base.resources import Device, Resource
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.node.agent import Agent
from cantor.node.settings import AgentSettings, Work
from edge_devices.cameras import CameraProvider
from edge_devices.fake import FakeMachine
from edge_devices.registry import Inventory
from galaxy.deployments.service import Deployments
from galaxy.filters.capture import opencv
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from cantor.node.services import ServiceFactory
    from galaxy.deployments.views import DeploymentView

pytestmark = pytest.mark.integration
WAIT_S = 30.0
GALAXY: Mapping[str, ServiceFactory] = {"galaxy": Deployments}
FRAMES = 60


class Machine:
    """A machine with or without a camera."""

    def __init__(self, *, camera: bool) -> None:
        self.camera = camera

    def scan(self) -> tuple[list[Device], list[Resource]]:
        resources = [Resource("Memory", "quantity", 2**32, "B")]
        if self.camera:
            resources.append(Resource("USBCamera", "condition", value=True))
        else:
            resources.append(Resource("Desk", "condition", value=True))
        return [], resources


class Fleet:
    """Agents of one mesh in this process; their workers are processes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority.create("plant", now=datetime.now(UTC))
        self._seeds: tuple[str, ...] = ()
        self.agents: dict[str, Agent] = {}
        self.machines: dict[str, Machine] = {}

    async def add(
        self,
        name: str,
        *,
        camera: bool = False,
        role: str = "",
        work: Work | None = None,
        services: Mapping[str, ServiceFactory] = GALAXY,
    ) -> Agent:
        box = IdentityFolder(self._folder / name)
        if not box.enrolled:
            box.install(self._authority.issue(box.csr_pem(), now=datetime.now(UTC)))
        settings = AgentSettings(
            self._folder / name,
            name=name,
            listen=("127.0.0.1:0",),
            seeds=self._seeds,
            labels={"role": role} if role else {},
            is_discovering=False,
            interfaces=("127.0.0.1",),
            work=work or Work(),
        )
        machine = self.machines.setdefault(name, Machine(camera=camera))
        agent = Agent(settings, inventory=machine, services=services)
        self.agents[name] = agent
        await agent.start()
        self._seeds = self._seeds or agent.addresses
        return agent

    async def remove(self, name: str) -> None:
        await self.agents.pop(name).close()

    def node(self, name: str) -> str:
        return self.agents[name].node_id


def service(agent: Agent) -> Deployments:
    return cast("Deployments", agent.service("galaxy"))


async def until(
    agent: Agent, identity: str, holds: Callable[[DeploymentView], bool]
) -> DeploymentView:
    """Wait for the agent's view of a deployment to change until the condition holds."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    try:
        async with asyncio.timeout(WAIT_S):
            while not holds(view := service(agent).view(identity)):
                await changed.wait()
                changed.clear()
            return view
    except TimeoutError:
        pytest.fail(f"still {service(agent).view(identity)}")
    finally:
        end()


async def all_known(*agents: Agent) -> None:
    for agent in agents:
        changed = asyncio.Event()
        end = agent.subscribe(changed.set)
        async with asyncio.timeout(WAIT_S):
            while len([view for view in agent.nodes() if view.resources]) < len(agents):
                await changed.wait()
                changed.clear()
        end()


def across(
    *, count: int = FRAMES, left: str = "left", right: str = "", live: bool = False
) -> Pipeline:
    """Pictures made on one node, drawn on and collected on another; paced for ever if ``live``."""
    drawn = FilterSpec("test_pattern", {"width": 320, "height": 240, "count": count}, node=left)
    belt = FilterSpec("conveyor", {"paced": True}, node=left)
    filters = {
        "source": belt if live else drawn,
        "overlay": FilterSpec("overlay", node=right),
        "preview": FilterSpec("mjpeg_preview"),
        "collect": FilterSpec("collect"),
    }
    weak = {"kind": "weak", "policy": "latest" if live else "block"}
    ways = (
        {"from": "source.image", "to": "overlay.image", **weak},
        {"from": "overlay.image", "to": "preview.image"},
        {"from": "overlay.image", "to": "collect.frame"},
    )
    return Pipeline("across", filters, tuple(Connection.from_values(way) for way in ways))


async def test_every_frame_of_one_node_arrives_on_another(fleet: Fleet) -> None:
    left = await fleet.add("left")
    right = await fleet.add("right")
    await all_known(left, right)

    view = await service(left).deploy(across(right="right"))
    view = await until(left, view.id, lambda view: view.state == "finished")

    assert (view.nodes["source"], view.nodes["collect"]) == (
        fleet.node("left"),
        fleet.node("right"),
    )
    reports = await service(left).reports(view.id)
    frames = cast("dict[str, list[dict[str, int]]]", reports["collect"])["frames"]
    assert [frame["seq"] for frame in frames] == list(range(FRAMES))
    figures = await service(left).figures(view.id)
    edge = cast("dict[str, dict[str, int]]", figures["edges"])["source.image -> overlay.image"]
    assert (edge["sent"], edge["received"], edge["dropped"], edge["waiting"]) == (
        FRAMES,
        FRAMES,
        0,
        0,
    )


async def test_a_preview_comes_from_the_node_that_makes_it(fleet: Fleet) -> None:
    left = await fleet.add("left")
    hub = await fleet.add("hub", role="hub")
    await all_known(left, hub)

    view = await service(hub).deploy(across(left="", live=True))
    view = await until(hub, view.id, lambda view: view.state == "running")
    first = await service(hub).preview(view.id, "preview", 0)
    second = await service(hub).preview(view.id, "preview", first.number)

    assert set(view.nodes.values()) == {fleet.node("left")}
    assert first.jpeg[:2] == b"\xff\xd8"
    assert second.number > first.number
    with pytest.raises(UnavailableError, match="no node runs it"):
        await service(hub).preview(view.id, "nothing", 0)

    await service(hub).stop(view.id)
    await until(left, view.id, lambda view: view.state == "stopped")


async def test_what_the_lost_node_ran_goes_on_elsewhere_and_the_source_stays(fleet: Fleet) -> None:
    left = await fleet.add("left", camera=True)
    for name in ("right", "spare"):
        await fleet.add(name)
    await all_known(*fleet.agents.values())
    pipeline = across(live=True)
    overlay = FilterSpec("overlay", needs="Desk == 1")  # so it is not where the camera is
    filters = {**pipeline.filters, "overlay": overlay}
    view = await service(left).deploy(Pipeline("apart", filters, pipeline.connections))
    view = await until(left, view.id, lambda view: view.state == "running")
    epoch = next(group for group in view.groups if group.leader == "source")
    lost = next(name for name in ("right", "spare") if fleet.node(name) in view.nodes.values())

    await fleet.remove(lost)
    moved = await until(
        left,
        view.id,
        lambda v: v.state == "running" and v.nodes["collect"] != view.nodes["collect"],
    )

    assert moved.nodes["source"] == view.nodes["source"]
    assert next(group for group in moved.groups if group.leader == "source") == epoch
    before = await service(left).preview(view.id, "preview", 0)
    after = await service(left).preview(view.id, "preview", before.number)
    assert after.number != before.number


async def test_a_killed_worker_comes_back(fleet: Fleet) -> None:
    left = await fleet.add("left")
    view = await service(left).deploy(across(right="left", live=True))
    running = await until(left, view.id, lambda view: view.state == "running")
    pid = service(left).worker_pid(view.id)
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    failed = await until(left, view.id, lambda view: view.state == "failed")
    again = await until(left, view.id, lambda view: view.state == "running")

    assert any("killed by signal 9" in group.error for group in failed.groups)
    assert again.epoch > running.epoch
    assert service(left).worker_pid(view.id) != pid


async def test_a_need_that_nobody_meets_waits_with_its_reason_and_starts_when_it_is_met(
    fleet: Fleet,
) -> None:
    left = await fleet.add("left")
    pipeline = across(left="")
    filters = {
        **pipeline.filters,
        "source": FilterSpec("test_pattern", {"count": 10}, needs="USBCamera == 1"),
    }
    view = await service(left).deploy(Pipeline("needs", filters, pipeline.connections))
    waiting = await until(
        left, view.id, lambda view: view.state == "waiting" and bool(view.reasons)
    )

    fleet.machines["left"].camera = True

    assert "USBCamera" in waiting.reasons["source"]
    await until(left, view.id, lambda view: view.state == "finished")


class Plugged(Machine):
    """A machine whose camera is what the kernel's files say."""

    def __init__(self, folder: Path) -> None:
        super().__init__(camera=True)
        folder.mkdir()
        self._kernel = FakeMachine(folder)
        place = self._kernel.usb("1-2", serial="A1")
        self._kernel.node("video4linux", "video0", place, index="0", name="Door")
        self._listed = self._kernel.sys / "class" / "video4linux" / "video0"
        self._entry = self._listed.readlink()
        self._provider = CameraProvider(self._kernel.sys, self._kernel.dev)

    def scan(self) -> tuple[list[Device], list[Resource]]:
        return Inventory([self._provider]).scan()

    def pull_out(self) -> None:
        self._listed.unlink()

    def plug_in(self) -> None:
        self._listed.symlink_to(self._entry)


async def test_a_camera_that_is_pulled_out_leaves_its_pipeline_waiting_and_no_other(
    fleet: Fleet, tmp_path: Path
) -> None:
    machine = fleet.machines["left"] = Plugged(tmp_path / "machine")
    left = await fleet.add("left")
    beside = await service(left).deploy(across(live=True))
    seen = FilterSpec("conveyor", {"paced": True}, needs="USBCamera == 1")
    pipeline = across(live=True)
    view = await service(left).deploy(
        replace(pipeline, filters={**pipeline.filters, "source": seen})
    )
    await until(left, view.id, lambda view: view.state == "running")
    other = await until(left, beside.id, lambda view: view.state == "running")

    machine.pull_out()
    waiting = await until(
        left, view.id, lambda view: view.state == "waiting" and bool(view.reasons)
    )
    unharmed = service(left).view(beside.id)
    machine.plug_in()

    assert "USBCamera" in waiting.reasons["source"]
    assert (unharmed.state, unharmed.epoch) == ("running", other.epoch)
    await until(left, view.id, lambda view: view.state == "running")


async def test_a_filter_that_cannot_open_is_named_and_its_deployment_can_be_removed(
    fleet: Fleet, tmp_path: Path
) -> None:
    left = await fleet.add("left")
    missing = str(tmp_path / "missing.avi")
    filters = {"video": FilterSpec("file", {"path": missing}), "count": FilterSpec("count")}
    way = Connection.from_values({"from": "video.image", "to": "count.frame"})
    view = await service(left).deploy(Pipeline("broken", filters, (way,)))

    failed = await until(left, view.id, lambda view: view.state == "failed")
    await service(left).remove(view.id)

    assert missing in failed.groups[0].error
    with pytest.raises(ConfigError, match="no such deployment"):
        service(left).view(view.id)


async def test_a_file_of_another_box_is_read_only_in_a_folder_that_its_owner_opened(
    fleet: Fleet, tmp_path: Path
) -> None:
    left, right = await fleet.add("left"), await fleet.add("right")
    await all_known(left, right)
    video = tmp_path / "open" / "few.avi"
    video.parent.mkdir()
    cv2 = opencv()
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(5):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    filters = {
        "video": FilterSpec("file", {"path": str(video)}, node="right"),
        "count": FilterSpec("count", node="right"),
    }
    way = Connection.from_values({"from": "video.image", "to": "count.frame"})

    view = await service(left).deploy(Pipeline("reads", filters, (way,)))
    refused = await until(left, view.id, lambda view: view.state == "failed")
    assert "video.path" in refused.groups[0].error
    assert "may not open this file" in refused.groups[0].error

    right.sandboxes.rules = replace(right.sandboxes.rules, files=(video.parent,))
    view = await service(left).deploy(Pipeline("reads", filters, (way,)))
    await until(left, view.id, lambda view: view.state == "finished")
    reports = await service(left).reports(view.id)
    assert reports["count"] == {"frames": 5, "objects": {}}


async def test_what_listens_on_a_box_itself_is_reached_only_if_its_owner_opens_it(
    fleet: Fleet,
) -> None:
    left, right = await fleet.add("left"), await fleet.add("right")
    await all_known(left, right)
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.put_nowait(await reader.read(100))
        writer.close()

    listener = await asyncio.start_server(listen, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    filters = {
        "belt": FilterSpec("conveyor", {"paced": True}, node="right"),
        "results": FilterSpec("mqtt", {"host": "127.0.0.1", "port": port}, node="right"),
    }
    way = Connection.from_values({"from": "belt.image", "to": "results.frame"})
    pipeline = Pipeline("tells", filters, (way,))

    view = await service(left).deploy(pipeline)
    refused = await until(left, view.id, lambda view: view.state == "failed")
    assert f"results: 127.0.0.1:{port}: pipelines of other boxes" in refused.groups[0].error
    assert said.empty()

    opened = (Address("127.0.0.1", port),)
    right.sandboxes.rules = replace(right.sandboxes.rules, addresses=opened)
    view = await service(left).deploy(pipeline)
    async with asyncio.timeout(WAIT_S):
        assert b"MQTT" in await said.get()
    await service(left).stop(view.id)
    listener.close()

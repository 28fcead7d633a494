"""Filters of other packages run closed in for whoever deploys from another node."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tty
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.bed.surroundings import surroundings
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system
from tests.integration.galaxy.test_deployments import (
    Fleet,
    Machine,
    all_known,
    service,
    until,
)

from cantor.base.resources import Device, Resource
from galaxy.deployments.records import Deployment
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration
ATTEMPTS = {
    one.name: one for part in (files, processes, system, network) for one in part.ATTEMPTS
}  # fmt: skip
BOMBS = ("fork_bomb", "memory_bomb", "write_one_large_file", "open_everything")
"""Those that take more than a worker may that is given ``MEMORY``."""
MEMORY = "Memory = 384MiB"
LOOKS, LOOK_S = 300, 0.1
PROVEN = ("read_key", "list_state")
FILTERS = '''
import json, os, time
from galaxy import FRAME, BaseFilter, Param, Pin
from tests.integration.cantor.workers.escapes import bombs, files, network, processes, system


class Tries(BaseFilter):
    """Tries to reach what is not its own."""

    inputs = {"frame": Pin(FRAME)}
    outputs = {"frame": Pin(FRAME)}
    told = Param(str, "{}", description="What there is.")
    chosen = Param(str, "[]", description="What it tries.")

    def open(self, ctx):
        self.outcomes, self.seen = {}, 0
        told = json.loads(self.told)
        for part in (files, processes, system, network, bombs):
            for one in part.ATTEMPTS:
                if one.name in json.loads(self.chosen):
                    self.outcomes[one.name] = self.tried(one, told)

    def tried(self, one, told):
        try:
            return "reached " + one.function(*one.arguments(told))
        except (OSError, MemoryError):
            return "held"
        except BaseException as error:
            return f"fault {error!r}"

    def process(self, frame, ctx):
        self.seen += 1
        return frame

    def report(self):
        return {"outcomes": self.outcomes, "seen": self.seen, "uid": os.getuid()}


class Bomb(BaseFilter):
    """Takes all that there is, and does not stop."""

    inputs = {"frame": Pin(FRAME)}
    takes = Param(str, description="memory or processes")

    def process(self, frame, ctx):
        while self.takes == "memory":
            self.kept = [bytearray(1 << 24), getattr(self, "kept", None)]
        self.fork(ctx)

    def fork(self, ctx):
        try:
            if os.fork():
                return
        except OSError:
            ctx.count("refused")
            return
        while True:  # a child, and its children
            try:
                os.fork()
            except OSError:
                time.sleep(0.05)


class Speaks(BaseFilter):
    """Writes to a device, and says what comes back, or why nothing does."""

    inputs = {"frame": Pin(FRAME)}
    device = Param(str, description="Its path.")

    def open(self, ctx):
        try:
            port = os.open(self.device, os.O_RDWR | os.O_NOCTTY)
        except OSError as error:
            self.heard = f"none: {error.strerror}"
        else:
            os.write(port, b"who?\\n")
            self.heard = os.read(port, 100).decode()
        self.seen = sorted(os.listdir("/dev"))

    def process(self, frame, ctx):
        return None

    def report(self):
        return {"heard": self.heard, "seen": self.seen}
'''
NAMES = {"tries": "Tries", "bomb": "Bomb", "speaks": "Speaks"}
FRAMES = 40


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package beside Cantor Edge that brings a filter."""
    place = tmp_path / "packages"
    about = place / "tries-1.dist-info"
    about.mkdir(parents=True)
    (place / "filters_of_others.py").write_text(FILTERS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: tries\nVersion: 1\n")
    lines = "".join(f"{name} = filters_of_others:{NAMES[name]}\n" for name in NAMES)
    (about / "entry_points.txt").write_text(f"[galaxy.filters]\n{lines}")
    escapes = place / "tests" / "integration" / "cantor" / "workers" / "escapes"
    escapes.mkdir(parents=True)
    for file in Path(files.__file__).parent.glob("*.py"):
        shutil.copy(file, escapes)
    monkeypatch.syspath_prepend(str(place))
    monkeypatch.setenv("PYTHONPATH", str(place))
    yield
    sys.modules.pop("filters_of_others", None)


@pytest.fixture
async def fleet(tmp_path: Path, installed: None) -> AsyncIterator[Fleet]:
    del installed
    fleet = Fleet(tmp_path)
    yield fleet
    for name in list(fleet.agents):
        await fleet.remove(name)


@pytest.fixture
def told(tmp_path: Path) -> Iterator[dict[str, str | int]]:
    """What an attempt may know of the machine, and of an agent on it."""
    programs = tmp_path / "programs"
    programs.mkdir()
    with surroundings(programs) as told:
        yield told | {
            "folder": str(tmp_path / "left"),
            "control": str(tmp_path / "left" / "control.sock"),
            "datagrams": str(tmp_path / "left" / "tasks.sock"),
        }


def trying(
    told: dict[str, str | int], chosen: list[str], kind: str, *, needs: str = ""
) -> Pipeline:
    """Frames of one of our filters through one of others to ours again."""
    params = {"told": json.dumps(told), "chosen": json.dumps(chosen)}
    way = {"kind": kind, **({"policy": "block"} if kind == "weak" else {})}
    ways = (
        {"from": "source.image", "to": "tries.frame", **way},
        {"from": "tries.frame", "to": "collect.frame", **way},
    )
    filters = {
        "source": FilterSpec("test_pattern", {"count": FRAMES}, node="left"),
        "tries": FilterSpec("tries", params, needs, node="left"),
        "collect": FilterSpec("collect", node="left"),
    }
    return Pipeline("tries", filters, tuple(Connection.from_values(one) for one in ways))


async def run(author: Agent, pipeline: Pipeline) -> dict[str, Any]:
    view = await service(author).deploy(pipeline)
    view = await until(author, view.id, lambda view: view.state in ("finished", "failed"))
    assert view.state == "finished", view
    return cast("dict[str, Any]", await service(author).reports(view.id))


@pytest.mark.parametrize("kind", ["strong", "weak"])
async def test_a_filter_for_another_node_reaches_nothing_and_gets_every_frame(
    fleet: Fleet, told: dict[str, str | int], kind: str
) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    told["key"] = key_in(str(told["folder"]))

    reports = await run(hub, trying(told, list(ATTEMPTS), kind))

    assert reports["tries"]["outcomes"] == dict.fromkeys(ATTEMPTS, "held")
    assert (reports["tries"]["seen"], reports["tries"]["uid"]) == (FRAMES, 1000)
    assert [frame["seq"] for frame in reports["collect"]["frames"]] == list(range(FRAMES))


async def test_the_same_filter_for_the_box_itself_reaches_what_anybody_would(
    fleet: Fleet, told: dict[str, str | int]
) -> None:
    left = await fleet.add("left")
    told["key"] = key_in(str(told["folder"]))
    chosen = [name for name, one in ATTEMPTS.items() if one.proof == "anybody"]
    assert set(PROVEN) <= set(chosen)

    outcomes = (await run(left, trying(told, chosen, "weak")))["tries"]["outcomes"]

    proven = {name for name, outcome in outcomes.items() if outcome.startswith("reached")}
    assert proven >= set(PROVEN)
    assert len(proven) >= 10


async def test_a_filter_takes_no_more_than_its_worker_may(fleet: Fleet) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)

    reports = await run(hub, trying({}, list(BOMBS), "weak", needs=MEMORY))

    assert reports["tries"]["outcomes"] == dict.fromkeys(BOMBS, "held")
    assert reports["tries"]["seen"] == FRAMES
    one = next(one for one in bombs.ATTEMPTS if one.name == "memory_bomb")
    assert one.function() == str(bombs.MEMORY_BYTES), "outside there is as much"


def into(name: str, spec: FilterSpec, source: FilterSpec | None = None) -> Pipeline:
    """Frames of one of our filters into one of others."""
    way = {"from": "source.image", "to": f"{name}.frame", "kind": "weak"}
    source = source or FilterSpec("test_pattern", {"count": 1})
    filters = {"source": replace(source, node="left"), name: replace(spec, node="left")}
    return Pipeline(name, filters, (Connection.from_values(way),))


async def test_a_filter_that_takes_all_memory_fails_alone(fleet: Fleet) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    bomb = FilterSpec("bomb", {"takes": "memory"}, MEMORY)

    view = await service(hub).deploy(into("bomb", bomb))
    view = await until(hub, view.id, lambda view: view.state == "failed")

    (failed,) = (group for group in view.groups if group.state == "failed")
    assert failed.leader == "bomb"
    assert "MemoryError" in failed.error
    assert (await run(left, trying({}, [], "weak")))["tries"]["seen"] == FRAMES


async def test_a_filter_that_forks_without_end_hinders_nobody_and_is_ended_whole(
    fleet: Fleet,
) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    endless = FilterSpec("conveyor", {"paced": True})
    bomb = FilterSpec("bomb", {"takes": "processes"})

    view = await service(hub).deploy(into("bomb", bomb, endless))
    await until(hub, view.id, lambda view: view.state == "running")
    for _ in range(LOOKS):
        if await refusals(hub, view.id):
            break
        await asyncio.sleep(LOOK_S)
    else:
        pytest.fail("the bomb has reached no limit")
    assert len(closed_processes()) > 100
    assert (await run(left, trying({}, [], "weak")))["tries"]["seen"] == FRAMES

    await service(hub).stop(view.id)
    await until(left, view.id, lambda view: view.state == "stopped")
    for _ in range(LOOKS):
        if not closed_processes():
            return
        await asyncio.sleep(LOOK_S)
    pytest.fail(f"still there: {len(closed_processes())}")


async def refusals(asker: Agent, identity: str) -> int:
    """How often the kernel has refused the bomb itself a process."""
    figures = cast("Any", await service(asker).figures(identity))
    return int(figures["filters"].get("bomb", {}).get("counters", {}).get("refused", 0))


async def test_a_closed_filter_speaks_to_the_device_that_it_took_and_sees_no_other(
    fleet: Fleet,
) -> None:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    path = os.ttyname(theirs)
    os.chmod(path, 0o660)  # noqa: PTH101 (as devices of a group are)
    machine = fleet.machines["left"] = WithPort(path)
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    os.write(ours, b"it is me\n")

    took = await run(hub, into("speaks", FilterSpec("speaks", {"device": path}, "Port = 1")))
    looked = await run(hub, into("speaks", FilterSpec("speaks", {"device": path}, "Port >= 1")))

    assert machine.scans
    assert (took["speaks"]["heard"], os.read(ours, 100)) == ("it is me\n", b"who?\n")
    assert looked["speaks"]["heard"].startswith("none: ")
    assert set(took["speaks"]["seen"]) - set(looked["speaks"]["seen"]) == {"pts"}
    os.close(ours)
    os.close(theirs)


class WithPort(Machine):
    """A machine with a serial port, which one at a time may have."""

    def __init__(self, path: str) -> None:
        super().__init__(camera=False)
        self.scans = 0
        self._port = Device("port-1", "serial", "A port", path, (Resource("Port", "quantity", 1),))

    def scan(self) -> tuple[list[Device], list[Resource]]:
        self.scans += 1
        _, resources = super().scan()
        return [self._port], [*resources, *self._port.provides]


async def test_what_nobody_vouches_for_is_closed_in_whoever_it_names(
    fleet: Fleet, told: dict[str, str | int]
) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    told["key"] = "/nowhere"
    pipeline = trying(told, ["list_state"], "weak")
    forged = Deployment(
        id="forged", pipeline=pipeline.document(), tenant=left.tenant, created_by=left.node_id
    )
    hub.publish(forged.fact, forged.as_value(), lasting=True)

    assert await state_at_the_end(left, "forged") == "finished"
    reports = cast("dict[str, Any]", await service(left).reports("forged"))
    assert reports["tries"]["outcomes"] == {"list_state": "held"}


async def state_at_the_end(agent: Agent, identity: str) -> str:
    """Of a deployment that it may not know yet."""
    changed = asyncio.Event()
    end = agent.subscribe(changed.set)
    async with asyncio.timeout(30):
        while not any(view.id == identity for view in service(agent).views()):
            await changed.wait()
            changed.clear()
    end()
    ended = ("finished", "failed")
    return (await until(agent, identity, lambda view: view.state in ended)).state


async def test_a_killed_closed_worker_comes_back(fleet: Fleet, told: dict[str, str | int]) -> None:
    left, hub = await fleet.add("left"), await fleet.add("hub", role="hub")
    await all_known(left, hub)
    pipeline = trying(told, [], "weak")
    endless = FilterSpec("conveyor", {"paced": True}, node="left")
    ways = tuple(
        Connection.from_values({"from": a, "to": b, "kind": "weak"})
        for a, b in (("source.image", "tries.frame"), ("tries.frame", "collect.frame"))
    )
    view = await service(hub).deploy(
        Pipeline("lives", {**pipeline.filters, "source": endless}, ways)
    )
    running = await until(hub, view.id, lambda view: view.state == "running")
    (pid,) = closed_workers()

    os.kill(pid, 9)
    await until(hub, view.id, lambda view: view.state == "failed")
    again = await until(hub, view.id, lambda view: view.state == "running")
    figures = cast("Any", await service(hub).figures(view.id))

    assert again.epoch > running.epoch
    assert set(figures["filters"]) == {"source", "tries", "collect"}
    await service(hub).stop(view.id)
    await until(left, view.id, lambda view: view.state == "stopped")


def key_in(folder: str) -> str:
    """The private key of an agent."""
    return str(next(path for path in Path(folder).rglob("*key*") if path.is_file()))


def closed_workers() -> list[int]:
    """The launchers of closed pipeline workers that this process has started."""
    own = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in closed_processes() if str(pid) in own]


def closed_processes() -> list[int]:
    """All processes of closed pipeline workers of this test, which they have started among them."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            told = f"--parent {os.getpid()} --sandbox".encode().split()
            if entry.name.isdigit() and b"pipeline" in words and set(told) <= set(words):
                found.append(int(entry.name))
    return found

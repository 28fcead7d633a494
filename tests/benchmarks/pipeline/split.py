"""The same pipeline over two nodes: decoding on one, the network, drawing and JPEG on the other.

Hub and agents are processes of their own on this machine; frames cross a real TLS link. Frames per
second are from the first to the last frame handled, as for the plain loop beside it.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from edge_hub.demo.fleet import DemoFleet
from galaxy.deployments.views import DeploymentView
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Value

    Headers = dict[str, Value]

BOXES = ("left", "right")
LOOK_S = 0.05
"""How often a worker's CPU time is read: it is gone with the worker."""
ASK_EVERY = 10
"""Asking an agent, and adding up memory, cost what is measured here: once in so many looks."""
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Run:
    """One run: frames per second, CPU milliseconds per frame of all processes, memory in MiB."""

    fps: float
    cpu_ms: float
    memory_mib: float
    age_ms: float


def pipeline(video: Path, model: Path, codec: str, parallel: int) -> Pipeline:
    """What the plain loop does, on two nodes, ``parallel`` frames at once; no frame is lost."""
    filters = {
        "video": FilterSpec("file", {"path": str(video)}, node="left"),
        "detect": FilterSpec("onnx", {"model": str(model), "parallel": parallel}, node="right"),
        "overlay": FilterSpec("overlay", node="right"),
        "preview": FilterSpec("mjpeg_preview", node="right"),
    }
    ways = (
        {"from": "video.image", "to": "detect.image", "kind": "weak", "codec": codec},
        {"from": "detect.image", "to": "overlay.image", "kind": "weak"},
        {"from": "overlay.image", "to": "preview.image"},
    )
    return Pipeline("split", filters, tuple(Connection.from_values(way) for way in ways))


async def measure(
    video: Path,
    model: Path,
    *,
    frames: int,
    rounds: int,
    codec: str = "auto",
    parallel: int = 2,
) -> list[Run]:
    """Start two boxes once, and run the pipeline on them as often as asked."""
    with tempfile.TemporaryDirectory(prefix="cantor-split-") as folder:
        fleet = DemoFleet(Path(folder))
        try:
            await fleet.start_hub()
            await fleet.enrol(BOXES)
            for name in BOXES:
                await fleet.start_agent(name, files=(video.parent, model.parent))
            await fleet.until(lambda: are_online(fleet), "both boxes")
            split = pipeline(video, model, codec, parallel)
            return [await run_once(fleet, split, frames, "preview") for _ in range(rounds)]
        finally:
            await fleet.close()


async def are_online(fleet: DemoFleet) -> bool:
    """Whether both boxes and the hub are in one mesh."""
    nodes = await fleet.nodes(BOXES)
    return len([node for node in nodes if node["state"] == "online"]) == len(BOXES) + 1


async def run_once(
    fleet: DemoFleet,
    pipeline: Pipeline,
    frames: int,
    sink: str,
    boxes: Sequence[str] = BOXES,
) -> Run:
    """Deploy from the first of the boxes, and wait until every frame has come to ``sink``."""
    agents = [one.process.pid for one in fleet.programs if one.name in BOXES]
    before_s = sum(_cpu_s(pid) for pid in agents)
    wish: Headers = {"pipeline": cast("Value", pipeline.document()), "frames_max": frames}
    view = DeploymentView.from_value(await fleet.ask(boxes, "pipeline.deploy", wish))
    asked: Headers = {"id": view.id}
    busy: dict[int, float] = {}
    used: dict[int, float] = {}
    looks = 0
    while view.state not in ("finished", "failed"):
        await asyncio.sleep(LOOK_S)
        looks += 1
        busy.update((pid, _cpu_s(pid)) for pid in _workers(agents))
        if looks % ASK_EVERY:
            continue
        used.update((pid, _memory_mib(pid)) for pid in _workers(agents))
        answers = cast("list[Value]", await fleet.ask(BOXES, "pipeline.list"))
        view = next(one for one in map(DeploymentView.from_value, answers) if one.id == view.id)
    cpu_s = sum(_cpu_s(pid) for pid in agents) - before_s + sum(busy.values())
    memory = sum(_memory_mib(pid) for pid in agents) + sum(used.values())
    figures = cast(
        "dict[str, dict[str, Headers]]", await fleet.ask(BOXES, "pipeline.figures", asked)
    )
    last = figures["filters"][sink]
    assert last["frames_in"] == frames, view
    await fleet.ask(BOXES, "pipeline.remove", asked)
    age = cast("dict[str, float]", last["age_ms"])["p50"]
    return Run(cast("float", last["mean_fps"]), cpu_s * 1000 / frames, memory, age)


def _workers(agents: list[int]) -> list[int]:
    """What the agents have started, and what that has started: closed workers are three."""
    found: list[int] = []
    waiting = list(agents)
    while waiting:
        pid = waiting.pop()
        with suppress(OSError):
            told = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
            waiting += map(int, told)
            found += map(int, told)
    return found


def _cpu_s(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def _memory_mib(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)


if __name__ == "__main__":
    import sys

    started_s = time.monotonic()
    found = asyncio.run(
        measure(
            Path(sys.argv[1]),
            Path(sys.argv[2]),
            frames=341,
            rounds=int(sys.argv[4]) if len(sys.argv) > 4 else 1,
            codec=sys.argv[3] if len(sys.argv) > 3 else "auto",
            parallel=int(sys.argv[5]) if len(sys.argv) > 5 else 2,
        )
    )
    print(*found, sep="\n")

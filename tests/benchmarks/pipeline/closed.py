"""A group that is closed in beside the same group that is open: what the way through it costs.

A filter of another package passes every frame on, between two of ours. Deployed by the box that
runs it, all three run in one process; deployed by another box, that filter is alone in a sandbox at
``full``, and each frame goes there and back by way of the agent.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import split  # type: ignore[import-not-found] # beside this file

from edge_hub.demo.fleet import DemoFleet
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from collections.abc import Iterable

WIDTH, HEIGHT, FPS = 1280, 720, 30.0
PACED_FRAMES = 150
_PACKAGE = '''
from galaxy import FRAME, BaseFilter, Pin


class Pass(BaseFilter):
    """Passes every frame on."""

    inputs = {"frame": Pin(FRAME)}
    outputs = {"frame": Pin(FRAME)}

    def process(self, frame, ctx):
        return frame
'''
_OURS = FilterSpec("count", node="left")
_CAMERA = {"width": WIDTH, "height": HEIGHT, "fps": FPS, "paced": True}


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians: frames per second and CPU as fast as it goes, and the age at the sink at 30 a
    second.
    """

    fps: float
    cpu_ms: float
    age_ms: float


async def measure(video: Path, *, frames: int, rounds: int) -> dict[str, Figures]:
    """What was found, by ``open``, ``closed`` and ``closed, raw``; the rounds take turns."""
    ways = {
        "open": (("left", "right"), "auto"),
        "closed": (("right", "left"), "auto"),
        "closed, raw": (("right", "left"), "raw"),
    }
    fast: dict[str, list[split.Run]] = {name: [] for name in ways}
    paced: dict[str, list[split.Run]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory(prefix="cantor-closed-") as folder:
        fleet = DemoFleet(Path(folder))
        try:
            await fleet.start_hub()
            await fleet.enrol(split.BOXES)
            package = str(_installed(Path(folder) / "package"))
            await fleet.start_agent("left", files=(video.parent,), PYTHONPATH=package)
            await fleet.start_agent("right")
            await fleet.until(lambda: split.are_online(fleet), "both boxes")
            for _ in range(rounds):
                for name, (boxes, codec) in ways.items():
                    source = FilterSpec("file", {"path": str(video)}, node="left")
                    fast[name].append(
                        await split.run_once(fleet, _through(source, codec), frames, "count", boxes)
                    )
                    camera = FilterSpec("conveyor", {**_CAMERA}, node="left")
                    paced[name].append(
                        await split.run_once(
                            fleet, _through(camera, codec), PACED_FRAMES, "count", boxes
                        )
                    )
        finally:
            await fleet.close()
    return {
        name: Figures(
            _median(run.fps for run in fast[name]),
            _median(run.cpu_ms for run in fast[name]),
            _median(run.age_ms for run in paced[name]),
        )
        for name in ways
    }


def _median(values: Iterable[float]) -> float:
    return statistics.median(values)


def _through(source: FilterSpec, codec: str) -> Pipeline:
    way = {"kind": "weak", "policy": "block", "depth": 4, "codec": codec}
    filters = {"source": source, "pass": FilterSpec("pass", node="left"), "count": _OURS}
    ways = (
        {"from": "source.image", "to": "pass.frame", **way},
        {"from": "pass.frame", "to": "count.frame", **way},
    )
    return Pipeline("closed", filters, tuple(Connection.from_values(one) for one in ways))


def _installed(place: Path) -> Path:
    """A folder with an installed package that brings the filter."""
    about = place / "passes-1.dist-info"
    about.mkdir(parents=True)
    (place / "filters_that_pass.py").write_text(_PACKAGE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: passes\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[galaxy.filters]\npass = filters_that_pass:Pass\n")
    return place

"""A pipeline of five filters beside the plain loop, on the same video and model, interleaved.

Each round runs every contestant in a process of its own; the medians are compared. The plain loop
runs with one and with two threads, neither spinning, and its faster form is the peer.

    FRAMES=341 ROUNDS=3 python tests/benchmarks/pipeline/run.py

``ONLY=closed`` measures a group that is closed in beside an open one, and nothing else.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import closed  # type: ignore[import-not-found] # beside this file
import split  # type: ignore[import-not-found] # beside this file

ROOT = Path(__file__).resolve().parents[3]
DATA = Path(os.environ.get("CANTOR_TEST_DATA", ROOT.parent / "shared" / "data"))
VIDEO, MODEL = DATA / "plaza-720p.avi", DATA / "yolox_nano.onnx"
RESULT = ROOT / "build" / "bench" / "pipeline.json"
FPS_RATIO_MIN = 0.97
SPLIT_RATIO_MIN = 1.2
CPU_RATIO_MAX = 1.05
CALL_US_MAX = 10.0
CLOSED_FPS_MIN = 30.0
"""A camera's pictures pass a closed group, ..."""
CLOSED_AGE_MS_MAX = 1000 / 30
"""... and none waits there for the next."""


@dataclass
class Contestant:
    """A command and what its rounds took, for that many frames."""

    name: str
    command: list[str]
    wall_s: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    printed: list[str] = field(default_factory=list)

    def run(self) -> None:
        """One round in a new process."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        done = subprocess.run(self.command, check=True, capture_output=True, text=True)  # ours
        self.printed.append(done.stdout)
        self.wall_s.append(time.monotonic() - started)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self.cpu_s.append(cpu)

    def fps(self, frames: int) -> float:
        """Frames per second of the median round, start of the process included."""
        return frames / statistics.median(self.wall_s)

    def cpu_ms(self, frames: int) -> float:
        """Milliseconds of CPU per frame of the median round."""
        return statistics.median(self.cpu_s) * 1000 / frames


def contestants(frames: int) -> list[Contestant]:
    """Galaxy and both forms of the plain loop, with the same work to do."""
    python, here = sys.executable, Path(__file__).parent
    loop = [python, str(here / "plain_loop.py"), str(VIDEO), str(MODEL)]
    galaxy = [python, str(here / "galaxy_loop.py"), str(VIDEO), str(MODEL)]
    plain = [
        Contestant(f"plain loop, {threads} thread(s)", [*loop, threads, str(frames)])
        for threads in ("1", "2")
    ]
    ours = [
        Contestant(f"galaxy, {threads} thread(s)", [*galaxy, threads, str(frames)])
        for threads in ("1", "2")
    ]
    return [plain[0], ours[0], plain[1], ours[1]]


def call_us() -> float:
    """Microseconds that one more strong filter costs per frame, metrics included."""
    command = [sys.executable, str(Path(__file__).parent / "filter_call.py")]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)  # ours
    return float(printed.stdout)


def main() -> int:
    """Run the rounds, print the table, write the result."""
    if not VIDEO.is_file():
        print(f"no test data in {DATA}: set CANTOR_TEST_DATA to the folder that holds it")
        return 0
    frames, rounds = (int(os.environ.get(*one)) for one in (("FRAMES", "341"), ("ROUNDS", "3")))
    entries = [] if os.environ.get("ONLY") == "closed" else open_entries(frames, rounds)
    entries += closed_entries(frames, rounds)
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    RESULT.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    return 0


def open_entries(frames: int, rounds: int) -> list[dict[str, object]]:
    """The pipeline of our own filters, on one node and on two."""
    everyone = contestants(frames)
    for _ in range(rounds):
        for contestant in everyone:
            contestant.run()
    for contestant in everyone:
        fps, cpu_ms = contestant.fps(frames), contestant.cpu_ms(frames)
        print(f"{contestant.name:<28}{fps:>8.1f} fps{cpu_ms:>8.1f} ms CPU per frame")
    plain = max((everyone[0], everyone[2]), key=lambda one: one.fps(frames))
    ours = everyone[everyone.index(plain) + 1]
    entries = [
        entry(
            "frames per second", "1/s", "higher", ours.fps(frames), plain.fps(frames), FPS_RATIO_MIN
        ),
        entry(
            "CPU per frame", "ms", "lower", ours.cpu_ms(frames), plain.cpu_ms(frames), CPU_RATIO_MAX
        ),
    ]
    entries += split_entries(plain, frames)
    call = call_us()
    print(f"one more strong filter: {call:.1f} us per frame")
    entries.append(
        {
            "measure": "strong filter call",
            "unit": "us",
            "better": "lower",
            "ours": round(call, 2),
            "peers": {},
            "target": CALL_US_MAX,
            "met": call <= CALL_US_MAX,
        }
    )
    return entries


def closed_entries(frames: int, rounds: int) -> list[dict[str, object]]:
    """A group of another package's filter, closed in at ``full``, beside the same one open."""
    found = asyncio.run(closed.measure(VIDEO, frames=frames, rounds=rounds))
    for name, one in found.items():
        print(
            f"a filter of another package, {name}: {one.fps:.1f} fps, {one.cpu_ms:.1f} ms CPU per "
            f"frame; at 30 fps a frame of 720p is {one.age_ms:.2f} ms old at the sink"
        )
    ours, peer = found["closed"], found["open"]
    more_ms = ours.age_ms - peer.age_ms
    return [
        told("frames per second through a closed group", "1/s", "higher", ours.fps, peer.fps,
             CLOSED_FPS_MIN),
        told("CPU per frame through a closed group", "ms", "lower", ours.cpu_ms, peer.cpu_ms,
             math.inf),
        told("age that a closed group adds at 30 fps", "ms", "lower", more_ms, 0.0,
             CLOSED_AGE_MS_MAX),
    ]  # fmt: skip


def told(
    measure: str, unit: str, better: str, ours: float, opened: float, target: float
) -> dict[str, object]:
    """One line of the result, beside the open group."""
    return {
        "measure": measure,
        "unit": unit,
        "better": better,
        "ours": round(ours, 2),
        "peers": {"open group": round(opened, 2)},
        "target": round(target, 2) if math.isfinite(target) else None,
        "met": ours >= target if better == "higher" else ours <= target,
    }


def split_entries(plain: Contestant, frames: int) -> list[dict[str, object]]:
    """The pipeline over two nodes, in as many rounds, beside the plain loop from first to last."""
    runs = asyncio.run(split.measure(VIDEO, MODEL, frames=frames, rounds=len(plain.wall_s)))
    fps = statistics.median(run.fps for run in runs)
    cpu_ms = statistics.median(run.cpu_ms for run in runs)
    memory = statistics.median(run.memory_mib for run in runs)
    loop = statistics.median(float(text) for text in plain.printed)
    print(
        f"split over two nodes: {fps:.1f} fps ({fps / loop:.2f} of the plain loop's {loop:.1f}), "
        f"{cpu_ms:.1f} ms CPU per frame, {memory:.0f} MiB in two agents and two workers"
    )
    return [
        entry("frames per second over two nodes", "1/s", "higher", fps, loop, SPLIT_RATIO_MIN),
        entry(
            "CPU per frame over two nodes", "ms", "lower", cpu_ms, plain.cpu_ms(frames), math.inf
        ),
    ]


def entry(
    measure: str, unit: str, better: str, ours: float, plain: float, ratio: float
) -> dict[str, object]:
    """One line of the result; the target is the plain loop's value times ``ratio``."""
    target = plain * ratio
    return {
        "measure": measure,
        "unit": unit,
        "better": better,
        "ours": round(ours, 2),
        "peers": {"plain loop": round(plain, 2)},
        "target": round(target, 2) if math.isfinite(target) else None,
        "met": ours >= target if better == "higher" else ours <= target,
    }


if __name__ == "__main__":
    sys.exit(main())

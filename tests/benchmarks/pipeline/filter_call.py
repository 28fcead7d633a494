"""Print the microseconds that one more strong filter costs per frame."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

import numpy as np

import galaxy
from galaxy.builder import PipelineBuilder
from galaxy.runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FRAMES = 5000
LENGTHS = (2, 12)


class Source(galaxy.BaseSource):
    """The same small image again and again."""

    outputs: ClassVar[Mapping[str, galaxy.Pin]] = {"image": galaxy.Pin()}

    def frames(self, ctx: galaxy.Context) -> Iterator[galaxy.Frame]:
        image = np.zeros((8, 8, 3), np.uint8)
        for seq in range(FRAMES):
            yield galaxy.Frame("s", seq, image, captured_s=0.0, captured_wall_s=0.0)


class Pass(galaxy.BaseFilter):
    """Passes every frame on."""

    inputs: ClassVar[Mapping[str, galaxy.Pin]] = {"image": galaxy.Pin()}
    outputs: ClassVar[Mapping[str, galaxy.Pin]] = {"image": galaxy.Pin()}

    def process(self, frame: galaxy.Frame, ctx: galaxy.Context) -> galaxy.Frame:
        return frame


def run_s(length: int) -> float:
    """Seconds for all frames through so many filters."""
    build = PipelineBuilder("calls")
    before = build.add("source", Source)
    for number in range(length):
        after = build.add(f"f{number}", Pass)
        build.connect(before["image"], after["image"])
        before = after
    runtime = Runtime(build.build(), registry=build.registry)
    started = time.perf_counter()
    runtime.run()
    return time.perf_counter() - started


if __name__ == "__main__":
    short, long = (min(run_s(length) for _ in range(3)) for length in LENGTHS)
    print((long - short) / FRAMES / (LENGTHS[1] - LENGTHS[0]) * 1e6)

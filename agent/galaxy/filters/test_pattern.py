"""A picture that a computer draws: a source that needs no hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from galaxy.filter import BaseSource
from galaxy.frame import Frame
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from galaxy.context import Context
    from galaxy.frame import Image


class TestPattern(BaseSource):
    """A grey ramp over which a white square moves; the same frames in every run."""

    __test__ = False

    description: ClassVar[str] = "A moving square, drawn here"
    work: ClassVar[float] = 0.3
    modules: ClassVar[tuple[str, ...]] = ("numpy",)
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    width = Param(int, 640, minimum=16, maximum=8192, unit="px", description="Width.")
    height = Param(int, 480, minimum=16, maximum=8192, unit="px", description="Height.")
    count = Param(int, 0, minimum=0, unit="frames", description="How many frames; 0 means no end.")
    fps = Param(float, 0.0, minimum=0, maximum=1000, unit="1/s", description="0 means at once.")
    stream = Param(str, "", description="Name of the stream; empty means the filter's name.")

    def frames(self, ctx: Context) -> Iterator[Frame]:
        """Draw frame after frame."""
        seq = 0
        start_s = ctx.clock.monotonic()
        while not ctx.stopping and (not self.count or seq < self.count):
            if self.fps and ctx.wait(max(0.0, start_s + seq / self.fps - ctx.clock.monotonic())):
                return
            yield Frame(
                self.stream or ctx.name,
                seq,
                self._draw(seq),
                captured_s=ctx.clock.monotonic(),
                captured_wall_s=ctx.clock.wall(),
                epoch=ctx.epoch,
                pts_s=seq / (self.fps or 25.0),
            )
            seq += 1

    def _draw(self, seq: int) -> Image:
        import numpy as np

        image = np.empty((self.height, self.width, 3), np.uint8)
        image[:] = np.linspace(0, 200, self.width, dtype=np.uint8)[None, :, None]
        side = max(4, self.height // 8)
        left = seq * 4 % (self.width - side)
        top = seq * 2 % (self.height - side)
        image[top : top + side, left : left + side] = 255
        return image

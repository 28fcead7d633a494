"""The simulated conveyor as a source: every frame brings the truth about itself along."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from edge_devices.simulated import scene
from galaxy.filter import BaseSource
from galaxy.filters.capture import opencv
from galaxy.frame import Detection, Frame
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from galaxy.context import Context


class Conveyor(BaseSource):
    """Draws parts on a moving belt; seed and size decide every frame, in every run.

    Also when paced, a frame waits until it is taken: none is lost, so two runs can be compared.
    """

    description: ClassVar[str] = "Parts on a simulated belt, with the truth about them"
    work: ClassVar[float] = 0.3
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    seed = Param(int, 7, minimum=0, maximum=scene.SEED_END - 1, description="Which belt.")
    width = Param(
        int,
        640,
        minimum=scene.WIDTH_PX_MIN,
        maximum=scene.WIDTH_PX_MAX,
        unit="px",
        description="Width.",
    )
    height = Param(
        int,
        480,
        minimum=scene.HEIGHT_PX_MIN,
        maximum=scene.HEIGHT_PX_MAX,
        unit="px",
        description="Height.",
    )
    fps = Param(
        float,
        30.0,
        minimum=scene.FPS_MIN,
        maximum=scene.FPS_MAX,
        unit="1/s",
        description="Pictures of the belt per second of its time.",
    )
    paced = Param(bool, False, description="At the frame rate; else as fast as they are taken.")
    count = Param(int, 0, minimum=0, unit="frames", description="How many frames; 0 means no end.")
    stream = Param(str, "", description="Name of the stream; empty means the filter's name.")

    def frames(self, ctx: Context) -> Iterator[Frame]:
        """Draw frame after frame."""
        opencv()
        belt = scene.ConveyorScene(self.seed, self.width, self.height, self.fps)
        seq = 0
        start_s = ctx.clock.monotonic()
        while not ctx.stopping and (not self.count or seq < self.count):
            due_s = start_s + seq / self.fps
            if self.paced and ctx.wait(max(0.0, due_s - ctx.clock.monotonic())):
                return
            image, boxes = belt.frame(seq)
            yield Frame(
                self.stream or ctx.name,
                seq,
                image,
                captured_s=ctx.clock.monotonic(),
                captured_wall_s=ctx.clock.wall(),
                epoch=ctx.epoch,
                pts_s=seq / self.fps,
                truth=[_detection(box) for box in boxes],
            )
            seq += 1


def _detection(box: scene.TruthBox) -> Detection:
    place = (box.x0, box.y0, box.x1, box.y1)
    return Detection(box.label, scene.LABELS.index(box.label), 1.0, place)

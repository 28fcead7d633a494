"""Change the size of the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from galaxy.filter import BaseFilter
from galaxy.filters.capture import opencv
from galaxy.frame import Detection
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.context import Context
    from galaxy.filter import Output
    from galaxy.frame import Frame


class Resize(BaseFilter):
    """Scales the image, and the boxes on it; a frame of the right size passes untouched."""

    description: ClassVar[str] = "Change the size of the picture"
    work: ClassVar[float] = 0.1
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    inputs: ClassVar[Mapping[str, Pin]] = {"image": Pin()}
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin()}

    width = Param(int, 640, minimum=1, maximum=8192, unit="px", description="New width.")
    height = Param(
        int, 0, minimum=0, maximum=8192, unit="px", description="New height; 0 keeps the shape."
    )

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Scale one frame."""
        image = frame.pixels()
        old_height, old_width = image.shape[:2]
        height = self.height or max(1, round(old_height * self.width / old_width))
        if (old_width, old_height) == (self.width, height):
            return frame
        cv2 = opencv()
        smaller = self.width * height < old_width * old_height
        how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
        scaled = cv2.resize(image, (self.width, height), interpolation=how)
        across, down = self.width / old_width, height / old_height
        objects = [_scaled(found, across, down) for found in frame.objects]
        truth = None if frame.truth is None else [_scaled(t, across, down) for t in frame.truth]
        return frame.derive(image=scaled, objects=objects, truth=truth)


def _scaled(found: Detection, across: float, down: float) -> Detection:
    left, top, right, bottom = found.box
    box = (left * across, top * down, right * across, bottom * down)
    return Detection(found.label, found.class_id, found.confidence, box)

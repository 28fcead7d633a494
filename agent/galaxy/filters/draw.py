"""Draw what was found, and show it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from galaxy.filter import BaseFilter
from galaxy.filters.capture import opencv
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.context import Context
    from galaxy.filter import Output
    from galaxy.frame import Frame

COLOURS = ((66, 165, 245), (102, 187, 106), (239, 83, 80), (255, 202, 40), (171, 71, 188))


class Overlay(BaseFilter):
    """Draws boxes and labels on a copy of the image; a frame without objects passes untouched."""

    description: ClassVar[str] = "Draw boxes and labels"
    work: ClassVar[float] = 0.1
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    inputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    thickness = Param(int, 2, minimum=1, maximum=20, unit="px", description="Lines.", live=True)
    labels = Param(bool, True, description="Write label and confidence.", live=True)

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Draw on one frame."""
        if not frame.objects:
            return frame
        cv2 = opencv()
        image = frame.writable()
        for found in frame.objects:
            left, top, right, bottom = (round(edge) for edge in found.box)
            colour = COLOURS[found.class_id % len(COLOURS)]
            cv2.rectangle(image, (left, top), (right, bottom), colour, self.thickness)
            if self.labels:
                text = f"{found.label} {found.confidence:.2f}"
                place = (left, max(12, top - 4))
                cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1)
        return frame.derive(image=image)


class MjpegPreview(BaseFilter):
    """Encodes each frame as JPEG and publishes it under ``preview/<filter>``."""

    description: ClassVar[str] = "Live preview as JPEG"
    work: ClassVar[float] = 0.1
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    inputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR", "GRAY"))}

    quality = Param(int, 80, minimum=1, maximum=100, description="JPEG quality.", live=True)

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Encode and publish one frame.

        Raises:
            ValueError: the image cannot be encoded.
        """
        cv2 = opencv()
        good, data = cv2.imencode(".jpg", frame.pixels(), [cv2.IMWRITE_JPEG_QUALITY, self.quality])
        if not good:
            message = "the image cannot be encoded as JPEG"
            raise ValueError(message)
        ctx.publish(f"preview/{ctx.name}", data.tobytes(), frame)
        return None

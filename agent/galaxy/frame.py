"""Frames: one picture of one stream, what was found on it, and how long each step took.

A frame never changes. Filters derive new ones from it; pixels are shared, never copied, unless a
filter asks for :meth:`Frame.writable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    import numpy.typing as npt

    from galaxy.params import JsonValue

    Image = npt.NDArray[np.uint8]
    """Pixels, uint8, shape [height, width, 3] (BGR, RGB) or [height, width] (GRAY)."""

SCHEMA = "galaxy.frame/1"


@dataclass(frozen=True, slots=True)
class Detection:
    """One object on a frame: left, top, right, bottom in pixels of that frame's image."""

    label: str
    class_id: int
    confidence: float
    box: tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a frame ran in a filter, or waited in a connection."""

    stage: str
    kind: Literal["run", "queue"]
    ms: float


class Frame:
    """One picture of one stream with its metadata.

    ``seq`` counts from 0 per stream and epoch; ``captured_wall_s`` is UTC since 1970,
    ``captured_s`` monotonic seconds of the capturing node, ``pts_s`` the media's own time (None if
    it has none). ``image`` is read-only, uint8, or None for metadata alone. ``truth`` is what
    is really on the picture, where a source knows it; None means that nobody knows.
    """

    __slots__ = (
        "captured_s",
        "captured_wall_s",
        "epoch",
        "format",
        "image",
        "objects",
        "pts_s",
        "seq",
        "stream",
        "timings",
        "truth",
    )

    def __init__(
        self,
        stream: str,
        seq: int,
        image: Image | None,
        *,
        captured_s: float,
        captured_wall_s: float,
        epoch: int = 0,
        pts_s: float | None = None,
        format: str = "BGR",  # noqa: A002 # the word of the pins
        objects: Iterable[Detection] = (),
        timings: tuple[Timing, ...] = (),
        truth: Iterable[Detection] | None = None,
    ) -> None:
        if image is not None and image.flags.writeable:
            image = image.view()
            image.flags.writeable = False
        self.stream = stream
        self.seq = seq
        self.image = image
        self.captured_s = captured_s
        self.captured_wall_s = captured_wall_s
        self.epoch = epoch
        self.pts_s = pts_s
        self.format = format
        self.objects = tuple(objects)
        self.timings = timings
        self.truth = None if truth is None else tuple(truth)

    def derive(
        self,
        *,
        image: Image | None = None,
        objects: Iterable[Detection] | None = None,
        timings: tuple[Timing, ...] | None = None,
        format: str | None = None,  # noqa: A002 # the word of the pins
        truth: Iterable[Detection] | None = None,
    ) -> Frame:
        """The same moment of the same stream with another image, objects, timings or truth."""
        return Frame(
            self.stream,
            self.seq,
            self.image if image is None else image,
            captured_s=self.captured_s,
            captured_wall_s=self.captured_wall_s,
            epoch=self.epoch,
            pts_s=self.pts_s,
            format=self.format if format is None else format,
            objects=self.objects if objects is None else objects,
            timings=self.timings if timings is None else timings,
            truth=self.truth if truth is None else truth,
        )

    def pixels(self) -> Image:
        """The image, read-only.

        Raises:
            ValueError: the frame carries metadata alone.
        """
        if self.image is None:
            message = f"frame {self.seq} of {self.stream} carries no image"
            raise ValueError(message)
        return self.image

    def writable(self) -> Image:
        """A copy of the image that may be drawn on."""
        return self.pixels().copy()

    def document(self, node: str) -> dict[str, JsonValue]:
        """The metadata of this frame as one JSON document."""
        height, width = (0, 0) if self.image is None else self.image.shape[:2]
        document: dict[str, JsonValue] = {
            "schema": SCHEMA,
            "stream": self.stream,
            "node": node,
            "seq": self.seq,
            "epoch": self.epoch,
            "ts_capture": self.captured_wall_s,
            "ts_pts": self.pts_s,
            "width": width,
            "height": height,
            "objects": [_object_document(found, width, height) for found in self.objects],
            "timings": [
                {"stage": timing.stage, "kind": timing.kind, "ms": round(timing.ms, 3)}
                for timing in self.timings
            ],
        }
        if self.truth is not None:
            document["truth"] = [_object_document(real, width, height) for real in self.truth]
        return document


def _object_document(found: Detection, width: int, height: int) -> dict[str, JsonValue]:
    left, top, right, bottom = (round(edge, 2) for edge in found.box)
    document: dict[str, JsonValue] = {
        "label": found.label,
        "class_id": found.class_id,
        "confidence": round(found.confidence, 4),
        "bbox": [left, top, right, bottom],
    }
    if width and height:
        document["bbox_normalised"] = [
            round(left / width, 6),
            round(top / height, 6),
            round(right / width, 6),
            round(bottom / height, 6),
        ]
    return document

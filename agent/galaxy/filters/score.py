"""Compare what was found with the truth that travels in the frame."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, ClassVar

from galaxy.filter import BaseFilter
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from galaxy.context import Context
    from galaxy.filter import Output
    from galaxy.frame import Detection, Frame
    from galaxy.params import JsonValue

    Box = tuple[float, float, float, float]


class Score(BaseFilter):
    """Counts hits, false finds and misses by label; every frame passes untouched.

    The surest find chooses first, and each truth box is hit once. A frame that brings no truth is
    counted, not judged.
    """

    description: ClassVar[str] = "Precision and recall against the truth in the frame"
    work: ClassVar[float] = 0.02
    inputs: ClassVar[Mapping[str, Pin]] = {"image": Pin()}
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin()}

    iou = Param(float, 0.5, minimum=0.01, maximum=1, description="Overlap that makes a hit.")

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._frames = self._without_truth = 0
        self._hits: Counter[str] = Counter()
        self._found: Counter[str] = Counter()
        self._real: Counter[str] = Counter()

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Judge one frame."""
        if frame.truth is None:
            self._without_truth += 1
            return frame
        self._frames += 1
        self._found.update(found.label for found in frame.objects)
        self._real.update(real.label for real in frame.truth)
        self._hits.update(hits(frame.objects, frame.truth, self.iou))
        return frame

    def report(self) -> dict[str, JsonValue]:
        """Precision and recall so far, in all and by label; None where nothing can be said."""
        labels = sorted({*self._found, *self._real})
        by_label: dict[str, JsonValue] = {
            label: _figures(self._hits[label], self._found[label], self._real[label])
            for label in labels
        }
        return {
            "frames": self._frames,
            "frames_without_truth": self._without_truth,
            **_figures(self._hits.total(), self._found.total(), self._real.total()),
            "labels": by_label,
        }

    def live_report(self) -> dict[str, JsonValue]:
        """The same, so far."""
        return self.report()


def hits(found: Sequence[Detection], truth: Sequence[Detection], iou_min: float) -> list[str]:
    """The label of every find that matches a truth box of its label that no surer one took."""
    left = list(truth)
    matched: list[str] = []
    for candidate in sorted(found, key=lambda one: -one.confidence):
        same = [real for real in left if real.label == candidate.label]
        best = max(same, key=lambda real: overlap(real.box, candidate.box), default=None)
        if best is not None and overlap(best.box, candidate.box) >= iou_min:
            left.remove(best)
            matched.append(candidate.label)
    return matched


def overlap(one: Box, other: Box) -> float:
    """Intersection over union of two boxes (left, top, right, bottom), 0 to 1."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(width, 0.0) * max(height, 0.0)
    if not shared:  # also when the product of two tiny sides is none
        return 0.0
    return shared / (_area(one) + _area(other) - shared)


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _figures(hits: int, found: int, real: int) -> dict[str, JsonValue]:
    return {
        "precision": round(hits / found, 4) if found else None,
        "recall": round(hits / real, 4) if real else None,
        "hits": hits,
        "found": found,
        "real": real,
    }

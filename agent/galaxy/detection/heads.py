"""How the boxes of a detector are read out of its outputs.

Boxes are left, top, right, bottom in pixels of the network's input. Every head gives candidates
above the confidence asked; :func:`suppress` then removes doubles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

YOLOX_STRIDES = (8, 16, 32)


@dataclass(frozen=True, slots=True)
class Candidates:
    """N boxes [N, 4], confidences [N] and class numbers [N]."""

    boxes: Floats
    confidences: Floats
    classes: npt.NDArray[np.intp]


class YoloxHead:
    """YOLOX (Ge et al., 2021): one output [1, anchors, 5 + classes], centres as grid offsets,
    sizes as logarithms of strides, objectness and classes through sigmoid already.
    """

    name = "yolox"
    scale = 1.0
    needs_suppression = True

    def __init__(self, width: int, height: int) -> None:
        cells, strides = [], []
        for stride in YOLOX_STRIDES:
            across, down = np.meshgrid(np.arange(width // stride), np.arange(height // stride))
            grid = np.stack((across, down), 2).reshape(-1, 2)
            cells.append(grid)
            strides.append(np.full((len(grid), 1), stride))
        self._cells: Floats = np.concatenate(cells).astype(np.float32)
        self._strides: Floats = np.concatenate(strides).astype(np.float32)

    @staticmethod
    def anchors(width: int, height: int) -> int:
        """How many rows the output has for an input of this size."""
        return sum((width // stride) * (height // stride) for stride in YOLOX_STRIDES)

    def decode(self, outputs: Sequence[Floats], confidence_min: float) -> Candidates:
        """Candidates whose objectness times class score reaches the confidence."""
        rows = outputs[0][0]
        # No class score exceeds 1, so rows below in objectness alone need no look at their classes.
        likely = np.flatnonzero(rows[:, 4] >= confidence_min)
        rows, cells, strides = rows[likely], self._cells[likely], self._strides[likely]
        classes = rows[:, 5:].argmax(1)
        confidences = rows[:, 4] * rows[np.arange(len(rows)), 5 + classes]
        kept = np.flatnonzero(confidences >= confidence_min)
        rows, cells, strides = rows[kept], cells[kept], strides[kept]
        centres = (rows[:, :2] + cells) * strides
        halves = np.exp(np.minimum(rows[:, 2:4], 20.0)) * strides / 2
        boxes = np.concatenate((centres - halves, centres + halves), 1)
        return Candidates(boxes, confidences[kept], classes[kept])


class HeatmapHead:
    """Object centres (Zhou et al., 2019): heatmap [1, classes, h, w] through sigmoid, with
    non-peaks removed in the graph, offset [1, 2, h, w] in cells (x, y), size [1, 2, h, w] in pixels
    of the input (width, height).
    """

    name = "heatmap"
    scale = 1 / 255
    needs_suppression = False

    def __init__(self, stride: int) -> None:
        self._stride = stride

    def decode(self, outputs: Sequence[Floats], confidence_min: float) -> Candidates:
        """Candidates at the peaks that reach the confidence, best first."""
        heatmap, offset, size = (output[0] for output in outputs)
        classes, down, across = np.nonzero(heatmap >= confidence_min)
        confidences = heatmap[classes, down, across]
        best = np.argsort(-confidences, kind="stable")
        classes, down, across = classes[best], down[best], across[best]
        centres_x = (across + offset[0, down, across]) * self._stride
        centres_y = (down + offset[1, down, across]) * self._stride
        half_x, half_y = size[0, down, across] / 2, size[1, down, across] / 2
        edges = (centres_x - half_x, centres_y - half_y, centres_x + half_x, centres_y + half_y)
        return Candidates(np.stack(edges, 1).astype(np.float32), confidences[best], classes)


Head = YoloxHead | HeatmapHead


def suppress(found: Candidates, iou_max: float, count_max: int) -> Candidates:
    """Greedy suppression per class: of boxes that overlap by more than ``iou_max``, the best stays.

    The result is ordered by confidence and holds at most ``count_max``.
    """
    order = np.argsort(-found.confidences, kind="stable")
    boxes, classes = found.boxes[order], found.classes[order]
    areas = np.prod(np.maximum(boxes[:, 2:] - boxes[:, :2], 0), axis=1)
    alive = np.ones(len(boxes), bool)
    kept: list[int] = []
    for index in range(len(boxes)):
        if not alive[index]:
            continue
        kept.append(index)
        if len(kept) == count_max:
            break
        rest = slice(index + 1, None)
        near = np.minimum(boxes[rest, 2:], boxes[index, 2:])
        far = np.maximum(boxes[rest, :2], boxes[index, :2])
        shared = np.prod(np.maximum(near - far, 0), axis=1)
        union = areas[rest] + areas[index] - shared
        alive[rest] &= ~((shared > iou_max * union) & (classes[rest] == classes[index]))
    chosen = order[kept]
    return Candidates(found.boxes[chosen], found.confidences[chosen], found.classes[chosen])

"""Generated training pictures with exact boxes, and the maps that a centre detector learns from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_devices.simulated.scene import LABELS, ConveyorScene, TruthBox

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

STRIDE = 4
SCENE_SIZES = ((640, 480), (640, 480), (640, 360), (320, 240))
"""Width and height of the generated scenes, taken in turn: all are stretched to the input size."""

_FRAME_STEP = 41
_SIGMA_PER_SIZE = 0.1
_SIGMA_MIN_CELLS = 0.8


@dataclass(frozen=True, slots=True)
class Sample:
    """One picture and its truth.

    ``image`` is uint8 (H, W, 3) RGB; ``boxes`` float32 (N, 4) x0 y0 x1 y1 in its pixels;
    ``classes`` int64 (N,) indexes ``LABELS``.
    """

    image: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    classes: NDArray[np.int64]


def generate(seeds: Iterable[int], frames: int, width: int, height: int) -> Iterator[Sample]:
    """Samples from one scene per seed, ``frames`` pictures each, far enough apart to differ."""
    for position, seed in enumerate(seeds):
        scene = ConveyorScene(seed, *SCENE_SIZES[position % len(SCENE_SIZES)])
        for number in range(frames):
            image, truth = scene.frame(number * _FRAME_STEP)
            yield stretched(image, truth, width, height)


def stretched(
    image: NDArray[np.uint8], truth: tuple[TruthBox, ...], width: int, height: int
) -> Sample:
    """A BGR picture stretched to the input size and turned to RGB, its boxes with it."""
    import cv2
    import numpy as np

    scale = np.array((width / image.shape[1], height / image.shape[0]) * 2, dtype=np.float32)
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)
    boxes = np.array([(b.x0, b.y0, b.x1, b.y1) for b in truth], dtype=np.float32).reshape(-1, 4)
    classes = np.array([LABELS.index(b.label) for b in truth], dtype=np.int64)
    return Sample(cv2.cvtColor(resized, cv2.COLOR_BGR2RGB), boxes * scale, classes)


def augmented(sample: Sample, random: np.random.Generator) -> Sample:
    """A mirrored, re-lit and noisier version of a sample."""
    import numpy as np

    image, boxes = sample.image.astype(np.float32), sample.boxes.copy()
    height, width = image.shape[:2]
    if random.random() < 0.5:
        image, boxes[:, [0, 2]] = image[:, ::-1], width - boxes[:, [2, 0]]
    if random.random() < 0.5:
        image, boxes[:, [1, 3]] = image[::-1], height - boxes[:, [3, 1]]
    gain = random.uniform(0.7, 1.3) * random.uniform(0.93, 1.07, 3)
    noise = random.normal(0.0, random.uniform(0.0, 5.0), image.shape)
    lit = np.clip(image * gain + random.uniform(-14, 14) + noise, 0, 255).astype(np.uint8)
    return Sample(lit, boxes, sample.classes)


def target_maps(
    sample: Sample,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """What the network is to answer for a sample, one cell per ``STRIDE`` input pixels.

    Returns ``heat`` (C, h, w), 1 at a centre and a Gaussian around it; ``shape`` (4, h, w), offset
    x, y in cells and size w, h in input pixels; ``centres`` (1, h, w), 1 where ``shape`` counts.
    """
    import numpy as np

    rows, columns = sample.image.shape[0] // STRIDE, sample.image.shape[1] // STRIDE
    heat = np.zeros((len(LABELS), rows, columns), dtype=np.float32)
    shape = np.zeros((4, rows, columns), dtype=np.float32)
    centres = np.zeros((1, rows, columns), dtype=np.float32)
    y, x = np.mgrid[0:rows, 0:columns]
    for box, label in zip(sample.boxes, sample.classes, strict=True):
        w, h = box[2] - box[0], box[3] - box[1]
        cx, cy = (box[0] + box[2]) / 2 / STRIDE, (box[1] + box[3]) / 2 / STRIDE
        column, row = min(int(cx), columns - 1), min(int(cy), rows - 1)
        sigma_x = max(_SIGMA_MIN_CELLS, _SIGMA_PER_SIZE * w / STRIDE)
        sigma_y = max(_SIGMA_MIN_CELLS, _SIGMA_PER_SIZE * h / STRIDE)
        bump = np.exp(-(((x - column) / sigma_x) ** 2) / 2 - ((y - row) / sigma_y) ** 2 / 2)
        np.maximum(heat[label], bump, out=heat[label])
        shape[:, row, column] = (cx - column, cy - row, w, h)
        centres[0, row, column] = 1.0
    return heat, shape, centres

"""How good a detector is: decode its maps, match them with the truth, count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_devices.simulated.scene import LABELS
from edge_hub.training.dataset import STRIDE, Sample

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

DETECTIONS_MAX = 100


@dataclass(frozen=True, slots=True)
class Detections:
    """What was found in one picture, best first.

    ``boxes`` float32 (N, 4) x0 y0 x1 y1 in input pixels, ``scores`` (N,) 0 to 1, ``classes`` (N,).
    """

    boxes: Floats
    scores: Floats
    classes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Score:
    """``map50``: mean over the classes of the area under the precision-recall curve at IoU 0.5.

    ``precision`` and ``recall`` count at one score threshold, label and box both right.
    """

    map50: float
    precision: float
    recall: float


def decode(heatmap: Floats, offset: Floats, size: Floats, score_min: float) -> Detections:
    """Turn maps of one picture, (C, h, w), (2, h, w) and (2, h, w), into boxes."""
    import numpy as np

    flat = heatmap.reshape(-1)
    best = np.argsort(-flat, kind="stable")[:DETECTIONS_MAX]
    best = best[flat[best] >= score_min]
    classes, rows, columns = np.unravel_index(best, heatmap.shape)
    centres = (np.stack((columns, rows), 1) + offset[:, rows, columns].T) * STRIDE
    half = size[:, rows, columns].T / 2
    boxes = np.concatenate((centres - half, centres + half), axis=1).astype(np.float32)
    return Detections(boxes, flat[best], classes.astype(np.int64))


def overlap(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of each of (N, 4) with each of (M, 4): float32 (N, M)."""
    import numpy as np

    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    common = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    other_areas = (others[:, 2:] - others[:, :2]).prod(axis=1)
    union = areas[:, None] + other_areas[None, :] - common
    result: Floats = (common / np.maximum(union, 1e-9)).astype(np.float32)
    return result


def matched(found: Detections, sample: Sample, iou_min: float = 0.5) -> NDArray[np.bool_]:
    """Which detections, best first, are right: label equal, box close, no truth used twice."""
    import numpy as np

    right = np.zeros(len(found.scores), dtype=np.bool_)
    close = overlap(found.boxes, sample.boxes)
    close = np.where(found.classes[:, None] == sample.classes[None, :], close, 0.0)
    for position in range(len(right)):
        if close.shape[1] and close[position].max() >= iou_min:
            right[position] = True
            close[:, int(close[position].argmax())] = 0.0
    return right


def score(pairs: Iterable[tuple[Detections, Sample]], score_min: float = 0.4) -> Score:
    """Score detections, decoded with a low threshold, against the truth of their pictures."""
    import numpy as np

    kept = [(found, sample, matched(found, sample)) for found, sample in pairs]
    scores = np.concatenate([found.scores for found, _, _ in kept])
    classes = np.concatenate([found.classes for found, _, _ in kept])
    right = np.concatenate([hits for _, _, hits in kept])
    truths = np.concatenate([sample.classes for _, sample, _ in kept])
    precisions = [
        _average_precision(scores[classes == c], right[classes == c], int((truths == c).sum()))
        for c in range(len(LABELS))
    ]
    sure = scores >= score_min
    hits = int(right[sure].sum())
    return Score(
        sum(precisions) / len(precisions),
        hits / max(1, int(sure.sum())),
        hits / max(1, len(truths)),
    )


def detect_all(model: Path, samples: Iterable[Sample]) -> list[tuple[Detections, Sample]]:
    """Run an exported detector over samples with onnxruntime, one thread."""
    import numpy as np

    from galaxy.detection.runtime import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    pairs: list[tuple[Detections, Sample]] = []
    for sample in samples:
        pixels = sample.image.transpose(2, 0, 1)[None].astype(np.float32) / 255.0
        heatmap, offset, size = session.run(["heatmap", "offset", "size"], {"images": pixels})
        pairs.append((decode(heatmap[0], offset[0], size[0], 0.05), sample))
    return pairs


def _average_precision(scores: Floats, right: NDArray[np.bool_], truths: int) -> float:
    """Area under the interpolated precision-recall curve, at every recall reached."""
    import numpy as np

    if not truths or not len(scores):
        return 0.0
    hits = np.cumsum(right[np.argsort(-scores, kind="stable")])
    recall = hits / truths
    precision = hits / np.arange(1, len(hits) + 1)
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    steps = np.diff(np.concatenate(([0.0], recall)))
    return float((steps * best_from_here).sum())

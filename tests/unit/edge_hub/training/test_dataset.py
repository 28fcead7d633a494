"""Generated samples: boxes follow their picture, and the maps say where the centres are."""

from __future__ import annotations

import numpy as np
import pytest

from edge_devices.simulated.scene import LABELS, TruthBox
from edge_hub.training.dataset import (
    STRIDE,
    Sample,
    augmented,
    generate,
    stretched,
    target_maps,
)
from edge_hub.training.evaluation import decode


def square(x0: int, y0: int, x1: int, y1: int) -> Sample:
    """A white box of class 1 on black, 64x48."""
    image = np.zeros((48, 64, 3), dtype=np.uint8)
    image[y0:y1, x0:x1] = 255
    boxes = np.array([[x0, y0, x1, y1]], dtype=np.float32)
    return Sample(image, boxes, np.array([1], dtype=np.int64))


def test_the_same_seeds_give_the_same_samples() -> None:
    first, second = (list(generate((1, 2), 2, 160, 128)) for _ in range(2))
    assert len(first) == 4
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.boxes, b.boxes)


def test_stretching_turns_bgr_to_rgb_and_moves_the_boxes() -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    picture[..., 0] = 255
    sample = stretched(picture, (TruthBox("defect", 20.0, 10.0, 60.0, 50.0),), 100, 100)
    assert sample.image[0, 0].tolist() == [0, 0, 255]
    assert sample.boxes.tolist() == [[10.0, 10.0, 30.0, 50.0]]
    assert sample.classes.tolist() == [LABELS.index("defect")]


def test_a_picture_without_parts_has_empty_boxes() -> None:
    sample = stretched(np.zeros((96, 96, 3), dtype=np.uint8), (), 64, 64)
    assert sample.boxes.shape == (0, 4)
    assert not target_maps(sample)[2].any()


@pytest.mark.parametrize("seed", range(8))
def test_an_augmented_box_still_covers_its_part(seed: int) -> None:
    changed = augmented(square(4, 8, 24, 20), np.random.default_rng(seed))
    x0, y0, x1, y1 = changed.boxes[0].astype(int)
    inside = float(changed.image[y0:y1, x0:x1].mean())
    outside = changed.image.astype(np.float64).sum() - inside * 3 * (x1 - x0) * (y1 - y0)
    assert inside > 120
    assert outside / (64 * 48 * 3) < 40


def test_targets_decode_to_the_boxes_they_were_made_of() -> None:
    sample = square(9, 10, 42, 31)
    heat, shape, centres = target_maps(sample)
    assert heat.shape == (len(LABELS), 48 // STRIDE, 64 // STRIDE)
    assert centres.sum() == 1
    found = decode(np.where(heat == 1.0, heat, 0.0), shape[:2], shape[2:], 0.5)
    assert found.classes.tolist() == [1]
    assert np.allclose(found.boxes, sample.boxes, atol=1e-4)

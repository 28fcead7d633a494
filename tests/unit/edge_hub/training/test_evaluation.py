"""Scores of a detector, on cases that can be counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from edge_hub.training.dataset import Sample
from edge_hub.training.evaluation import Detections, decode, matched, overlap, score

Rows = list[list[float]]


def found(boxes: Rows, scores: list[float], classes: list[int]) -> Detections:
    return Detections(
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(scores, dtype=np.float32),
        np.array(classes, dtype=np.int64),
    )


def truth(boxes: Rows, classes: list[int]) -> Sample:
    return Sample(
        np.zeros((8, 8, 3), dtype=np.uint8),
        np.array(boxes, dtype=np.float32).reshape(-1, 4),
        np.array(classes, dtype=np.int64),
    )


BOX, FAR = [0.0, 0.0, 10.0, 10.0], [50.0, 50.0, 60.0, 60.0]


def test_overlap_is_common_area_over_joint_area() -> None:
    boxes = np.array([BOX], dtype=np.float32)
    others = np.array([BOX, [5, 0, 15, 10], FAR], dtype=np.float32)
    assert overlap(boxes, others)[0].tolist() == pytest.approx([1.0, 1 / 3, 0.0])


def test_a_truth_is_found_once_and_the_second_claim_is_wrong() -> None:
    both = found([BOX, BOX], [0.9, 0.8], [0, 0])
    assert matched(both, truth([BOX], [0])).tolist() == [True, False]


def test_the_right_box_with_the_wrong_label_is_wrong() -> None:
    assert matched(found([BOX], [0.9], [1]), truth([BOX], [0])).tolist() == [False]


def test_a_picture_with_nothing_in_it_makes_every_detection_wrong() -> None:
    assert matched(found([BOX], [0.9], [1]), truth([], [])).tolist() == [False]


def test_a_perfect_detector_scores_one() -> None:
    pairs = [(found([BOX, FAR], [0.9, 0.8], [0, 1]), truth([BOX, FAR], [0, 1]))]
    figures = score(pairs)
    assert (figures.map50, figures.precision, figures.recall) == (1.0, 1.0, 1.0)


def test_half_found_and_half_invented_scores_accordingly() -> None:
    pairs = [
        (found([BOX, FAR], [0.9, 0.95], [0, 0]), truth([BOX], [0])),
        (found([], [], []), truth([BOX], [1])),
    ]
    figures = score(pairs)
    assert figures.precision == 0.5
    assert figures.recall == 0.5
    assert figures.map50 == 0.25


def test_only_sure_detections_count_for_precision() -> None:
    pairs = [(found([BOX, FAR], [0.9, 0.1], [0, 0]), truth([BOX], [0]))]
    assert score(pairs).precision == 1.0


def test_decoding_adds_offsets_in_cells_and_sizes_in_pixels() -> None:
    heat = np.zeros((2, 4, 4), dtype=np.float32)
    heat[1, 2, 3] = 0.9
    offset = np.full((2, 4, 4), 0.5, dtype=np.float32)
    size = np.stack((np.full((4, 4), 8.0), np.full((4, 4), 6.0))).astype(np.float32)
    got = decode(heat, offset, size, 0.3)
    assert got.boxes.tolist() == [[10.0, 7.0, 18.0, 13.0]]
    assert got.classes.tolist() == [1]
    assert got.scores.tolist() == pytest.approx([0.9])

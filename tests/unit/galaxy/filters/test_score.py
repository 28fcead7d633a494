from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cantor.base.clock import SystemClock
from galaxy import Context, Detection, Frame
from galaxy.filters.score import Score, hits, overlap

BOX = (10.0, 10.0, 30.0, 30.0)
NEAR = (12.0, 10.0, 32.0, 30.0)
FAR = (20.0, 20.0, 40.0, 40.0)

boxes = st.tuples(*[st.floats(0, 50), st.floats(0, 50), st.floats(0, 50), st.floats(0, 50)]).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


def one(label: str, box: tuple[float, float, float, float], confidence: float = 1.0) -> Detection:
    return Detection(label, 0, confidence, box)


def judged(*frames: Frame) -> dict[str, object]:
    score = Score()
    context = Context(name="score", node="n", pipeline="p", clock=SystemClock())
    for frame in frames:
        assert score.process(frame, context) is frame
    return {**score.report()}


def frame(found: list[Detection], truth: list[Detection] | None) -> Frame:
    return Frame("s", 0, None, captured_s=0, captured_wall_s=0, objects=found, truth=truth)


def test_hits_false_finds_and_misses_are_counted_by_label() -> None:
    report = judged(
        frame([one("part", NEAR), one("part", FAR)], [one("part", BOX)]),
        frame([], [one("defect", BOX)]),
    )
    assert report == {
        "frames": 2,
        "frames_without_truth": 0,
        "precision": 0.5,
        "recall": 0.5,
        "hits": 1,
        "found": 2,
        "real": 2,
        "labels": {
            "defect": {"precision": None, "recall": 0.0, "hits": 0, "found": 0, "real": 1},
            "part": {"precision": 0.5, "recall": 1.0, "hits": 1, "found": 2, "real": 1},
        },
    }


def test_a_find_with_the_wrong_label_is_no_hit() -> None:
    assert hits([one("part", BOX)], [one("defect", BOX)], 0.5) == []


def test_a_truth_box_is_hit_once_and_the_surest_find_chooses_first() -> None:
    doubles = [one("part", NEAR, 0.5), one("part", BOX, 0.9)]
    assert hits(doubles, [one("part", BOX)], 0.5) == ["part"]
    assert hits(doubles, [one("part", BOX), one("part", NEAR)], 0.99) == ["part", "part"]


def test_a_frame_without_truth_is_counted_and_not_judged() -> None:
    report = judged(frame([one("part", BOX)], None), frame([], []))
    assert (report["frames"], report["frames_without_truth"], report["found"]) == (1, 1, 0)
    assert (report["precision"], report["recall"]) == (None, None)


@pytest.mark.parametrize(
    ("other", "expected"),
    [(BOX, 1.0), (NEAR, 360 / 440), (FAR, 100 / 700), ((30.0, 10.0, 50.0, 30.0), 0.0)],
)
def test_overlap_is_intersection_over_union(
    other: tuple[float, float, float, float], expected: float
) -> None:
    assert overlap(BOX, other) == pytest.approx(expected)


@settings(max_examples=40)
@given(boxes, boxes)
@example((0.0, 0.0, 1e-200, 1e-200), (0.0, 0.0, 1e-200, 1e-200))
def test_overlap_is_a_share_and_the_same_both_ways(
    a: tuple[float, float, float, float], b: tuple[float, float, float, float]
) -> None:
    assert 0.0 <= overlap(a, b) <= 1.0 + 1e-9
    assert overlap(a, b) == pytest.approx(overlap(b, a))

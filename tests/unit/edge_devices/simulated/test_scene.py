"""The generated conveyor: the same truth everywhere, boxes inside the picture, no surprises."""

from __future__ import annotations

import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from edge_devices.simulated.parts import KINDS, PartSpec, draw_part
from edge_devices.simulated.scene import LABELS, SEED_END, ConveyorScene, TruthBox, draws


@pytest.fixture(scope="module")
def scene() -> ConveyorScene:
    return ConveyorScene(3, 320, 240)


def test_a_frame_depends_on_seed_and_index_only(scene: ConveyorScene) -> None:
    for index in (500, 3, 100_000, 4):
        scene.frame(index)
    again, truth_again = scene.frame(77)
    fresh, truth_fresh = ConveyorScene(3, 320, 240).frame(77)
    assert np.array_equal(again, fresh)
    assert truth_again == truth_fresh


def test_another_process_tells_the_same_truth(scene: ConveyorScene) -> None:
    program = (
        "import sys, zlib; sys.path[:0] = eval(sys.argv[1])\n"
        "from edge_devices.simulated.scene import ConveyorScene\n"
        "image, truth = ConveyorScene(3, 320, 240).frame(912)\n"
        "print(zlib.crc32(image.tobytes()), truth)"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, repr(sys.path)], capture_output=True, text=True, check=True
    )

    image, truth = scene.frame(912)
    assert told.stdout.strip() == f"{zlib.crc32(image.tobytes())} {truth}"


def test_two_seeds_show_different_parts(scene: ConveyorScene) -> None:
    assert scene.frame(50)[1] != ConveyorScene(4, 320, 240).frame(50)[1]


def test_the_draws_are_the_same_on_every_machine() -> None:
    assert draws(7, "frame", 0)[:2] == (0.8272388535551727, 0.5312133100815117)


@settings(max_examples=25, deadline=None)
@given(index=st.integers(0, 10**7))
def test_truth_boxes_lie_inside_the_picture(scene: ConveyorScene, index: int) -> None:
    image, truth = scene.frame(index)
    assert image.shape == (240, 320, 3)
    assert image.dtype == np.uint8
    for box in truth:
        assert box.label in LABELS
        assert 0 <= box.x0 < box.x1 <= 320
        assert 0 <= box.y0 < box.y1 <= 240


def test_nobody_can_draw_on_a_shared_frame(scene: ConveyorScene) -> None:
    image, _ = scene.frame(0)
    with pytest.raises(ValueError, match="read-only"):
        image[0, 0] = 0


def test_parts_move_with_the_belt(scene: ConveyorScene) -> None:
    _, before = scene.frame(300)
    _, after = scene.frame(310)
    whole = {b for b in before if b.x0 > 0 and b.x1 < 290}
    moved = {TruthBox(b.label, b.x0 + 20, b.y0, b.x1 + 20, b.y1) for b in whole}
    assert whole
    assert moved <= set(after)


def test_sound_and_defective_parts_both_come_by(scene: ConveyorScene) -> None:
    labels = {box.label for index in range(0, 900, 60) for box in scene.frame(index)[1]}
    assert labels == set(LABELS)


def test_the_light_changes(scene: ConveyorScene) -> None:
    means = [float(scene.frame(index)[0].mean()) for index in range(0, 900, 90)]
    assert max(means) - min(means) > 10


def test_parts_never_touch() -> None:
    _, truth = ConveyorScene(11, 640, 480).frame(1234)
    for a in truth:
        for b in truth:
            apart = a.x1 <= b.x0 or b.x1 <= a.x0 or a.y1 <= b.y0 or b.y1 <= a.y0
            assert a is b or apart


@pytest.mark.parametrize("kind", KINDS)
def test_a_flaw_changes_how_a_part_looks(kind: str) -> None:
    looks = [
        draw_part(PartSpec(kind, flaw, 30.0, 0.4, 2.0, 0))  # type: ignore[arg-type]
        for flaw in ("none", "broken", "rust")
    ]
    changed = [np.abs(looks[0].colour.astype(int) - s.colour).max(axis=2) > 40 for s in looks[1:]]
    assert all(int(c.sum()) > 150 for c in changed)


@pytest.mark.parametrize(
    ("seed", "width", "height", "fps"),
    [(-1, 640, 480, 30), (SEED_END, 640, 480, 30), (0, 10, 480, 30), (0, 640, 99999, 30),
     (0, 640, 480, 0), (0, 640, 480, float("nan"))],
)  # fmt: skip
def test_a_scene_that_cannot_be_is_refused(seed: int, width: int, height: int, fps: float) -> None:
    with pytest.raises(ConfigError, match="choose"):
        ConveyorScene(seed, width, height, fps)


def test_a_negative_index_is_refused(scene: ConveyorScene) -> None:
    with pytest.raises(ConfigError, match="count frames from 0"):
        scene.frame(-1)


def test_a_vga_frame_costs_less_than_four_milliseconds() -> None:
    vga = ConveyorScene(5, 640, 480)
    vga.frame(0)
    spent: list[float] = []
    for index in range(1, 60):
        started = time.thread_time()
        vga.frame(index)
        spent.append(time.thread_time() - started)
    assert sorted(spent)[len(spent) // 2] < 0.004

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cantor.base.clock import SystemClock
from cantor.scheduling.needs import parse
from edge_devices.simulated.scene import ConveyorScene
from galaxy import Context, Frame, Registry
from galaxy.filters.conveyor import Conveyor
from galaxy.filters.resize import Resize
from galaxy.loader import load_pipeline
from galaxy.runtime import Runtime

PRESET = Path(__file__).resolve().parents[4] / "configs" / "pipelines" / "conveyor.yaml"


class Pacing(Context):
    """Notes what it is asked to wait, and ends the run after two pauses."""

    def __init__(self) -> None:
        super().__init__(name="belt", node="n", pipeline="p", clock=SystemClock())
        self.waits: list[float] = []

    def wait(self, seconds: float) -> bool:
        self.waits.append(seconds)
        return len(self.waits) > 2


def context() -> Context:
    return Context(name="belt", node="n", pipeline="p", clock=SystemClock())


def drawn(**params: object) -> list[Frame]:
    return list(Conveyor({"width": 160, "height": 120, "count": 3, **params}).frames(context()))


def test_every_frame_is_that_of_the_scene_and_brings_its_truth_along() -> None:
    scene = ConveyorScene(5, 160, 120, 10.0)
    frames = drawn(seed=5, fps=10)
    assert [frame.seq for frame in frames] == [0, 1, 2]
    assert [frame.pts_s for frame in frames] == [0.0, 0.1, 0.2]
    for index, frame in enumerate(frames):
        image, boxes = scene.frame(index)
        assert (frame.pixels() == image).all()
        assert frame.objects == ()
        assert frame.truth is not None
        assert [(real.label, *real.box) for real in frame.truth] == [
            (box.label, box.x0, box.y0, box.x1, box.y1) for box in boxes
        ]


def test_another_seed_gives_another_belt() -> None:
    assert (drawn(seed=1)[0].pixels() != drawn(seed=2)[0].pixels()).any()


def test_a_paced_belt_waits_for_the_time_of_each_frame_and_can_be_stopped() -> None:
    paced = Pacing()
    belt = Conveyor({"width": 160, "height": 120, "fps": 0.1, "paced": True})
    assert len(list(belt.frames(paced))) == 2
    assert paced.waits[0] == 0.0
    assert 9.0 < paced.waits[1] <= 10.0


@pytest.mark.parametrize("params", [{"seed": -1}, {"width": 95}, {"height": 9000}, {"fps": 0}])
def test_a_belt_that_cannot_be_drawn_is_refused_at_once(params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="must lie"):
        Conveyor(params)


def test_the_truth_survives_derivation_is_scaled_with_the_picture_and_is_in_the_document() -> None:
    (frame, *_) = drawn(seed=5)
    small = Resize({"width": 80}).process(frame.derive(objects=()), context())
    assert isinstance(small, Frame)
    assert frame.truth
    assert small.truth is not None
    assert [real.box for real in small.truth] == [
        tuple(edge / 2 for edge in real.box) for real in frame.truth
    ]
    truth = json.loads(json.dumps(small.document("n")))["truth"]
    assert [real["label"] for real in truth] == [real.label for real in frame.truth]


def test_the_demo_job_finds_nine_of_ten_parts_on_sixty_frames_and_loses_none() -> None:
    registry = Registry.default()
    pipeline = load_pipeline(PRESET, registry, parse)
    snapshot = Runtime(pipeline, registry=registry, frames_max=60).run()
    assert snapshot.state == "finished"
    assert snapshot.filters["belt"].frames_out == 60
    assert snapshot.filters["count"].frames_in == 60
    score = json.loads(json.dumps(snapshot.document()))["reports"]["score"]
    assert (score["frames"], score["frames_without_truth"]) == (60, 0)
    assert score["real"] > 300
    assert score["precision"] >= 0.9
    assert score["recall"] >= 0.9
    assert sorted(score["labels"]) == ["defect", "part"]

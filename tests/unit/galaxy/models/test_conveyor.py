"""The detector that ships: its contract, its size, and how well it sees what it never saw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_devices.simulated.scene import LABELS
from edge_hub.training.dataset import STRIDE, Sample, generate
from edge_hub.training.evaluation import Detections, detect_all, score

MODEL = Path(__file__).parents[4] / "agent" / "galaxy" / "models" / "conveyor.onnx"
WIDTH, HEIGHT = 320, 240
UNSEEN_SEEDS = (501, 502, 503, 504)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[Detections, Sample]]:
    return detect_all(MODEL, generate(UNSEEN_SEEDS, 10, WIDTH, HEIGHT))


def test_it_is_one_file_of_less_than_a_megabyte() -> None:
    assert MODEL.stat().st_size < 1_000_000
    assert [p.name for p in MODEL.parent.glob("conveyor.onnx*")] == ["conveyor.onnx"]


def test_its_inputs_outputs_and_metadata_keep_the_contract() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    (images,) = session.get_inputs()
    cells = [HEIGHT // STRIDE, WIDTH // STRIDE]
    assert (images.name, images.type) == ("images", "tensor(float)")
    assert images.shape == [1, 3, HEIGHT, WIDTH]
    assert {o.name: o.shape for o in session.get_outputs()} == {
        "heatmap": [1, len(LABELS), *cells],
        "offset": [1, 2, *cells],
        "size": [1, 2, *cells],
    }
    metadata = session.get_modelmeta().custom_metadata_map
    assert metadata["head"] == "heatmap"
    assert json.loads(metadata["names"]) == list(LABELS)
    assert metadata["stride"] == str(STRIDE)


def test_it_holds_no_external_data_and_only_plain_operators() -> None:
    import onnx

    model = onnx.load(str(MODEL), load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    assert not any(t.external_data for t in model.graph.initializer)
    assert {n.op_type for n in model.graph.node} <= {
        "Conv", "Relu", "Slice", "Mul", "Resize", "Add", "Sub", "Concat", "Sigmoid", "MaxPool",
        "Equal", "Cast",
    }  # fmt: skip


def test_its_heat_map_is_a_probability_with_lonely_peaks() -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(MODEL), providers=["CPUExecutionProvider"])
    (sample,) = generate((501,), 1, WIDTH, HEIGHT)
    pixels = sample.image.transpose(2, 0, 1)[None].astype(np.float32) / 255.0
    heat = session.run(["heatmap"], {"images": pixels})[0][0]
    assert heat.min() >= 0.0
    assert heat.max() <= 1.0
    for channel in heat:
        peaks = channel > 0.2
        assert not (peaks[:, 1:] & peaks[:, :-1]).any()
        assert not (peaks[1:] & peaks[:-1]).any()


def test_it_finds_nine_of_ten_parts_on_forty_unseen_frames(
    pairs: list[tuple[Detections, Sample]],
) -> None:
    assert len(pairs) == 40
    figures = score(pairs)
    assert figures.precision >= 0.9, figures
    assert figures.recall >= 0.9, figures
    assert figures.map50 >= 0.9, figures


def test_each_label_is_recognised_for_itself(pairs: list[tuple[Detections, Sample]]) -> None:
    for label in range(len(LABELS)):
        truths = sum(int((sample.classes == label).sum()) for _, sample in pairs)
        found = sum(int((d.classes[d.scores >= 0.4] == label).sum()) for d, _ in pairs)
        assert truths > 40
        assert abs(found - truths) <= 0.15 * truths


def test_a_blank_wall_and_a_covered_lens_give_no_parts() -> None:
    grey = Sample(
        np.full((HEIGHT, WIDTH, 3), 64, dtype=np.uint8),
        np.zeros((0, 4), dtype=np.float32),
        np.zeros(0, dtype=np.int64),
    )
    dark = Sample(np.zeros_like(grey.image), grey.boxes, grey.classes)
    for found, _ in detect_all(MODEL, (grey, dark)):
        assert not (found.scores >= 0.4).any()


def test_the_model_card_names_licence_data_and_figures() -> None:
    card = MODEL.with_suffix(".md").read_text(encoding="utf-8")
    for word in ("Apache-2.0", "edge_hub.training", "mAP50", "precision", "recall"):
        assert word in card

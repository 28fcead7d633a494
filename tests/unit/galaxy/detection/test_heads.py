from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cantor.base.errors import ModelError
from galaxy.detection import coco
from galaxy.detection.heads import Candidates, HeatmapHead, YoloxHead, suppress
from galaxy.detection.model_file import Model, recognise

if TYPE_CHECKING:
    from pathlib import Path

IMAGE = {"images": (1, 3, 416, 416)}
MAPS = {"heatmap": (1, 2, 60, 80), "offset": (1, 2, 60, 80), "size": (1, 2, 60, 80)}


def test_a_yolox_row_becomes_the_box_that_it_means() -> None:
    rows = np.zeros((1, YoloxHead.anchors(64, 64), 7), np.float32)
    rows[0, 10] = [0.5, 0.25, math.log(2), math.log(4), 0.9, 0.1, 0.8]
    found = YoloxHead(64, 64).decode([rows], 0.25)
    assert found.classes.tolist() == [1]
    assert found.confidences == pytest.approx([0.72])
    assert found.boxes[0] == pytest.approx([12, -6, 28, 26])


def test_a_heatmap_peak_becomes_the_box_that_it_means() -> None:
    heatmap, offset, size = (np.zeros((1, 2, 6, 8), np.float32) for _ in range(3))
    heatmap[0, 1, 3, 5], heatmap[0, 0, 1, 1] = 0.9, 0.5
    offset[0, :, 3, 5], size[0, :, 3, 5] = (0.5, 0.25), (10, 6)
    found = HeatmapHead(4).decode([heatmap, offset, size], 0.4)
    assert found.classes.tolist() == [1, 0]
    assert found.boxes[0] == pytest.approx([17, 10, 27, 16])


def test_doubles_go_but_only_within_a_class() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [1, 0, 11, 10], [50, 50, 60, 60]], np.float32)
    confidences = np.array([0.8, 0.9, 0.7, 0.6], np.float32)
    found = suppress(Candidates(boxes, confidences, np.array([0, 0, 1, 0])), 0.5, 10)
    assert found.confidences == pytest.approx([0.9, 0.7, 0.6])
    few = suppress(Candidates(boxes, confidences, np.array([0, 0, 1, 0])), 0.5, 2)
    assert len(few.boxes) == 2


def test_heads_are_recognised_from_shapes_and_metadata() -> None:
    yolox = recognise("m", IMAGE, {"output": (1, 3549, 85)}, {})
    assert (yolox.head, yolox.names, yolox.rgb) == ("yolox", coco.NAMES, False)
    facts = {"names": '["part", "defect"]', "resize": "stretch", "stride": "4"}
    heatmap = recognise("m", {"images": (1, 3, 240, 320)}, MAPS, facts)
    assert (heatmap.head, heatmap.names) == ("heatmap", ("part", "defect"))
    assert (heatmap.stretch, heatmap.rgb, heatmap.stride) == (True, True, 4)


@pytest.mark.parametrize("text", ['{"0": "a", "1": "b"}', "{0: 'a', 1: 'b'}", "a, b"])
def test_names_are_read_in_every_usual_form(text: str) -> None:
    assert recognise("m", IMAGE, MAPS, {"names": text}).names == ("a", "b")


def test_coco_has_80_names_as_people_write_them() -> None:
    assert len(set(coco.NAMES)) == 80
    assert {"person", "fire hydrant", "sports ball", "toothbrush"} <= set(coco.NAMES)


def test_an_unknown_head_is_one_clear_line() -> None:
    with pytest.raises(ModelError, match=r"no known head fits its outputs y \[1, 1000\]"):
        recognise("m", IMAGE, {"y": (1, 1000)}, {})
    with pytest.raises(ModelError, match="head 'heatmap' does not fit"):
        recognise("m", IMAGE, {"output": (1, 3549, 85)}, {}, head="heatmap")


def test_a_file_that_is_no_model_is_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="is no ONNX model") as caught:
        Model(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(ModelError, match="no such model file"):
        Model(tmp_path / "absent.onnx")


def test_a_model_file_runs_from_input_to_boxes(tmp_path: Path) -> None:
    model = Model(write_heatmap_model(tmp_path / "tiny.onnx"))
    outputs = model.run(np.ones((1, 3, 8, 8), np.float32))
    found = model.make_head().decode(outputs, 0.5)
    assert found.classes.tolist() == [0, 0, 0, 0]


def write_heatmap_model(path: Path) -> Path:
    shape = [1, 1, 2, 2]
    pooled = helper.make_node("AveragePool", ["images"], ["p"], kernel_shape=[4, 4], strides=[4, 4])
    one = helper.make_node("ReduceMean", ["p"], ["heatmap"], axes=[1], keepdims=1)
    two = helper.make_node("Concat", ["heatmap", "heatmap"], ["offset"], axis=1)
    three = helper.make_node("Concat", ["heatmap", "heatmap"], ["size"], axis=1)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [pooled, one, two, three],
        "tiny",
        [value("images", TensorProto.FLOAT, [1, 3, 8, 8])],
        [
            value("heatmap", TensorProto.FLOAT, shape),
            value("offset", TensorProto.FLOAT, [1, 2, 2, 2]),
            value("size", TensorProto.FLOAT, [1, 2, 2, 2]),
        ],
    )
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return path

"""Open a model file and find out what it is: inputs, outputs, class names and head."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from cantor.base.errors import ModelError
from galaxy.detection import coco
from galaxy.detection.heads import Head, HeatmapHead, YoloxHead

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from galaxy.detection.heads import Floats
    from galaxy.params import JsonValue

HEADS = ("yolox", "heatmap")
"""Models that ship with Galaxy, by the name that a pipeline gives instead of a path."""

SIDE_DEFAULT_PX = 416
HEATMAP_STRIDE = 4
NAMES_MAX = 10_000

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a model file says of itself; None in a shape is a size that may vary."""

    inputs: Mapping[str, Shape]
    outputs: Mapping[str, Shape]
    metadata: Mapping[str, str]
    head: str
    names: tuple[str, ...]
    width: int
    height: int
    stride: int
    stretch: bool = False
    rgb: bool = False

    def document(self) -> dict[str, JsonValue]:
        """As JSON."""
        return {
            "head": self.head,
            "input_size": [self.width, self.height],
            "stride": self.stride,
            "resize": "stretch" if self.stretch else "letterbox",
            "channels": "RGB" if self.rgb else "BGR",
            "names": list(self.names),
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "metadata": dict(self.metadata),
        }


class Model:
    """A model that is loaded and ready."""

    def __init__(self, path: Path, *, threads: int = 1, head: str = "", where: str = "") -> None:
        """Load on the CPU without spinning threads; ``head`` overrides what is recognised, and
        ``where`` is how errors call the file.

        Raises:
            ModelError: the file is missing or no ONNX model, or its head is unknown.
        """
        self.path = path
        where = where or str(path)
        self._session = _session(path, threads, where)
        self.facts = recognise(
            where,
            {item.name: _shape(item.shape) for item in self._session.get_inputs()},
            {item.name: _shape(item.shape) for item in self._session.get_outputs()},
            dict(self._session.get_modelmeta().custom_metadata_map),
            head=head,
        )
        self._input = next(iter(self.facts.inputs))
        self._outputs = _output_order(self.facts)

    def make_head(self) -> Head:
        """The decoder of this model's outputs."""
        if self.facts.head == "yolox":
            return YoloxHead(self.facts.width, self.facts.height)
        return HeatmapHead(self.facts.stride)

    def run(self, tensor: Floats) -> list[Floats]:
        """Outputs in the head's order for an input [1, 3, height, width]."""
        return self._session.run(self._outputs, {self._input: tensor})


class OnnxSession(Protocol):
    """What is used of ``onnxruntime.InferenceSession``."""

    def get_inputs(self) -> Sequence[OnnxValue]: ...
    def get_outputs(self) -> Sequence[OnnxValue]: ...
    def get_modelmeta(self) -> OnnxFacts: ...
    def run(self, outputs: list[str], inputs: Mapping[str, Floats]) -> list[Floats]: ...


class OnnxValue(Protocol):
    """One input or output."""

    name: str
    shape: Sequence[int | str | None]


class OnnxFacts(Protocol):
    """The file's own words."""

    custom_metadata_map: Mapping[str, str]


def no_model(where: str) -> ModelError:
    """Of a model file that is missing."""
    return ModelError("there is no such model file", where=where, remedy="check the path")


def _session(path: Path, threads: int, where: str) -> OnnxSession:
    from galaxy.detection.runtime import onnxruntime

    if not path.is_file():
        raise no_model(where)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        reason = " ".join(str(error).split())[:160]
        raise ModelError(
            f"is no ONNX model that can be loaded ({reason})",
            where=where,
            remedy="export the model to ONNX again",
        ) from error
    return cast("OnnxSession", session)


def recognise(
    where: str,
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    metadata: Mapping[str, str],
    *,
    head: str = "",
) -> ModelFacts:
    """What a model is, from its shapes and metadata; ``head`` overrides.

    Raises:
        ModelError: it takes no image or its head is unknown.
    """
    shape = next(iter(inputs.values()), ())
    if len(inputs) != 1 or len(shape) != 4 or shape[1] != 3:
        raise ModelError(
            f"its input is {_shapes_text(inputs)}, not one image [1, 3, height, width]", where=where
        )
    height, width = shape[2] or SIDE_DEFAULT_PX, shape[3] or SIDE_DEFAULT_PX
    chosen = head or metadata.get("head", "") or _head_of(outputs, width, height)
    if chosen not in HEADS or not _fits(chosen, outputs):
        named = f"head {chosen!r} does not fit" if chosen else "no known head fits"
        raise ModelError(
            f"{named} its outputs {_shapes_text(outputs)}",
            where=where,
            remedy=f"known heads: {', '.join(HEADS)}",
        )
    classes = _classes(chosen, outputs)
    names = _names(metadata.get("names", ""), classes)
    stride = _number(metadata.get("stride", ""), HEATMAP_STRIDE)
    rgb = metadata.get("channels", "RGB" if chosen == "heatmap" else "BGR") == "RGB"
    stretch = metadata.get("resize", "letterbox") == "stretch"
    return ModelFacts(inputs, outputs, metadata, chosen, names, width, height, stride, stretch, rgb)


def _head_of(outputs: Mapping[str, Shape], width: int, height: int) -> str:
    if _fits("heatmap", outputs):
        return "heatmap"
    if _fits("yolox", outputs):
        rows = next(iter(outputs.values()))[1]
        if rows is None or rows == YoloxHead.anchors(width, height):
            return "yolox"
    return ""


def _fits(head: str, outputs: Mapping[str, Shape]) -> bool:
    shapes = list(outputs.values())
    if head == "yolox":
        return len(shapes) == 1 and len(shapes[0]) == 3 and (shapes[0][2] or 0) > 5
    return set(outputs) >= {"heatmap", "offset", "size"} and all(
        len(outputs[name]) == 4 for name in ("heatmap", "offset", "size")
    )


def _classes(head: str, outputs: Mapping[str, Shape]) -> int:
    if head == "yolox":
        return (next(iter(outputs.values()))[2] or 6) - 5
    return outputs["heatmap"][1] or 1


def _output_order(facts: ModelFacts) -> list[str]:
    return ["heatmap", "offset", "size"] if facts.head == "heatmap" else list(facts.outputs)


def _names(text: str, classes: int) -> tuple[str, ...]:
    names = _parse_names(text) if text else []
    if not names and classes == len(coco.NAMES):
        return coco.NAMES
    names = names[:classes]
    return (*names, *(f"class {number}" for number in range(len(names), classes)))


def _parse_names(text: str) -> list[str]:
    """Names as a JSON list or object, as ``{0: 'person', 1: 'car'}``, or separated by commas."""
    try:
        held = json.loads(text)
    except ValueError:
        held = dict(re.findall(r"(\d+)\s*:\s*['\"]([^'\"]*)['\"]", text)) or text.split(",")
    if isinstance(held, dict):
        numbered = {int(key): str(name) for key, name in held.items() if str(key).isdecimal()}
        return [numbered[key] for key in sorted(numbered)][:NAMES_MAX]
    return [str(name).strip() for name in held][:NAMES_MAX] if isinstance(held, list) else []


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and 0 < len(text) < 6 and int(text) else default


def _shape(shape: Sequence[int | str | None]) -> Shape:
    return tuple(side if isinstance(side, int) and side > 0 else None for side in shape)


def _shapes_text(shapes: Mapping[str, Shape]) -> str:
    parts = (
        f"{name} [{', '.join('?' if side is None else str(side) for side in shape)}]"
        for name, shape in shapes.items()
    )
    return ", ".join(parts)[:200] or "nothing"

"""Find objects with an ONNX model."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from cantor.base.errors import ModelError
from galaxy.filter import BaseFilter
from galaxy.filters.capture import opencv
from galaxy.frame import Detection
from galaxy.judged_file import judged_file
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from galaxy.context import Context
    from galaxy.detection.heads import Candidates, Floats, Head
    from galaxy.detection.model_file import Model, ModelFacts
    from galaxy.filter import Output
    from galaxy.frame import Frame, Image

PADDING = 114


class OnnxDetect(BaseFilter):
    """Runs a detector on each frame; boxes are in pixels of the frame.

    The image keeps its shape: it is scaled into the upper left corner of the network's input, the
    rest is grey 114; a model whose metadata says ``resize: stretch`` gets all of its
    input filled. Heads are recognised from the model's shapes and metadata.
    """

    description: ClassVar[str] = "Find objects with an ONNX model"
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2", "onnxruntime")
    concurrent: ClassVar[bool] = True
    work: ClassVar[float] = 1.0
    inputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    model = Param(str, description="The model file, or conveyor for the one that ships.", file=True)
    head = Param(
        str, "", choices=("", "yolox", "heatmap"), description="Empty: recognise it from the model."
    )
    confidence = Param(float, 0.25, minimum=0.001, maximum=1, description="Least.", live=True)
    iou = Param(
        float, 0.45, minimum=0, maximum=1, description="Overlap that makes a double.", live=True
    )
    max_objects = Param(int, 300, minimum=1, maximum=10_000, description="Per frame.", live=True)
    classes = Param(tuple, (), description="Names of the classes to keep; empty means all.")
    intra_op_threads = Param(int, 1, minimum=1, maximum=64, description="Threads of the network.")
    parallel = Param(
        int, 1, minimum=1, maximum=64, unit="frames", description="Handled at once, a thread each."
    )

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._model: Model | None = None
        self._head: Head | None = None
        self._wanted: frozenset[int] = frozenset()
        self._canvases = threading.local()

    def open(self, ctx: Context) -> None:
        """Load the model.

        Raises:
            ModelError: it cannot be loaded, its head is unknown, or it lacks a named class.
        """
        from galaxy.detection.model_file import Model, no_model
        from galaxy.detection.packaged import PACKAGED, model_path

        is_judged = ctx.is_judged and self.model not in PACKAGED
        try:
            with judged_file(self.model) if is_judged else nullcontext() as name:
                path = Path(name) if name else model_path(self.model)
                model = Model(path, threads=self.intra_op_threads, head=self.head, where=self.model)
        except OSError as error:
            raise no_model(self.model) from error
        self._model = model
        missing = [name for name in self.classes if name not in model.facts.names]
        if missing:
            raise ModelError(
                f"it knows no class {missing[0]!r}",
                where=self.model,
                remedy="cantor model inspect shows the names that it knows",
            )
        self._head = model.make_head()
        names = model.facts.names
        self._wanted = frozenset(names.index(name) for name in self.classes)

    def process(self, frame: Frame, ctx: Context) -> Output:
        """Find the objects on one frame."""
        from galaxy.detection.heads import suppress

        if self._model is None or self._head is None:
            return None
        image = frame.pixels()
        tensor, ratios = self._prepare(image, self._model.facts, self._head.scale)
        found = self._head.decode(self._model.run(tensor), self.confidence)
        iou = self.iou if self._head.needs_suppression else 1.0
        found = suppress(found, iou, self.max_objects)
        height, width = image.shape[:2]
        return frame.derive(objects=self._objects(found, ratios, width, height))

    def close(self) -> None:
        """Unload the model."""
        self._model = self._head = None
        self._canvases = threading.local()

    def _prepare(
        self, image: Image, facts: ModelFacts, scale: float
    ) -> tuple[Floats, tuple[float, float]]:
        """The tensor [1, 3, height, width], float32, and the scale across and down."""
        import numpy as np

        cv2 = opencv()
        height, width = image.shape[:2]
        across, down = facts.width / width, facts.height / height
        if not facts.stretch:
            across = down = min(across, down)
        scaled_width, scaled_height = int(width * across), int(height * down)
        canvas: Image | None = getattr(self._canvases, "canvas", None)
        if canvas is None:
            canvas = self._canvases.canvas = np.empty((facts.height, facts.width, 3), np.uint8)
        canvas[scaled_height:] = PADDING
        canvas[:, scaled_width:] = PADDING
        canvas[:scaled_height, :scaled_width] = cv2.resize(
            image, (scaled_width, scaled_height), interpolation=cv2.INTER_LINEAR
        )
        tensor: Floats = cv2.dnn.blobFromImage(canvas, scale, swapRB=facts.rgb)
        return tensor, (across, down)

    def _objects(
        self, found: Candidates, ratios: tuple[float, float], width: int, height: int
    ) -> list[Detection]:
        import numpy as np

        if self._model is None:
            return []
        names = self._model.facts.names
        boxes = np.clip(found.boxes / (ratios + ratios), 0, (width, height, width, height))
        rows = zip(boxes.tolist(), found.confidences.tolist(), found.classes.tolist(), strict=True)
        return [
            Detection(names[number], number, confidence, (box[0], box[1], box[2], box[3]))
            for box, confidence, number in rows
            if not self._wanted or number in self._wanted
        ]

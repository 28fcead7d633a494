"""The plain loop: what a person writes without a framework, as reference and as peer.

Written apart from Galaxy on purpose: its boxes are read out and thinned by other code (OpenCV's
NMSBoxes), so that equal results mean something.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import onnxruntime

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

SIDE = 416
CONFIDENCE = 0.25
IOU = 0.45

Box = tuple[float, float, float, float, float, int]
"""Left, top, width, height, confidence, class."""


def make_session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session without spinning threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])


def detect(session: onnxruntime.InferenceSession, image: npt.NDArray[np.uint8]) -> list[Box]:
    """The boxes on one BGR image, in its pixels."""
    ratio = min(SIDE / image.shape[0], SIDE / image.shape[1])
    padded = np.full((SIDE, SIDE, 3), 114, np.uint8)
    small = cv2.resize(image, (int(image.shape[1] * ratio), int(image.shape[0] * ratio)))
    padded[: small.shape[0], : small.shape[1]] = small
    tensor = padded.transpose(2, 0, 1)[None].astype(np.float32)
    rows = session.run(None, {"images": tensor})[0][0]
    grids = [
        (column, row, stride)
        for stride in (8, 16, 32)
        for row in range(SIDE // stride)
        for column in range(SIDE // stride)
    ]
    boxes: list[list[float]] = []
    scores: list[float] = []
    classes: list[int] = []
    for index in np.flatnonzero(rows[:, 4] >= CONFIDENCE):
        row = rows[index]
        number = int(row[5:].argmax())
        score = float(row[4] * row[5 + number])
        if score < CONFIDENCE:
            continue
        column, line, stride = grids[index]
        width, height = float(np.exp(row[2])) * stride, float(np.exp(row[3])) * stride
        left = (float(row[0]) + column) * stride - width / 2
        top = (float(row[1]) + line) * stride - height / 2
        boxes.append([left / ratio, top / ratio, width / ratio, height / ratio])
        scores.append(score)
        classes.append(number)
    if not boxes:
        return []
    kept = cv2.dnn.NMSBoxesBatched(boxes, scores, classes, CONFIDENCE, IOU)
    return [(*boxes[index], scores[index], classes[index]) for index in kept]  # type: ignore[misc]


def read(video: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Every frame of the video."""
    capture = cv2.VideoCapture(str(video), cv2.CAP_FFMPEG)
    while True:
        good, image = capture.read()
        if not good:
            break
        yield image
    capture.release()


def draw_and_encode(image: npt.NDArray[np.uint8], boxes: list[Box]) -> bytes:
    """The image with its boxes as JPEG."""
    for left, top, width, height, score, number in boxes:
        corner, far = (round(left), round(top)), (round(left + width), round(top + height))
        cv2.rectangle(image, corner, far, (66, 165, 245), 2)
        place = (corner[0], max(12, corner[1] - 4))
        text = f"{number} {score:.2f}"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (66, 165, 245), 1)
    _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
    return bytes(data)


def main(video: str, model: str, threads: str, frames_max: str) -> None:
    """Run the whole loop over the video; print its frames per second, first to last."""
    cv2.setNumThreads(1)
    session = make_session(Path(model), int(threads))
    first_s = last_s = 0.0
    number = 0
    for number, image in enumerate(read(Path(video)), 1):
        draw_and_encode(image, detect(session, image))
        last_s = time.monotonic()
        first_s = first_s or last_s
        if number == int(frames_max):
            break
    print((number - 1) / (last_s - first_s))


if __name__ == "__main__":
    main(*sys.argv[1:])

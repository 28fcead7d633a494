"""Frames as headers and buffers, for the way between nodes.

``raw`` carries the exact bytes. ``jpeg`` is small, costs both ends some milliseconds and is meant
for slow links. ``auto`` carries the planes of I420 (half the bytes of BGR, the colour at half the
resolution): measured as the cheapest for both ends that leaves what detectors find nearly as it
was. What a codec cannot hold (metadata alone, an odd size, grey) travels raw.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from galaxy.frame import Detection, Frame, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from cantor.wire.frame import Buffer, Value
    from cantor.workers.slots import Room
    from galaxy.frame import Image
    from galaxy.pipeline import Codec

    Headers = dict[str, Value]
    Body = tuple[Buffer, ...]
    Shape = tuple[int, ...]

QUALITY_DEFAULT = 90
IMAGE_BYTES_MAX = 60 * 1024 * 1024
SIDE_MAX = 65_500
"""Pixels; the longest side that a JPEG can have."""
OBJECTS_MAX = 20_000
TIMINGS_MAX = 1_000
TEXT_LENGTH_MAX = 1024
NUMBER_MAX = 2**63 - 1

_JPEG_SIZES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})
_JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})


def encode_frame(
    frame: Frame,
    codec: Codec,
    quality: int = QUALITY_DEFAULT,
    *,
    room: Room | None = None,
) -> tuple[Headers, Body]:
    """The frame as msgpack values and raw buffers; ``raw`` copies no contiguous image.

    ``room`` gives memory where the bytes should be made.

    Raises:
        LocalProtocolError: the image does not fit in one message.
    """
    headers: Headers = {
        "stream": frame.stream,
        "seq": frame.seq,
        "epoch": frame.epoch,
        "wall": frame.captured_wall_s,
        "pts": frame.pts_s,
        "format": frame.format,
        "objects": _packed(frame.objects),
        "timings": [[timing.stage, timing.kind, timing.ms] for timing in frame.timings],
    }
    if frame.truth is not None:
        headers["truth"] = _packed(frame.truth)
    if frame.image is None:
        return headers, ()
    name, data = _encode_image(frame.image, frame.format, codec, quality, room)
    if data.nbytes > IMAGE_BYTES_MAX:
        raise LocalProtocolError(
            f"an image of {data.nbytes} bytes (limit {IMAGE_BYTES_MAX})",
            where=f"frame {frame.seq} of {frame.stream}",
            remedy="give the connection codec: jpeg",
        )
    headers["codec"] = name
    headers["shape"] = [*frame.image.shape]
    return headers, (data,)


def decode_frame(headers: Headers, body: Body, *, now_s: float, now_wall_s: float) -> Frame:
    """The frame that :func:`encode_frame` took apart.

    ``captured_s`` is told in this node's monotonic time: as long ago as the wall clocks say, and
    never in the future.

    Raises:
        RemoteProtocolError: the headers or the buffers are not those of a frame.
    """
    wall_s = _number(headers, "wall")
    pts = headers.get("pts")
    truth = headers.get("truth")
    return Frame(
        _text(headers.get("stream"), "stream"),
        _integer(headers, "seq"),
        _decode_image(headers, body),
        captured_s=now_s - max(0.0, now_wall_s - wall_s),
        captured_wall_s=wall_s,
        epoch=_integer(headers, "epoch"),
        pts_s=None if pts is None else _number(headers, "pts"),
        format=_text(headers.get("format"), "format"),
        objects=_unpacked(headers.get("objects"), "objects"),
        timings=_timings(headers.get("timings")),
        truth=None if truth is None else _unpacked(truth, "truth"),
    )


def _encode_image(
    image: Image, pixels: str, codec: Codec, quality: int, room: Room | None
) -> tuple[str, memoryview]:
    if codec == "jpeg" and image.ndim in (2, 3) and max(image.shape) <= SIDE_MAX:
        return "jpeg", _to_jpeg(image, quality)
    if codec == "auto" and pixels in ("BGR", "RGB") and _has_planes(image.shape):
        return "i420", _to_i420(image, pixels, room)
    return "raw", _flat(np.ascontiguousarray(image))


def _to_jpeg(image: Image, quality: int) -> memoryview:
    import cv2

    done, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise LocalProtocolError(f"an image of shape {image.shape} cannot become a JPEG")
    return _flat(data)


def _to_i420(image: Image, pixels: str, room: Room | None) -> memoryview:
    import cv2

    code = cv2.COLOR_BGR2YUV_I420 if pixels == "BGR" else cv2.COLOR_RGB2YUV_I420
    given = room(image.size // 2) if room is not None else None
    if given is None:
        return _flat(cv2.cvtColor(image, code))
    planes = np.frombuffer(given, dtype=np.uint8).reshape(image.shape[0] * 3 // 2, image.shape[1])
    cv2.cvtColor(image, code, dst=planes)
    return given


def _flat(data: Image) -> memoryview:
    return memoryview(cast("Buffer", data.reshape(-1)))


def _has_planes(shape: Shape) -> bool:
    return len(shape) == 3 and shape[2] == 3 and not (shape[0] % 2 or shape[1] % 2)


def _decode_image(headers: Headers, body: Body) -> Image | None:
    name = headers.get("codec")
    if name is None and not body:
        return None
    decode = _DECODERS.get(name) if isinstance(name, str) else None
    if decode is None or len(body) != 1:
        raise _odd(f"an image of the unknown codec {str(name)[:40]!r} in {len(body)} buffers")
    shape = _shape(headers.get("shape"))
    return decode(memoryview(body[0]).cast("B"), shape, str(headers.get("format")))


def _from_raw(data: memoryview, shape: Shape, pixels: str) -> Image:
    del pixels
    if data.nbytes != math.prod(shape):
        raise _odd(f"{data.nbytes} bytes for an image of shape {shape}")
    return np.frombuffer(data, dtype=np.uint8).reshape(shape)


def _from_i420(data: memoryview, shape: Shape, pixels: str) -> Image:
    import cv2

    if not _has_planes(shape) or data.nbytes != math.prod(shape) // 2:
        raise _odd(f"{data.nbytes} bytes of I420 for an image of shape {shape}")
    planes = np.frombuffer(data, dtype=np.uint8).reshape(shape[0] * 3 // 2, shape[1])
    code = cv2.COLOR_YUV2RGB_I420 if pixels == "RGB" else cv2.COLOR_YUV2BGR_I420
    return cast("Image", cv2.cvtColor(planes, code))


def _from_jpeg(data: memoryview, shape: Shape, pixels: str) -> Image:
    import cv2

    del pixels
    # What the file says of its size is checked first: a few bytes may claim gigabytes of pixels.
    if _jpeg_size(data) != (shape[0], shape[1]):
        raise _odd(f"a JPEG that is not of shape {shape}")
    flags = cv2.IMREAD_COLOR if len(shape) == 3 else cv2.IMREAD_GRAYSCALE
    try:
        image = cv2.imdecode(
            np.frombuffer(data, dtype=np.uint8), flags | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error as error:
        raise _odd(f"a broken JPEG ({error.err})") from error
    if image is None or image.shape != shape:
        raise _odd(f"a broken JPEG, or not of shape {shape}")
    return cast("Image", image)


_DECODERS: dict[str, Callable[[memoryview, Shape, str], Image]] = {
    "raw": _from_raw,
    "i420": _from_i420,
    "jpeg": _from_jpeg,
}


def _jpeg_size(data: memoryview) -> tuple[int, int] | None:
    """Height and width in the first frame header of a JPEG, None if there is none."""
    if bytes(data[:2]) != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xFF:  # fill
            at += 1
        elif marker in _JPEG_BARE:
            at += 2
        elif marker in _JPEG_SIZES:
            return (data[at + 5] << 8 | data[at + 6], data[at + 7] << 8 | data[at + 8])
        else:
            at += 2 + (data[at + 2] << 8 | data[at + 3])
    return None


def _shape(value: Value) -> Shape:
    if not isinstance(value, list) or not 2 <= len(value) <= 3:
        raise _odd("an image without a shape")
    sides = [side for side in value if type(side) is int and 1 <= side <= IMAGE_BYTES_MAX]
    # I420 and JPEG unfold to more bytes than travelled, so the limit is on the pixels too.
    if (
        len(sides) != len(value)
        or math.prod(sides) > 4 * IMAGE_BYTES_MAX
        or sides[2:]
        not in (
            [],
            [3],
        )
    ):
        raise _odd(f"an image of shape {str(value)[:60]}")
    return tuple(sides)


def _packed(found: Iterable[Detection]) -> list[Value]:
    return [
        [each.label, int(each.class_id), float(each.confidence), *map(float, each.box)]
        for each in found
    ]


def _unpacked(value: Value, what: str) -> list[Detection]:
    if not isinstance(value, list) or len(value) > OBJECTS_MAX:
        raise _odd(f"no usable list of {what}")
    found = []
    for entry in value:
        if not isinstance(entry, list) or len(entry) != 7 or type(entry[1]) is not int:
            raise _odd(f"an entry of {what} that is no object")
        confidence, left, top, right, bottom = (_finite(each, what) for each in entry[2:])
        label = _text(entry[0], what)
        found.append(Detection(label, entry[1], confidence, (left, top, right, bottom)))
    return found


def _timings(value: Value) -> tuple[Timing, ...]:
    if not isinstance(value, list) or len(value) > TIMINGS_MAX:
        raise _odd("no usable list of timings")
    timings = []
    for entry in value:
        if not isinstance(entry, list) or len(entry) != 3 or entry[1] not in ("run", "queue"):
            raise _odd("an entry of timings that is none")
        kind = cast("Literal['run', 'queue']", entry[1])
        timings.append(Timing(_text(entry[0], "timings"), kind, _finite(entry[2], "timings")))
    return tuple(timings)


def _text(value: Value, what: str) -> str:
    if not isinstance(value, str) or len(value) > TEXT_LENGTH_MAX:
        raise _odd(f"no usable text for {what}")
    return value


def _integer(headers: Headers, key: str) -> int:
    value = headers.get(key)
    if type(value) is not int or not 0 <= value <= NUMBER_MAX:
        raise _odd(f"no usable number for {key}")
    return value


def _number(headers: Headers, key: str) -> float:
    return _finite(headers.get(key), key)


def _finite(value: Value, what: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(cast("float", value)):
        raise _odd(f"no usable number for {what}")
    return float(cast("float", value))


def _odd(what: str) -> RemoteProtocolError:
    return RemoteProtocolError(f"a frame came with {what}", remedy="update the older node")

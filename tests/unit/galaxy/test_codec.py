from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import msgpack
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from galaxy.codec import IMAGE_BYTES_MAX, decode_frame, encode_frame
from galaxy.frame import Detection, Frame, Timing

if TYPE_CHECKING:
    from cantor.wire.frame import Buffer, Value
    from galaxy.frame import Image
    from galaxy.pipeline import Codec

PERSON = Detection("person", 0, 0.75, (1.0, 2.0, 30.5, 40.25))


def picture(height: int = 48, width: int = 64) -> Image:
    """Smooth colours, as cameras give them."""
    rows, columns = np.mgrid[0:height, 0:width]
    planes = (rows * 4 % 256, columns * 3 % 256, (rows + columns) % 256)
    return cast("Image", cv2.blur(np.stack(planes, axis=2).astype(np.uint8), (9, 9)))


def frame(image: Image | None, **more: object) -> Frame:
    return Frame("camera", 7, image, captured_s=1.0, captured_wall_s=1000.0, **more)  # type: ignore[arg-type]


def there_and_back(given: Frame, codec: Codec, quality: int = 90) -> Frame:
    headers, body = encode_frame(given, codec, quality)
    travelled = msgpack.unpackb(msgpack.packb(headers))
    return decode_frame(travelled, tuple(bytes(b) for b in body), now_s=50.0, now_wall_s=1000.25)


def test_everything_that_a_frame_says_arrives() -> None:
    timing = Timing("detect", "run", 3.5)
    sent = frame(picture(), epoch=3, pts_s=0.5, objects=[PERSON], timings=(timing,), truth=[PERSON])
    got = there_and_back(sent, "raw")
    assert (got.stream, got.seq, got.epoch, got.pts_s, got.format) == ("camera", 7, 3, 0.5, "BGR")
    assert got.objects == got.truth == (PERSON,)
    assert got.timings == (timing,)
    assert np.array_equal(got.pixels(), sent.pixels())
    assert not got.pixels().flags.writeable


def test_no_truth_is_not_an_empty_truth() -> None:
    assert there_and_back(frame(None), "auto").truth is None
    assert there_and_back(frame(None, truth=()), "auto").truth == ()
    assert there_and_back(frame(None), "auto").image is None


def test_the_time_of_capture_is_told_in_the_clock_of_the_receiver() -> None:
    headers, body = encode_frame(frame(None), "raw")
    assert decode_frame(headers, body, now_s=50.0, now_wall_s=1000.25).captured_s == 49.75
    assert decode_frame(headers, body, now_s=50.0, now_wall_s=900.0).captured_s == 50.0


def test_raw_copies_no_contiguous_image() -> None:
    image = picture()
    headers, (data,) = encode_frame(frame(image), "raw")
    assert np.shares_memory(np.frombuffer(data, np.uint8), image)
    got = decode_frame(headers, (data,), now_s=0, now_wall_s=0)
    assert np.shares_memory(got.pixels(), image)
    turned = there_and_back(frame(image[:, ::-1]), "raw")
    assert np.array_equal(turned.pixels(), image[:, ::-1])


@pytest.mark.parametrize("pixels", ["BGR", "RGB"])
@pytest.mark.parametrize(("codec", "name"), [("auto", "i420"), ("jpeg", "jpeg")])
def test_a_picture_arrives_nearly_as_it_was_in_fewer_bytes(
    codec: Codec, name: str, pixels: str
) -> None:
    sent = frame(picture(), format=pixels)
    headers, (data,) = encode_frame(sent, codec)
    got = there_and_back(sent, codec)
    assert headers["codec"] == name
    assert memoryview(data).nbytes <= sent.pixels().nbytes // 2
    error = np.abs(got.pixels().astype(int) - sent.pixels())
    assert error.mean() < 4
    assert got.format == pixels


@pytest.mark.parametrize("image", [picture(47, 64), picture(48, 63), picture()[:, :, 0]])
def test_what_has_no_colour_planes_travels_raw(image: Image) -> None:
    pixels = "BGR" if image.ndim == 3 else "GRAY"
    assert np.array_equal(there_and_back(frame(image, format=pixels), "auto").pixels(), image)
    assert there_and_back(frame(image, format=pixels), "jpeg").pixels().shape == image.shape


def test_an_image_too_large_for_a_message_names_the_codec_that_holds_it() -> None:
    image = np.zeros((4000, IMAGE_BYTES_MAX // 12_000 + 1, 3), np.uint8)
    with pytest.raises(LocalProtocolError, match="codec: jpeg"):
        encode_frame(frame(image), "raw")
    assert there_and_back(frame(image), "jpeg").pixels().shape == image.shape


def test_a_jpeg_that_claims_another_size_is_refused_before_it_is_unpacked() -> None:
    headers, (data,) = encode_frame(frame(picture()), "jpeg")
    bomb = bytearray(data)
    at = bomb.index(b"\xff\xc0")
    bomb[at + 5 : at + 9] = b"\xff\x00\xff\x00"
    shapes: list[list[Value]] = [[48, 64, 3], [0xFF00, 0xFF00, 3]]
    for shape in shapes:
        with pytest.raises(RemoteProtocolError):
            decode_frame({**headers, "shape": shape}, (bytes(bomb),), now_s=0, now_wall_s=0)
    with pytest.raises(RemoteProtocolError):
        decode_frame(headers, (b"\x89PNG" + bytes(data),), now_s=0, now_wall_s=0)


junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


@given(data=st.data(), codec=st.sampled_from(["raw", "jpeg", "auto"]))
def test_hostile_frames_are_refused_or_are_frames(data: st.DataObject, codec: Codec) -> None:
    headers, body = encode_frame(frame(picture(), objects=[PERSON], truth=[PERSON]), codec)
    for key in data.draw(st.lists(st.sampled_from([*headers]), min_size=1, max_size=3)):
        if data.draw(st.booleans()):
            headers[key] = data.draw(junk)
        else:
            headers.pop(key, None)
    spoilt = bytes(body[0])[: data.draw(st.integers(0, 4000))]
    bodies: list[tuple[Buffer, ...]] = [body, (), (spoilt,), (*body, spoilt)]
    body = bodies[data.draw(st.integers(0, 3))]
    try:
        got = decode_frame(headers, body, now_s=0.0, now_wall_s=0.0)
    except RemoteProtocolError:
        return
    assert got.image is None or got.image.dtype == np.uint8


def test_a_spoilt_list_of_objects_is_refused() -> None:
    headers, body = encode_frame(frame(None, objects=[PERSON], timings=()), "raw")
    for objects in (
        None,
        [1],
        [["person", 0]],
        [["person", 0.5, 0, 0, 0, 0, 0]],
        [["person", 0, float("nan"), 0, 0, 0, 0]],
        [[b"person", 0, 0, 0, 0, 0, 0]],
    ):
        with pytest.raises(RemoteProtocolError):
            decode_frame({**headers, "objects": objects}, body, now_s=0, now_wall_s=0)  # type: ignore[dict-item]
    for timings in (None, ["x"], [["a", "walk", 1.0]]):
        with pytest.raises(RemoteProtocolError):
            decode_frame({**headers, "timings": timings}, body, now_s=0, now_wall_s=0)  # type: ignore[dict-item]

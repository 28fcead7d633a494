"""What is opened is what was judged, also when something else lies there by now."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from cantor.base.clock import SystemClock
from cantor.base.errors import CantorError, ModelError
from galaxy import Context
from galaxy.detection.packaged import model_path
from galaxy.errors import MediaError
from galaxy.filters.capture import OPTIONS, opencv
from galaxy.filters.file_source import FileSource
from galaxy.filters.onnx_detect import OnnxDetect
from galaxy.judged_file import judged_file

if TYPE_CHECKING:
    from galaxy.filter import BaseFilter


class Place:
    """An open folder with a video and a model, and a secret one of the same names beside it."""

    def __init__(self, folder: Path) -> None:
        self.open, self.secret = folder / "open", folder / "secret"
        for one in (self.open, self.secret):
            one.mkdir()
            write_video(one / "video.avi")
            (one / "model.onnx").write_bytes(model_path("conveyor").read_bytes())

    def swap_file(self, name: str) -> None:
        (self.open / name).unlink()
        (self.open / name).symlink_to(self.secret / name)

    def swap_folder(self, name: str) -> None:
        del name
        self.open.rename(self.open.with_name("moved"))
        self.open.symlink_to(self.secret)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path.resolve())


def write_video(path: Path) -> None:
    cv2 = opencv()
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()


def context(*, is_judged: bool) -> Context:
    return Context(name="one", node="n", pipeline="p", clock=SystemClock(), is_judged=is_judged)


def refusal(one: BaseFilter, *, is_judged: bool = True) -> str:
    """Why it does not open; "" if it does."""
    try:
        one.open(context(is_judged=is_judged))
    except CantorError as error:
        return str(error)
    finally:
        one.close()
    return ""


def numbers() -> list[str]:
    gc.collect()  # what tests before have left is closed first
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def filters(place: Place) -> dict[str, BaseFilter]:
    return {
        "video.avi": FileSource({"path": str(place.open / "video.avi")}),
        "model.onnx": OnnxDetect({"model": str(place.open / "model.onnx")}),
    }


@pytest.mark.parametrize("name", ["video.avi", "model.onnx"])
@pytest.mark.parametrize("swap", ["swap_file", "swap_folder"])
def test_a_link_that_came_after_the_judgement_is_not_followed(
    place: Place, name: str, swap: str
) -> None:
    assert not refusal(filters(place)[name])

    getattr(place, swap)(name)

    assert not refusal(filters(place)[name], is_judged=False), "it works for the box itself"
    why = refusal(filters(place)[name])
    assert str(place.open / name) in why
    assert "/proc/" not in why


def test_every_frame_is_read_by_the_descriptor_also_when_it_begins_again(place: Place) -> None:
    source, ctx = (
        FileSource({"path": str(place.open / "video.avi"), "loop": True}),
        context(is_judged=True),
    )
    source.open(ctx)
    frames = source.frames(ctx)
    assert [next(frames).seq for _ in range(7)] == list(range(7))
    place.swap_file("video.avi")
    with pytest.raises(MediaError, match="no such video file"):
        list(frames)
    source.close()


def test_only_a_file_is_opened_and_no_descriptor_is_left(place: Place) -> None:
    os.mkfifo(place.open / "fifo")
    (place.open / "link").symlink_to("video.avi")
    before = numbers()
    for path in (
        place.open, place.open / "fifo", place.open / "link", place.open / "none", "/dev/zero",
        "video.avi", "", "/", f"{place.open}/../secret/video.avi", "/etc/x\0y",
    ):  # fmt: skip
        with pytest.raises(OSError, match=r"Errno"), judged_file(str(path)):
            pytest.fail(f"opened {path}")
    with judged_file(str(place.open / "video.avi")) as name:
        assert Path(name).read_bytes() == (place.open / "video.avi").read_bytes()
    assert numbers() == before


def test_a_playlist_leads_nowhere(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    playlist = place.open / "list.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n"
        f"file://{place.secret}/video.avi\n#EXT-X-ENDLIST\n"
    )
    cv2 = opencv()
    source = FileSource({"path": str(playlist)})
    assert "no video that FFmpeg can decode" in refusal(source)
    assert "no video that FFmpeg can decode" in refusal(source, is_judged=False)

    monkeypatch.delenv(OPTIONS)
    capture = cv2.VideoCapture(str(playlist), cv2.CAP_FFMPEG)
    assert capture.read()[0], "without the list of formats FFmpeg follows it"
    capture.release()


@pytest.mark.parametrize("location", ["{secret}/weights", "../secret/weights", "weights"])
def test_weights_in_another_file_are_not_read(place: Place, location: str) -> None:
    for folder in (place.open, place.secret):
        (folder / "weights").write_bytes(bytes(16))
    model = place.open / "model.onnx"
    model.write_bytes(with_weights_elsewhere(location.format(secret=place.secret), 16))

    with pytest.raises(ModelError, match="is no ONNX model that can be loaded"):
        OnnxDetect({"model": str(model)}).open(context(is_judged=True))


def with_weights_elsewhere(location: str, length: int) -> bytes:
    """A model that gives its only weights, which are bytes in a file. Source: onnx.proto."""
    where = {"location": location, "offset": "0", "length": str(length)}
    rows = b"".join(
        field(13, field(1, key.encode()) + field(2, where[key].encode())) for key in where
    )
    weights = number(1, length) + number(2, 3) + field(8, b"w") + rows + number(14, 1)
    shape = field(1, number(1, 3) + field(2, field(1, number(1, length))))
    node = field(1, b"w") + field(2, b"y") + field(4, b"Identity")
    graph = field(1, node) + field(2, b"g") + field(5, weights)
    graph += field(12, field(1, b"y") + field(2, shape))
    return number(1, 8) + field(7, graph) + field(8, field(1, b"") + number(2, 13))


def field(key: int, data: bytes) -> bytes:
    return varint(key << 3 | 2) + varint(len(data)) + data


def number(key: int, value: int) -> bytes:
    return varint(key << 3) + varint(value)


def varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    return bytes((*parts, value))

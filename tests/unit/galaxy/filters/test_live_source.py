from __future__ import annotations

import threading
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest

from cantor.base.clock import SystemClock
from cantor.base.errors import ConfigError
from cantor.base.resources import Device
from galaxy import Context
from galaxy.filters.capture import FreshestReader
from galaxy.filters.live_source import LiveSource, Rtsp, UsbCamera, camera_path

if TYPE_CHECKING:
    import numpy.typing as npt

    from galaxy.filters.capture import Capture


class Camera:
    """Gives ``frames`` images, then fails, or hangs until it is let go."""

    def __init__(self, frames: int, hang: threading.Event | None = None) -> None:
        self.left = frames
        self.hang = hang
        self.released = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802 # OpenCV's name
        return True

    def read(self) -> tuple[bool, npt.NDArray[np.uint8] | None]:
        if not self.left:
            if self.hang:
                self.hang.wait(10)
            return False, None
        self.left -= 1
        return True, np.full((4, 4, 3), self.left, np.uint8)

    def get(self, key: int) -> float:
        return 0.0

    def release(self) -> None:
        self.released.set()


class HandClock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def wall(self) -> float:
        return 1_000_000.0 + self.now_s


class Scripted(LiveSource):
    """Opens one prepared camera after another."""

    cameras: ClassVar[list[Camera]] = []

    def open_capture(self) -> Capture:
        if not self.cameras:
            message = "no camera"
            raise OSError(message)
        return self.cameras.pop(0)

    def shown_address(self) -> str:
        return "scripted"


def context() -> Context:
    return Context(name="cam", node="n", pipeline="p", clock=SystemClock())


def test_a_lost_source_is_opened_again_and_the_count_of_frames_goes_on() -> None:
    cameras = [Camera(1), Camera(1), Camera(1)]
    Scripted.cameras[:] = cameras
    source, ctx = Scripted({"backoff_max_s": 0.01}), context()
    frames = source.frames(ctx)
    assert [next(frames).seq for _ in range(3)] == [0, 1, 2]
    frames.close()  # type: ignore[attr-defined]
    source.close()
    assert ctx.counters["connects"] == 3
    assert ctx.counters["failures"] == 2
    assert all(camera.released.wait(10) for camera in cameras)


def test_a_source_that_hangs_is_noticed_by_the_age_of_its_last_frame() -> None:
    let_go = threading.Event()
    stuck = Camera(1, hang=let_go)
    Scripted.cameras[:] = [stuck, Camera(1)]
    source, ctx = Scripted({"backoff_max_s": 0.01, "stall_timeout_s": 0.5}), context()
    frames = source.frames(ctx)
    assert [next(frames).seq for _ in range(2)] == [0, 1]
    assert ctx.counters["stalls"] == 1
    let_go.set()
    frames.close()  # type: ignore[attr-defined]
    source.close()


def test_a_source_says_for_how_long_it_is_lost_and_why_until_frames_come_again() -> None:
    Scripted.cameras[:] = [Camera(1)]
    clock = HandClock()
    source = Scripted({"backoff_max_s": 0.01})
    ctx = Context(name="cam", node="n", pipeline="p", clock=clock)
    frames = source.frames(ctx)
    next(frames)
    assert source.live_report() == {}
    said: list[dict[str, object]] = []

    def lost(seconds: float) -> bool:
        clock.now_s += 12
        said.append(dict(source.live_report()))
        Scripted.cameras[:] = [Camera(1)]
        return False

    ctx.wait = lost  # type: ignore[method-assign]
    next(frames)

    assert said == [{"lost": "no frame for 12 s: no further frame came"}]
    assert source.live_report() == {}
    frames.close()  # type: ignore[attr-defined]
    source.close()


def test_a_camera_that_cannot_be_opened_says_so() -> None:
    camera = Camera(0)
    camera.isOpened = lambda: False  # type: ignore[method-assign]
    reader = FreshestReader(lambda: camera, lambda: 7.0)
    assert reader.take(10) is None
    assert reader.reason == "it cannot be opened"


def test_only_the_freshest_frame_is_held_and_the_others_are_counted() -> None:
    camera = Camera(50)
    reader = FreshestReader(lambda: camera, lambda: 7.0)
    assert camera.released.wait(10)
    taken = reader.take(0)
    assert taken is not None
    image, captured_s = taken
    assert (image[0, 0, 0], captured_s, reader.skipped) == (0, 7.0, 49)
    reader.close(timeout_s=10)


def test_pauses_grow_to_the_limit_and_are_spread_by_chance() -> None:
    source = Scripted({"backoff_max_s": 4.0})
    for failures, longest in ((0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (40, 4.0)):
        assert longest / 2 <= source.pause_s(failures) <= longest


def test_the_address_of_a_network_camera_is_shown_without_its_password() -> None:
    shown = Rtsp({"url": "rtsp://admin:secret@10.0.0.8:554/live?key=1"}).shown_address()
    assert shown == "rtsp://10.0.0.8:554/live"


def test_a_simulated_camera_is_opened_by_its_path() -> None:
    source = UsbCamera({"device": "sim:seed=3,size=160x120,fps=200"})
    ctx = context()
    source.open(ctx)
    frames = source.frames(ctx)
    taken = [next(frames) for _ in range(3)]
    frames.close()  # type: ignore[attr-defined]
    source.close()
    assert [frame.seq for frame in taken] == [0, 1, 2]
    assert all(frame.pixels().shape == (120, 160, 3) for frame in taken)
    assert ctx.counters["connects"] == 1


def test_a_simulated_camera_that_is_asked_for_wrongly_is_refused_before_the_run() -> None:
    with pytest.raises(ConfigError, match="does not describe a simulated camera"):
        UsbCamera({"device": "sim:colour=red"}).open(context())


def test_a_camera_is_found_by_its_id_and_without_a_name_the_first_one_is_taken() -> None:
    devices = [
        Device("gpu-1", "gpu", "A GPU", "/dev/nvidia0"),
        Device("usb-a", "camera", "Unplugged", ""),
        Device("usb-b", "camera", "First", "/dev/video2"),
        Device("usb-c", "camera", "Second", "/dev/video4"),
    ]

    asked = ("", "usb-c", "/dev/video9")

    assert [camera_path(name, devices) for name in asked] == [
        "/dev/video2",
        "/dev/video4",
        "/dev/video9",
    ]
    assert camera_path("", []) == "/dev/video0"

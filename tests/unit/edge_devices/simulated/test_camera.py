"""The simulated camera: paced, buffered, lossy for slow readers, and as unreliable as told."""

from __future__ import annotations

import numpy as np
import pytest

from cantor.base.errors import ConfigError, DeviceError
from edge_devices.simulated.camera import BUFFERS, Faults, SimulatedCamera
from edge_devices.simulated.frames import CameraFormat, CameraFrame
from edge_devices.simulated.options import CameraOptions
from edge_devices.simulated.scene import ConveyorScene

SMALL = CameraOptions(seed=5, width=320, height=240, fps=10.0)


class HandClock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def camera(clock: HandClock, faults: Faults | None = None) -> SimulatedCamera:
    return SimulatedCamera(SMALL, clock, faults)


def test_no_frame_comes_before_its_time(clock: HandClock) -> None:
    stream = camera(clock).open()
    assert stream.read() is None
    assert stream.wait_s() == pytest.approx(0.1)
    clock.now += 0.06
    assert stream.wait_s() == pytest.approx(0.04)
    clock.now += 0.04
    assert stream.wait_s() == 0.0
    frame = stream.read()
    assert frame is not None
    assert frame.sequence == 0
    assert frame.captured_s == pytest.approx(1000.1)
    assert stream.read() is None


def test_a_reader_that_keeps_up_sees_every_frame(clock: HandClock) -> None:
    stream = camera(clock).open()
    seen: list[int] = []
    for _ in range(25):
        clock.now += 0.1
        frame = stream.read()
        assert frame is not None
        seen.append(frame.sequence)
    assert seen == list(range(25))
    assert stream.dropped == 0


def test_a_slow_reader_gets_the_oldest_buffers_and_loses_the_rest(clock: HandClock) -> None:
    stream = camera(clock).open()
    clock.now += 1.0
    kept = [frame.sequence for frame in iter(stream.read, None)]
    assert kept == list(range(BUFFERS))
    assert stream.dropped == 10 - BUFFERS
    clock.now += 0.1
    after = stream.read()
    assert after is not None
    assert after.sequence == 10


@pytest.mark.parametrize("pixel_format", ["YUYV", "MJPG"])
def test_the_picture_is_the_scene_behind_it(clock: HandClock, pixel_format: str) -> None:
    device = camera(clock)
    mode = next(f for f in device.formats if f.pixel_format == pixel_format)
    stream = device.open(mode)
    clock.now += 0.1
    frame = stream.read()
    assert frame is not None
    truth, _ = ConveyorScene(5, 320, 240, 10.0).frame(0)
    difference = np.abs(frame.image().astype(int) - truth)
    assert frame.image().shape == (240, 320, 3)
    assert difference.mean() < 6


def test_large_cameras_offer_a_half_size_too(clock: HandClock) -> None:
    modes = SimulatedCamera(CameraOptions(1, 640, 480), clock).formats
    assert [(m.width, m.height) for m in modes] == [(640, 480)] * 2 + [(320, 240)] * 2


def test_a_mode_that_is_not_offered_is_refused(clock: HandClock) -> None:
    with pytest.raises(DeviceError, match="choose one of its formats"):
        camera(clock).open(CameraFormat("MJPG", 1920, 1080, 60.0))


def test_one_reader_at_a_time(clock: HandClock) -> None:
    device = camera(clock)
    first = device.open()
    with pytest.raises(DeviceError, match="in use"):
        device.open()
    first.close()
    first.close()
    with pytest.raises(DeviceError, match="closed"):
        first.read()
    assert device.open().read() is None


def test_a_pulled_cable_kills_the_stream_for_good(clock: HandClock) -> None:
    device = camera(clock)
    stream = device.open()
    clock.now += 0.1
    device.unplug()
    device.unplug()
    with pytest.raises(DeviceError, match="gone"):
        stream.read()
    with pytest.raises(DeviceError, match="gone"):
        device.open()
    device.plug_in()
    with pytest.raises(DeviceError, match="gone"):
        stream.read()
    again = device.open()
    clock.now += 0.1
    frame = again.read()
    assert frame is not None
    assert frame.sequence == 0


def test_a_planned_unplug_comes_and_goes_by_the_clock(clock: HandClock) -> None:
    device = camera(clock, Faults(unplugged=((1000.5, 1002.0),)))
    stream = device.open()
    clock.now = 1000.4
    assert stream.read() is not None
    clock.now = 1000.5
    assert not device.plugged
    with pytest.raises(DeviceError, match="gone"):
        stream.wait_s()
    clock.now = 1003.0
    assert device.plugged
    with pytest.raises(DeviceError, match="gone"):
        stream.read()
    assert device.open().alive


@pytest.mark.parametrize("which", [0, 1])
def test_torn_frames_are_told_from_good_ones(clock: HandClock, which: int) -> None:
    device = camera(clock, Faults(garbage_share=0.4))
    stream = device.open(device.formats[which])
    torn: list[int] = []
    for _ in range(40):
        clock.now += 0.1
        frame = stream.read()
        assert frame is not None
        try:
            frame.image()
        except DeviceError:
            torn.append(frame.sequence)
    assert 5 < len(torn) < 30


def test_the_same_seed_tears_the_same_frames(clock: HandClock) -> None:
    def torn_at() -> list[int]:
        stream = camera(clock, Faults(garbage_share=0.3)).open()
        sizes: list[int] = []
        for _ in range(20):
            clock.now += 0.1
            frame = stream.read()
            assert frame is not None
            sizes.append(len(frame.data))
        return sizes

    assert torn_at() == torn_at()


@pytest.mark.parametrize(
    "text", ["", "yes", "seed", "seed=x", "size=640", "size=641x480", "size=9x9", "fps=-1",
             "fps=nan", "seed=1,seed=2", "seed=-4", "color=red", "size=640x480x3"],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        CameraOptions.parse(text)


@pytest.mark.parametrize("options", [CameraOptions(), SMALL, CameraOptions(9, 1280, 720, 12.5)])
def test_a_path_reads_back_as_the_options_it_came_from(options: CameraOptions) -> None:
    assert options.path.startswith("sim:")
    assert CameraOptions.parse(options.path) == options


def test_a_torn_frame_says_which_and_what_to_do() -> None:
    frame = CameraFrame(CameraFormat("MJPG", 320, 240, 10.0), 12, 0.0, b"\xff\xd8 torn")
    with pytest.raises(DeviceError, match=r"frame 12 arrived torn .* skip it"):
        frame.image()

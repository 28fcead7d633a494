"""The simulated camera behind OpenCV's interface."""

from __future__ import annotations

import pytest

from edge_devices.simulated.camera import Faults, SimulatedCamera
from edge_devices.simulated.capture import FPS, FRAME_HEIGHT, FRAME_WIDTH, SimulatedCapture
from edge_devices.simulated.options import CameraOptions


class HandClock:
    """A clock that moves only while somebody sleeps on it."""

    def __init__(self) -> None:
        self.now = 50.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def camera(clock: HandClock, faults: Faults | None = None) -> SimulatedCamera:
    return SimulatedCamera(CameraOptions(2, 320, 240, 10.0), clock, faults)


def test_it_reads_at_the_pace_of_the_camera(clock: HandClock) -> None:
    capture = SimulatedCapture(camera(clock), clock.sleep)
    for _ in range(5):
        good, image = capture.read()
        assert good
        assert image is not None
        assert image.shape == (240, 320, 3)
    assert clock.now == pytest.approx(50.5)
    assert capture.get(0) == pytest.approx(500.0)
    assert [capture.get(key) for key in (FRAME_WIDTH, FRAME_HEIGHT, FPS, 99)] == [320, 240, 10, 0]


def test_torn_frames_are_skipped_and_counted(clock: HandClock) -> None:
    capture = SimulatedCapture(camera(clock, Faults(garbage_share=0.5)), clock.sleep)
    assert all(capture.read()[0] for _ in range(10))
    assert capture.torn > 0
    assert clock.now == pytest.approx(50.0 + (10 + capture.torn) / 10)


def test_a_pulled_camera_ends_the_capture(clock: HandClock) -> None:
    device = camera(clock)
    capture = SimulatedCapture(device, clock.sleep)
    assert capture.isOpened()
    device.unplug()
    assert not capture.isOpened()
    assert capture.read() == (False, None)


def test_a_camera_that_is_not_there_does_not_open(clock: HandClock) -> None:
    device = camera(clock)
    device.unplug()
    capture = SimulatedCapture(device, clock.sleep)
    assert not capture.isOpened()
    assert capture.read() == (False, None)
    assert capture.get(FRAME_WIDTH) == 0.0


def test_a_released_camera_is_free_for_the_next_reader(clock: HandClock) -> None:
    device = camera(clock)
    first = SimulatedCapture(device, clock.sleep)
    assert not SimulatedCapture(device, clock.sleep).isOpened()
    first.release()
    first.release()
    assert not first.isOpened()
    assert SimulatedCapture(device, clock.sleep).isOpened()

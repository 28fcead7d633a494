"""The filter ``rtsp`` on a camera that is there, goes, hangs and comes back."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.integration.galaxy.rtsp_camera import RtspCamera

from cantor.base.clock import SystemClock
from galaxy.context import Context
from galaxy.filters.live_source import Rtsp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from galaxy.frame import Frame

pytestmark = pytest.mark.integration


class Watched:
    """A source at work, and what ends it."""

    def __init__(self, url: str, **params: object) -> None:
        stop = threading.Event()
        self.ctx = Context(name="cam", node="n", pipeline="p", clock=SystemClock(), stop=stop)
        given = {"stall_timeout_s": 1.0, "open_timeout_s": 1.0, "backoff_max_s": 0.2, **params}
        self.source = Rtsp({"url": url, **given})
        self.frames: Iterator[Frame] = self.source.frames(self.ctx)

    def close(self) -> None:
        self.frames.close()  # type: ignore[attr-defined]
        self.source.close()


def test_frames_come_and_come_again_after_the_camera_lost_power() -> None:
    with RtspCamera() as camera:
        watched = Watched(camera.url)
        first = next(watched.frames)
        assert first.pixels().shape == (240, 320, 3)

        camera.cut()

        after = next(frame for frame in watched.frames if watched.ctx.counters["connects"] > 1)
        watched.close()
    assert after.seq > first.seq
    assert camera.sessions == 2
    assert watched.ctx.counters["failures"] == 1


def test_a_camera_that_freezes_is_opened_anew_within_its_stall_timeout() -> None:
    with RtspCamera() as camera:
        watched = Watched(camera.url)
        next(watched.frames)
        camera.frozen.set()
        thaw = threading.Timer(3.0, camera.frozen.clear)
        thaw.start()

        after = next(frame for frame in watched.frames if watched.ctx.counters["connects"] > 1)

        thaw.join()
        watched.close()
    assert after.image is not None
    assert watched.ctx.counters["stalls"] >= 1

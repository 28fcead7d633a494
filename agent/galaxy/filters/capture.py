"""OpenCV captures: quiet, one thread, and read away from the pipeline's thread."""

from __future__ import annotations

import os
import queue
import threading
from functools import cache
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from galaxy.frame import Image


class Capture(Protocol):
    """An open video, as ``cv2.VideoCapture`` gives it."""

    def isOpened(self) -> bool: ...  # noqa: N802 # OpenCV's name
    def read(self) -> tuple[bool, Image | None]: ...
    def get(self, key: int) -> float: ...
    def release(self) -> None: ...


OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
"""OpenCV's own variable: ``option;value|option;value`` for FFmpeg."""
FORMATS = (
    *("rtsp", "avi", "mov", "mp4", "matroska", "webm", "mpegts", "mpeg", "mpegvideo", "m4v", "flv"),
    *("ogg", "asf", "mxf", "gxf", "dv", "nut", "ivf", "obu", "h264", "hevc", "vvc", "vc1", "av1"),
    *("mjpeg", "mpjpeg", "yuv4mpegpipe", "gif", "apng", "wtv", "rm", "swf", "live_flv"),
)
"""Those that hold their pictures themselves. A playlist leads to files and addresses that nobody
has judged, as hls, concat, dash, sdp and imf do."""


@cache
def opencv() -> ModuleType:
    """OpenCV with one thread, without FFmpeg's chatter on the terminal and without playlists; set
    up once.
    """
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    told = os.environ.get(OPTIONS, "rtsp_transport;tcp")  # as OpenCV has it where nothing is told
    os.environ[OPTIONS] = f"{told}|format_whitelist;{','.join(FORMATS)}"
    import cv2

    cv2.setNumThreads(1)
    module: ModuleType = cv2
    return module


class QueuedReader:
    """Reads every frame once, ahead of the consumer by a few frames at most."""

    def __init__(self, capture: Capture, position_ms: int, ahead: int = 4) -> None:
        """``position_ms`` is OpenCV's key for the media time."""
        self._capture = capture
        self._position_ms = position_ms
        self._frames: queue.Queue[tuple[Image, float] | None] = queue.Queue(ahead)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._read, name="galaxy:reader", daemon=True)
        self._thread.start()

    def next(self) -> tuple[Image, float] | None:
        """The next image with its media time in seconds, or None at the end."""
        return self._frames.get()

    def close(self) -> None:
        """Stop reading and release the capture."""
        self._stop.set()
        while self._thread.is_alive():
            try:
                self._frames.get_nowait()
            except queue.Empty:
                self._thread.join(0.01)

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                good, image = self._capture.read()
                if not good or image is None:
                    break
                self._frames.put((image, self._capture.get(self._position_ms) / 1000))
        finally:
            self._capture.release()
            self._frames.put(None)


class FreshestReader:
    """Drains a live capture and holds only its freshest frame.

    A reader whose ``read`` hangs is abandoned: its thread ends, and releases the capture, when the
    call returns.
    """

    def __init__(self, open_capture: Callable[[], Capture], now: Callable[[], float]) -> None:
        self._open = open_capture
        self._now = now
        self._slot: tuple[Image, float] | None = None
        self._changed = threading.Condition()
        self._stop = False
        self.failed = False
        self.reason = "no further frame came"
        self.skipped = 0
        """Frames replaced by a fresher one before anyone took them."""
        self._thread = threading.Thread(target=self._read, name="galaxy:live", daemon=True)
        self._thread.start()

    def take(self, timeout_s: float) -> tuple[Image, float] | None:
        """The freshest frame and its monotonic capture time; None after time-out or failure."""
        with self._changed:
            self._changed.wait_for(lambda: self._slot is not None or self.failed, timeout_s)
            taken, self._slot = self._slot, None
            return taken

    def close(self, timeout_s: float = 0.0) -> None:
        """Stop reading; waits at most that long for a call that is under way."""
        with self._changed:
            self._stop = True
        self._thread.join(timeout_s)

    def _read(self) -> None:
        capture: Capture | None = None
        try:
            capture = self._open()
            if not capture.isOpened():
                self.reason = "it cannot be opened"
            while capture.isOpened() and not self._stop:
                good, image = capture.read()
                if not good or image is None:
                    break
                with self._changed:
                    self.skipped += self._slot is not None
                    self._slot = (image, self._now())
                    self._changed.notify_all()
        except Exception as error:  # noqa: BLE001 # a driver may raise anything; the source retries
            self.reason = str(error)
        finally:
            if capture is not None:
                capture.release()
            with self._changed:
                self.failed = True
                self._changed.notify_all()

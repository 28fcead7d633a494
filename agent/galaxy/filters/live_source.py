"""Live sources: the freshest frame, a watchdog on its age, and reconnection with backoff."""

from __future__ import annotations

import os
import random
import stat
from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit, urlunsplit

from edge_devices.registry import Inventory
from edge_devices.simulated.camera import SimulatedCamera
from edge_devices.simulated.capture import SimulatedCapture
from edge_devices.simulated.options import PATH_PREFIX, CameraOptions
from galaxy.errors import MediaError
from galaxy.filter import BaseSource
from galaxy.filters.capture import FreshestReader, opencv
from galaxy.filters.rtsp_address import (
    PORTS,
    check_rtsp_address,
    elsewhere_url,
    rtsp_address,
)
from galaxy.frame import Frame
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from cantor.base.address import Address
    from cantor.base.resources import Device
    from galaxy.context import Context
    from galaxy.filters.capture import Capture
    from galaxy.params import JsonValue

POLL_S = 0.1
VIDEO_MAJOR = 81
"""Video4Linux's devices (Documentation/admin-guide/devices.txt)."""
HANG_S = 1.0
"""How much longer than a stall a read may hang: the watchdog on the frames' age comes first."""


class LiveSource(BaseSource):
    """What every live capture shares.

    It never ends by itself: a capture that fails, or whose last frame is older than
    ``stall_timeout_s``, is opened anew after a pause that doubles up to
    ``backoff_max_s``, with jitter.
    Counters: ``connects``, ``stalls``, ``failures`` and ``skipped`` (frames nobody took in time).
    While it is lost its report says for how long and why.
    """

    live: ClassVar[bool] = True
    work: ClassVar[float] = 0.3
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    stall_timeout_s = Param(
        float, 5.0, minimum=0.1, maximum=120, unit="s", description="Age that counts as a stall."
    )
    backoff_max_s = Param(
        float, 15.0, minimum=0.01, maximum=600, unit="s", description="Longest pause between tries."
    )
    stream = Param(str, "", description="Name of the stream; empty means the filter's name.")

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._reader: FreshestReader | None = None
        self._lost: Callable[[], str] | None = None
        """Tells for how long there has been no frame, and why."""

    @abstractmethod
    def open_capture(self) -> Capture:
        """Open the source; called in the reader's thread, as often as needed."""

    @abstractmethod
    def shown_address(self) -> str:
        """The source without secrets, for logs."""

    def frames(self, ctx: Context) -> Iterator[Frame]:
        """The freshest frame again and again, until the run is to end."""
        seq = failures = 0
        last_s = ctx.clock.monotonic()
        while not ctx.stopping:
            self._reader = FreshestReader(self.open_capture, ctx.clock.monotonic)
            ctx.count("connects")
            before = seq
            for frame in self._until_it_fails(self._reader, seq, ctx):
                seq, last_s, self._lost = frame.seq + 1, frame.captured_s, None
                yield frame
            ctx.count("skipped", self._reader.skipped)
            reason = self._reader.reason if self._reader.failed else "its frames are too old"
            self._reader.close()
            self._lost = _silence(ctx.clock.monotonic, last_s, reason)
            failures = 0 if seq > before else failures + 1
            if not ctx.stopping:
                ctx.log.warning("%s lost, opening it again: %s", self.shown_address(), reason)
                ctx.wait(self.pause_s(failures))

    def live_report(self) -> dict[str, JsonValue]:
        """For how long there has been no frame, and why; nothing while frames come."""
        lost = self._lost
        return {} if lost is None else {"lost": lost()}

    def pause_s(self, failures: int) -> float:
        """How long to wait after so many tries without a frame: doubling, half of it by chance."""
        longest = min(self.backoff_max_s, 0.5 * 2.0 ** min(failures, 16))
        chance: float = random.uniform(0.5, 1.0)  # noqa: S311 # spreads load, guards nothing
        return longest * chance

    def close(self) -> None:
        """Stop reading; a call that hangs is left to its own time-out."""
        if self._reader is not None:
            self._reader.close(timeout_s=1.0)

    def _until_it_fails(self, reader: FreshestReader, seq: int, ctx: Context) -> Iterator[Frame]:
        last_s = ctx.clock.monotonic()
        while not ctx.stopping:
            taken = reader.take(POLL_S)
            if taken is not None:
                image, captured_s = taken
                last_s = captured_s
                age_s = ctx.clock.monotonic() - captured_s
                yield Frame(
                    self.stream or ctx.name,
                    seq,
                    image,
                    captured_s=captured_s,
                    captured_wall_s=ctx.clock.wall() - age_s,
                    epoch=ctx.epoch,
                )
                seq += 1
            elif reader.failed:
                ctx.count("failures")
                return
            elif ctx.clock.monotonic() - last_s > self.stall_timeout_s:
                ctx.count("stalls")
                return


def _silence(now: Callable[[], float], since_s: float, why: str) -> Callable[[], str]:
    return lambda: f"no frame for {now() - since_s:.0f} s: {why}"


class Rtsp(LiveSource):
    """A network camera by RTSP, decoded by OpenCV's FFmpeg."""

    description: ClassVar[str] = "A network camera (RTSP)"
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")

    ports: ClassVar[tuple[int, ...]] = PORTS

    url = Param(str, description="rtsp://user:password@host:port/path", secret=True)
    open_timeout_s = Param(float, 5.0, minimum=0.5, maximum=60, unit="s", description="To connect.")

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._is_free = True
        """Whether the camera may be on this box."""

    def open(self, ctx: Context) -> None:
        """Refuse what FFmpeg would open by another protocol, such as a file.

        Raises:
            ConfigError: it is no address of RTSP.
        """
        check_rtsp_address(self.url, where="url")
        self._is_free = ctx.is_free(self.address())

    def address(self) -> Address:
        """The camera.

        Raises:
            ValueError: it is no address of RTSP.
        """
        return rtsp_address(self.url)

    def open_capture(self) -> Capture:
        """Connect by RTSP, with time-outs on connecting and reading."""
        cv2 = opencv()
        capture: Capture = cv2.VideoCapture(
            self.url if self._is_free else elsewhere_url(self.url),
            cv2.CAP_FFMPEG,
            [
                cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
                int(self.open_timeout_s * 1000),
                cv2.CAP_PROP_READ_TIMEOUT_MSEC,
                int((self.stall_timeout_s + HANG_S) * 1000),
            ],
        )
        return capture

    def shown_address(self) -> str:
        """The URL without user and password."""
        parts = urlsplit(self.url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class UsbCamera(LiveSource):
    """A camera of this box by Video4Linux, or a simulated one by a path that begins with ``sim:``.

    A simulated camera's path says its size and rate; what is asked here does not change them.
    """

    description: ClassVar[str] = "A camera of this box (V4L2), or a simulated one"
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    needs: ClassVar[str] = "USBCamera == 1"

    device = Param(
        str, "", description="Path, by-id link, id or sim:...; empty: the first camera of the box."
    )
    width = Param(int, 1280, minimum=16, maximum=8192, unit="px", description="Asked width.")
    height = Param(int, 720, minimum=16, maximum=8192, unit="px", description="Asked height.")
    fps = Param(float, 30.0, minimum=0.1, maximum=1000, unit="1/s", description="Asked frame rate.")

    def open(self, ctx: Context) -> None:
        """Refuse a simulated camera that is asked for wrongly, instead of trying it for ever.

        Raises:
            ConfigError: the text after ``sim:`` does not describe a camera.
        """
        if self.device.startswith(PATH_PREFIX):
            CameraOptions.parse(self.device)

    def open_capture(self) -> Capture:
        """Open the camera with the asked size and rate; it may give others."""
        cv2 = opencv()
        path = camera_path(self.device, Inventory().scan()[0])
        if path.startswith(PATH_PREFIX):
            return SimulatedCapture(SimulatedCamera(CameraOptions.parse(path)))
        check_camera(path)
        capture = cv2.VideoCapture(path, cv2.CAP_V4L2)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, self.width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, self.height)
        capture.set(cv2.CAP_PROP_FPS, self.fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)
        opened: Capture = capture
        return opened

    def shown_address(self) -> str:
        """What was asked for."""
        return self.device or "the first camera"


def camera_path(asked: str, devices: Iterable[Device]) -> str:
    """Where to open the camera that was asked for by path, by id or, if empty, the first one."""
    cameras = [device for device in devices if device.kind == "camera" and device.path]
    for camera in cameras:
        if asked in ("", camera.id):
            return camera.path
    return asked or "/dev/video0"


def check_camera(path: str) -> None:
    """Refuse what is no camera before it is opened: opening a watchdog restarts the box.

    Raises:
        MediaError: there is nothing, or something else.
    """
    try:
        status = os.stat(path)  # noqa: PTH116 (a link leads to its device)
    except (OSError, ValueError) as error:
        raise MediaError("there is no such camera", where=path[:200]) from error
    if not stat.S_ISCHR(status.st_mode) or os.major(status.st_rdev) != VIDEO_MAJOR:
        raise MediaError(
            "this is no camera", where=path[:200], remedy="cantor device list shows the cameras"
        )

"""A camera that is not there, yet behaves like a USB one: paced, buffered, and it fails."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from cantor.base.clock import Clock, SystemClock
from cantor.base.errors import DeviceError
from edge_devices.simulated.frames import PIXEL_FORMATS, CameraFormat, CameraFrame
from edge_devices.simulated.options import CameraOptions
from edge_devices.simulated.scene import ConveyorScene, draws

BUFFERS: Final = 4
"""How many frames the driver keeps for a slow reader; the frames after them are lost."""

_JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong, decided beforehand.

    ``garbage_share`` of the frames arrive torn (0 to 1, picked by the seed); during each of the
    ``unplugged`` spans (from, to), in seconds of the camera's clock, the cable is out.
    """

    garbage_share: float = 0.0
    unplugged: tuple[tuple[float, float], ...] = ()


class SimulatedCamera:
    """The hardware: it can be plugged in, pulled out, and opened by one reader at a time."""

    def __init__(
        self,
        options: CameraOptions | None = None,
        clock: Clock | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.options = options or CameraOptions()
        self.clock = clock or SystemClock()
        self.faults = faults or Faults()
        self._pulled = 0
        self._cable_out = False
        self._reader: CameraStream | None = None

    @property
    def formats(self) -> tuple[CameraFormat, ...]:
        """Every mode, the largest pictures first."""
        o = self.options
        sizes = [(o.width, o.height)]
        if o.width >= 2 * 160 and o.height >= 2 * 120:
            sizes.append((o.width // 4 * 2, o.height // 2))
        return tuple(CameraFormat(p, w, h, o.fps) for w, h in sizes for p in PIXEL_FORMATS)

    @property
    def plugged(self) -> bool:
        """Whether the cable is in."""
        now = self.clock.monotonic()
        return not self._cable_out and not any(a <= now < b for a, b in self.faults.unplugged)

    @property
    def times_pulled(self) -> int:
        """How often the cable has been out so far: what was opened before is dead for good."""
        now = self.clock.monotonic()
        return self._pulled + sum(now >= begin for begin, _ in self.faults.unplugged)

    def unplug(self) -> None:
        """Pull the cable."""
        if not self._cable_out:
            self._cable_out = True
            self._pulled += 1

    def plug_in(self) -> None:
        """Put the cable back in."""
        self._cable_out = False

    def open(self, mode: CameraFormat | None = None) -> CameraStream:
        """Start capturing in one of ``formats`` (the first if none is named).

        Raises:
            DeviceError: unplugged, in use, or a mode that the camera does not offer.
        """
        chosen = mode or self.formats[0]
        if chosen not in self.formats:
            raise DeviceError(
                f"it does not offer {chosen.pixel_format} {chosen.width}x{chosen.height}",
                where="simulated camera",
                remedy="choose one of its formats",
            )
        if not self.plugged:
            raise _gone()
        if self._reader is not None and self._reader.alive:
            raise DeviceError(
                "it is in use", where="simulated camera", remedy="close the other reader first"
            )
        self._reader = CameraStream(self, chosen)
        return self._reader


class CameraStream:
    """An open camera. Time passes on the camera's clock whether anyone reads or not."""

    def __init__(self, camera: SimulatedCamera, mode: CameraFormat) -> None:
        self.format = mode
        self.dropped = 0
        self._camera = camera
        self._scene = ConveyorScene(camera.options.seed, mode.width, mode.height, mode.fps)
        self._started_s = camera.clock.monotonic()
        self._pulls_at_start = camera.times_pulled
        self._filled: deque[int] = deque()
        self._next = 0
        self._closed = False

    @property
    def alive(self) -> bool:
        """Neither closed nor pulled out since it was opened."""
        return not self._closed and self._pulls_at_start == self._camera.times_pulled

    def wait_s(self) -> float:
        """Seconds until ``read`` has a frame; 0 if it has one now."""
        self._capture()
        if self._filled:
            return 0.0
        due_s = self._started_s + (self._next + 1) / self.format.fps
        return max(0.0, due_s - self._camera.clock.monotonic())

    def read(self) -> CameraFrame | None:
        """The oldest frame waiting, or None if none has arrived: it never blocks.

        Raises:
            DeviceError: closed, or the camera was pulled out.
        """
        self._capture()
        if not self._filled:
            return None
        sequence = self._filled.popleft()
        captured_s = self._started_s + (sequence + 1) / self.format.fps
        return CameraFrame(self.format, sequence, captured_s, self._encode(sequence))

    def close(self) -> None:
        """Stop capturing; closing twice is harmless."""
        self._closed = True

    def _capture(self) -> None:
        """Let the driver fill its buffers up to now and lose what found no room."""
        if self._closed:
            raise DeviceError("it is closed", where="simulated camera", remedy="open it again")
        if not self.alive:
            raise _gone()
        elapsed_s = self._camera.clock.monotonic() - self._started_s
        captured = int(elapsed_s * self.format.fps + 1e-6)
        room = min(captured - self._next, BUFFERS - len(self._filled))
        self._filled.extend(range(self._next, self._next + room))
        self.dropped += captured - self._next - room
        self._next = captured

    def _encode(self, sequence: int) -> bytes:
        import cv2

        picture, _ = self._scene.frame(sequence)
        if self.format.pixel_format == "YUYV":
            data: bytes = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_YUYV).tobytes()
        else:
            _, coded = cv2.imencode(".jpg", picture, (cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY))
            data = coded.tobytes()
        chance, share, *_ = draws(self._camera.options.seed, "torn", sequence)
        if chance < self._camera.faults.garbage_share:
            return data[: int(len(data) * share)]
        return data


def _gone() -> DeviceError:
    return DeviceError(
        "the camera is gone",
        where="simulated camera",
        remedy="plug it in and open it again",
    )

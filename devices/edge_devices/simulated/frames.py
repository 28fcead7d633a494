"""What a camera delivers: the modes it offers and the buffers it fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cantor.base.errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PixelFormat = Literal["YUYV", "MJPG"]

PIXEL_FORMATS: tuple[PixelFormat, ...] = ("YUYV", "MJPG")
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


@dataclass(frozen=True, slots=True)
class CameraFormat:
    """A mode that the camera offers; width and height in pixels."""

    pixel_format: PixelFormat
    width: int
    height: int
    fps: float


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """One filled buffer: ``sequence`` counts the frames captured, also those nobody read.

    ``data`` is as the wire has it (YUYV 4:2:2 or one JPEG) and may be torn; ``captured_s`` is on
    the camera's monotonic clock.
    """

    format: CameraFormat
    sequence: int
    captured_s: float
    data: bytes = field(repr=False)

    def image(self) -> NDArray[np.uint8]:
        """The picture: uint8 (height, width, 3) BGR.

        Raises:
            DeviceError: the buffer is torn.
        """
        import cv2
        import numpy as np

        width, height = self.format.width, self.format.height
        raw = np.frombuffer(self.data, dtype=np.uint8)
        if self.format.pixel_format == "YUYV":
            if len(raw) != width * height * 2:
                raise self._torn()
            pairs = raw.reshape(height, width, 2)
            return np.asarray(cv2.cvtColor(pairs, cv2.COLOR_YUV2BGR_YUYV), dtype=np.uint8)
        if not (self.data.startswith(_JPEG_START) and self.data.endswith(_JPEG_END)):
            raise self._torn()
        decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
        if decoded is None or decoded.shape != (height, width, 3):
            raise self._torn()
        return np.asarray(decoded, dtype=np.uint8)

    def _torn(self) -> DeviceError:
        return DeviceError(
            f"frame {self.sequence} arrived torn ({len(self.data)} bytes)",
            where="simulated camera",
            remedy="skip it; if it happens often, check the cable and the USB bandwidth",
        )

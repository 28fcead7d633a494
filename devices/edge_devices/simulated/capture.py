"""The simulated camera for code that knows OpenCV's ``VideoCapture``."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Final

from cantor.base.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from edge_devices.simulated.camera import CameraStream, SimulatedCamera

# The numbers of cv2.CAP_PROP_*, so that nothing heavy is imported to ask for them.
POSITION_MS: Final = 0
FRAME_WIDTH: Final = 3
FRAME_HEIGHT: Final = 4
FPS: Final = 5

_logger = logging.getLogger(__name__)


class SimulatedCapture:
    """Reads a camera at its own pace; torn frames are skipped and counted in ``torn``."""

    def __init__(
        self, camera: SimulatedCamera, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.torn = 0
        self._sleep = sleep
        self._position_ms = 0.0
        self._stream: CameraStream | None = None
        try:
            self._stream = camera.open()
        except DeviceError as error:
            _logger.warning("camera does not open", extra={"reason": error.what})

    def isOpened(self) -> bool:  # noqa: N802 # OpenCV's name
        """Whether there is a camera behind it."""
        return self._stream is not None and self._stream.alive

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        """Wait for the next good frame: (True, uint8 (H, W, 3) BGR), or (False, None) at the end.

        It blocks for as long as the camera takes, and never raises.
        """
        while self._stream is not None:
            try:
                self._sleep(self._stream.wait_s())
                frame = self._stream.read()
            except DeviceError:
                break
            if frame is None:
                continue
            self._position_ms = 1000.0 * (frame.sequence + 1) / frame.format.fps
            try:
                return True, frame.image()
            except DeviceError:
                self.torn += 1
        return False, None

    def get(self, key: int) -> float:
        """Position in milliseconds, width, height or frame rate; 0 for what it does not know."""
        if self._stream is None:
            return 0.0
        mode = self._stream.format
        known = {
            POSITION_MS: self._position_ms,
            FRAME_WIDTH: float(mode.width),
            FRAME_HEIGHT: float(mode.height),
            FPS: mode.fps,
        }
        return known.get(key, 0.0)

    def release(self) -> None:
        """Close the camera; closing twice is harmless."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

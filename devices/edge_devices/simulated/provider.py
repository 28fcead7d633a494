"""Finds the simulated camera, where somebody asked for one.

It exists only when asked for: by a ``SimulatedCamera`` handed over in code, or by the environment
variable ``CANTOR_SIMULATED_CAMERA``, which is ``1`` or a list like ``seed=7,size=1280x720,fps=15``.
Unset, empty and ``0`` mean that there is none.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cantor.base.resources import Device, Resource
from edge_devices.simulated.camera import SimulatedCamera
from edge_devices.simulated.options import VARIABLE, CameraOptions

if TYPE_CHECKING:
    from collections.abc import Mapping


class SimulatedCameraProvider:
    """Finds the simulated camera, if somebody asked for one: ``USBCamera == 1``, one ``Camera``.

    Raises:
        ConfigError: the environment variable asks for something that cannot be.
    """

    name = "simulated-camera"

    def __init__(
        self, camera: SimulatedCamera | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        wanted = (os.environ if environment is None else environment).get(VARIABLE, "").strip()
        if camera is None and wanted not in ("", "0"):
            camera = SimulatedCamera(CameraOptions.parse(wanted))
        self.camera = camera

    def scan(self) -> list[Device]:
        """The camera while its cable is in."""
        camera = self.camera
        if camera is None or not camera.plugged:
            return []
        o = camera.options
        return [
            Device(
                id=f"sim:conveyor-{o.seed}",
                kind="camera",
                name="Simulated conveyor camera",
                path=o.path,
                provides=(
                    Resource("USBCamera", "condition", value=True),
                    Resource("Camera", "quantity", 1),
                ),
                attributes={
                    "driver": "simulated",
                    "formats": " ".join(
                        f"{f.pixel_format}:{f.width}x{f.height}@{f.fps:g}" for f in camera.formats
                    ),
                },
            )
        ]

"""Graphics processors: NVIDIA's through NVML, and the render nodes of the kernel's drivers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.resources import Device, Resource
from edge_devices.nvml import NvidiaGpu, nvidia_gpus
from edge_devices.sysfs import entries, place_of, read_attribute

if TYPE_CHECKING:
    from collections.abc import Callable


class GpuProvider:
    """Finds graphics processors.

    One that NVML names gives the quantities ``GPU`` and ``GPUMemory`` (bytes) and the conditions
    ``GPUName`` and ``NvidiaDriver``. A render node gives the condition ``RenderNode``: it can
    decode and draw, but nobody counts its use.
    """

    name = "gpus"

    def __init__(
        self,
        sysfs_root: Path = Path("/sys"),
        dev_root: Path = Path("/dev"),
        nvidia: Callable[[], list[NvidiaGpu]] = nvidia_gpus,
    ) -> None:
        self._sysfs_root = sysfs_root
        self._dev_root = dev_root
        self._nvidia = nvidia

    def scan(self) -> list[Device]:
        """The NVIDIA processors, then the render nodes."""
        return [*map(_nvidia_device, self._nvidia()), *self._render_nodes()]

    def _render_nodes(self) -> list[Device]:
        found: list[Device] = []
        for entry in entries(self._sysfs_root / "class" / "drm"):
            node = self._dev_root / "dri" / entry.name
            place = place_of(entry / "device", self._sysfs_root)
            if not entry.name.startswith("renderD") or place is None or not os.path.lexists(node):
                continue
            provides = (Resource("RenderNode", "condition", value=True),)
            vendor = read_attribute(entry / "device" / "vendor")
            attributes = {"vendor": vendor} if vendor else {}
            name = "render node"
            device = Device(f"dri-{place.by_path}", "gpu", name, str(node), provides, attributes)
            found.append(device)
        return found


def _nvidia_device(gpu: NvidiaGpu) -> Device:
    provides = (
        Resource("GPU", "quantity", 1),
        Resource("GPUMemory", "quantity", gpu.memory_bytes, "B"),
        Resource("GPUName", "condition", gpu.name),
        Resource("NvidiaDriver", "condition", gpu.driver),
    )
    return Device(gpu.uuid, "gpu", gpu.name, "", provides, {"driver": gpu.driver})

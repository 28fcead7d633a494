"""What graphics processors do: NVIDIA's by their own library, AMD's and Jetson's from /sys.

The library is opened only where the driver runs, and stays open: to open it takes a tenth of a
second. Source: NVML API Reference Guide; Documentation/gpu/amdgpu in Linux.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.metering.names import Series

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.node.metrics.machine import Values

GPUS_MAX = 16
LIBRARY = "libnvidia-ml.so.1"
_TEMPERATURE_GPU = 0


class _Utilization(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong),
    )  # fmt: skip


class Gpus:
    """Reads all graphics processors of a machine; none is no error."""

    def __init__(self, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> None:
        self._sys = sys
        self._has_driver = (proc / "driver" / "nvidia" / "version").exists()
        self._library: ctypes.CDLL | None = None
        self._handles: list[ctypes.c_void_p] = []

    def read(self) -> Values:
        """What they do now."""
        values: Values = {}
        for number, handle in enumerate(self._opened()):
            for name, value in self._nvidia(handle):
                values[Series(f"cantor_gpu_{name}", (("gpu", str(number)),))] = value
        for number, (name, value) in enumerate(self._others(), len(self._handles)):
            values[Series(f"cantor_gpu_{name}", (("gpu", str(number)),))] = value
        return values

    def _opened(self) -> list[ctypes.c_void_p]:
        if not self._has_driver or self._library is not None:
            return self._handles
        self._has_driver = False  # one try
        with suppress(OSError, AttributeError):
            library = ctypes.CDLL(LIBRARY)
            if library.nvmlInit_v2():
                return self._handles
            self._library = library
            count = ctypes.c_uint()
            library.nvmlDeviceGetCount_v2(ctypes.byref(count))
            for number in range(min(count.value, GPUS_MAX)):
                handle = ctypes.c_void_p()
                if not library.nvmlDeviceGetHandleByIndex_v2(number, ctypes.byref(handle)):
                    self._handles.append(handle)
        return self._handles

    def _nvidia(self, handle: ctypes.c_void_p) -> Iterator[tuple[str, float]]:
        library = self._library
        assert library is not None  # noqa: S101 (the handle is of it)
        used, memory = _Utilization(), _Memory()
        number = ctypes.c_uint()
        if not library.nvmlDeviceGetUtilizationRates(handle, ctypes.byref(used)):
            yield "used_ratio", used.gpu / 100
        if not library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory)):
            yield "memory_used_bytes", float(memory.used)
            yield "memory_total_bytes", float(memory.total)
        if not library.nvmlDeviceGetTemperature(handle, _TEMPERATURE_GPU, ctypes.byref(number)):
            yield "temperature_celsius", float(number.value)
        if not library.nvmlDeviceGetPowerUsage(handle, ctypes.byref(number)):
            yield "power_watts", number.value / 1000

    def _others(self) -> Iterator[tuple[str, float]]:
        for path in sorted(self._sys.glob("class/drm/card*/device/gpu_busy_percent"))[:GPUS_MAX]:
            with suppress(OSError, ValueError):
                yield "used_ratio", int(path.read_text(encoding="ascii")) / 100
        for path in sorted(self._sys.glob("devices/platform/*/gpu*/load"))[:1]:
            with suppress(OSError, ValueError):  # Jetson: thousandths
                yield "used_ratio", int(path.read_text(encoding="ascii")) / 1000

"""NVIDIA's management library through ctypes: the few calls that name the processors of a box.

Source: NVML API reference (``nvml.h``); the library comes with the driver.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

LIBRARY = "libnvidia-ml.so.1"
GPUS_MAX = 64
_TEXT_BYTES = 96


@dataclass(frozen=True, slots=True)
class NvidiaGpu:
    """One NVIDIA processor; ``uuid`` (``GPU-…``) is burnt into it."""

    uuid: str
    name: str
    driver: str
    memory_bytes: int


class _Memory(ctypes.Structure):
    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


def nvidia_gpus(load: Callable[[str], ctypes.CDLL] = ctypes.CDLL) -> list[NvidiaGpu]:
    """The NVIDIA processors present; empty without a driver or if it does not answer."""
    try:
        library = load(LIBRARY)
        if library.nvmlInit_v2() != 0:
            return []
    except (OSError, AttributeError):
        return []
    try:
        return _all_gpus(library)
    except AttributeError:
        return []
    finally:
        library.nvmlShutdown()


def _all_gpus(library: ctypes.CDLL) -> list[NvidiaGpu]:
    count = ctypes.c_uint()
    if library.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
        return []
    driver = ctypes.create_string_buffer(_TEXT_BYTES)
    library.nvmlSystemGetDriverVersion(driver, ctypes.c_uint(_TEXT_BYTES))
    gpus = [_gpu(library, at, _text(driver)) for at in range(min(count.value, GPUS_MAX))]
    return [gpu for gpu in gpus if gpu is not None]


def _gpu(library: ctypes.CDLL, at: int, driver: str) -> NvidiaGpu | None:
    handle, memory = ctypes.c_void_p(), _Memory()
    name, uuid = (ctypes.create_string_buffer(_TEXT_BYTES) for _ in range(2))
    size = ctypes.c_uint(_TEXT_BYTES)
    if library.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(at), ctypes.byref(handle)) != 0:
        return None
    if library.nvmlDeviceGetUUID(handle, uuid, size) != 0:
        return None
    library.nvmlDeviceGetName(handle, name, size)
    # Boards that share memory with the processor (Jetson) do not answer this: then it stays 0.
    library.nvmlDeviceGetMemoryInfo(handle, ctypes.byref(memory))
    return NvidiaGpu(_text(uuid), _text(name) or "NVIDIA GPU", driver, memory.total)


def _text(buffer: ctypes.Array[ctypes.c_char]) -> str:
    return buffer.value.decode("utf-8", "replace")

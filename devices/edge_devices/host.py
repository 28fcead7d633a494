"""The box itself: processors, memory and disk, as far as this agent may use them.

Source: proc(5), Documentation/admin-guide/cgroup-v2.rst.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from cantor.base.resources import Device, Resource
from edge_devices.sysfs import read_attribute, read_number, read_text

DISK_STEP_BYTES = 2**26
CORES_MAX = 65536

_MEMORY_TOTAL = re.compile(r"^MemTotal:\s+(\d{1,15}) kB$", re.MULTILINE | re.ASCII)
_MODEL = re.compile(r"^(?:model name|Model)\s*:\s*(.+)$", re.MULTILINE)
_PROCESSOR = re.compile(r"^processor\s*:", re.MULTILINE)
_SPAN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)
_QUOTA = re.compile(r"(\d{1,15}) (\d{1,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class System:
    """What the kernel says of the box: ``linux``, ``x86_64``, ``camera-box-7``."""

    os: str
    arch: str
    hostname: str


def this_system() -> System:
    """The system that this process runs on."""
    kernel = os.uname()
    return System(kernel.sysname.lower(), kernel.machine, kernel.nodename)


class HostProvider:
    """Gives ``CPU`` (cores), ``Memory`` and ``Disk`` (bytes), and what the box is called.

    Limits of the container (cgroup version 2) count. ``Disk`` is the free space of the file system
    of ``data_folder`` in steps of 64 MiB, or of a sixty-fourth to a thirty-second of it if that is
    more, and changes only by a whole step: every change is told to the whole mesh.
    """

    name = "host"

    def __init__(
        self,
        sysfs_root: Path = Path("/sys"),
        proc_root: Path = Path("/proc"),
        data_folder: Path = Path("/var/lib"),
        system: System | None = None,
    ) -> None:
        self._cgroup = sysfs_root / "fs" / "cgroup"
        self._sysfs_root = sysfs_root
        self._proc_root = proc_root
        self._data_folder = data_folder
        self._system = system
        self._free_told = 0

    def scan(self) -> list[Device]:
        """The processor, the memory and the disk, each if its size can be told."""
        return [*self._processor(), *self._memory(), *self._disk()]

    def _processor(self) -> list[Device]:
        text = read_text(self._proc_root / "cpuinfo")
        cores: int | float = count_spans(
            read_attribute(self._sysfs_root / "devices" / "system" / "cpu" / "online")
        ) or len(_PROCESSOR.findall(text))
        quota = _QUOTA.fullmatch(read_attribute(self._cgroup / "cpu.max"))
        if quota is not None and int(quota[1]) and int(quota[2]):
            cores = min(cores, int(quota[1]) / int(quota[2]))
        if not cores:
            return []
        model = _MODEL.search(text)
        system = self._system or this_system()
        provides = (
            Resource("CPU", "quantity", cores, "cores"),
            Resource("os", "condition", system.os),
            Resource("arch", "condition", system.arch),
            Resource("hostname", "condition", system.hostname),
        )
        name = model[1].strip()[:128] if model else f"{system.arch} processor"
        return [Device("cpu", "cpu", name, provides=provides)]

    def _memory(self) -> list[Device]:
        match = _MEMORY_TOTAL.search(read_text(self._proc_root / "meminfo"))
        if match is None:
            return []
        limit_bytes = read_number(self._cgroup / "memory.max")
        total_bytes = min(int(match[1]) * 1024, limit_bytes or 2**63)
        provides = (Resource("Memory", "quantity", total_bytes, "B"),)
        return [Device("memory", "memory", "memory", provides=provides)]

    def _disk(self) -> list[Device]:
        try:
            space = os.statvfs(self._data_folder)
        except OSError:
            return []
        free_bytes = space.f_bavail * space.f_frsize
        step_bytes = max(DISK_STEP_BYTES, 1 << max(0, free_bytes.bit_length() - 6))
        if abs(self._free_told - free_bytes) >= step_bytes:
            self._free_told = free_bytes // step_bytes * step_bytes
        provides = (Resource("Disk", "quantity", self._free_told, "B"),)
        return [Device("disk", "disk", "disk", str(self._data_folder), provides)]


def count_spans(text: str) -> int:
    """How many numbers a kernel list such as ``0-3,8`` names; 0 if it is not one."""
    total = 0
    for part in text.split(","):
        span = _SPAN.fullmatch(part)
        if span is None:
            return 0
        total += max(0, int(span[2] or span[1]) - int(span[1]) + 1)
    return total if total <= CORES_MAX else 0

"""The memory that one unit may take, kept by the kernel. Source: setrlimit(2), RLIMIT_DATA."""

from __future__ import annotations

import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def memory_of(limit_bytes: int | None) -> Iterator[None]:
    """Within, this process can take so many bytes more than it has; then it gets MemoryError."""
    if limit_bytes is None:
        yield
        return
    before = resource.getrlimit(resource.RLIMIT_DATA)
    wanted, most = _data_bytes() + limit_bytes, before[1]
    soft = wanted if most == resource.RLIM_INFINITY else min(wanted, most)  # of its sandbox
    resource.setrlimit(resource.RLIMIT_DATA, (soft, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)


def _data_bytes() -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0

"""Attempts to take all of something; what a sandbox of the tests gives is far less."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from pathlib import Path

from tests.integration.cantor.workers.escapes.attempt import Attempt

MIB = 1 << 20
PROCESSES, FILES, MEMORY_BYTES, DISK_BYTES = 300, 2000, 512 * MIB, 64 * MIB
"""What is taken: more than the tests' limits, and harmless anywhere."""


def fork_bomb() -> str:
    pids: list[int] = []
    try:
        for _ in range(PROCESSES):
            pid = os.fork()
            if pid == 0:
                signal.pause()
                os._exit(0)
            pids.append(pid)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return str(len(pids))


def memory_bomb() -> str:
    return str(len(bytearray(MEMORY_BYTES)))


def fill_disk() -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        _write(Path(folder, "large"), DISK_BYTES)
    return "filled"


def fill_shared_memory() -> str:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        _write(Path(folder, "large"), DISK_BYTES)
    return "filled"


def write_one_large_file() -> str:
    with tempfile.TemporaryFile(dir="/tmp") as file:
        file.truncate(4 << 30)
    return "made"


def open_everything() -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES + 200, hard), hard))
    opened: list[int] = []
    try:
        while len(opened) < FILES:
            opened.append(os.dup(0))
    finally:
        for one in opened:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return str(len(opened))


def _write(place: Path, size: int) -> None:
    with place.open("wb") as file:
        for _ in range(size // MIB):
            file.write(bytes(MIB))


ATTEMPTS = (
    Attempt(fork_bomb, "anybody"),
    Attempt(memory_bomb, "anybody"),
    Attempt(fill_disk, "anybody"),
    Attempt(fill_shared_memory, "anybody"),
    Attempt(write_one_large_file, "anybody"),
    Attempt(open_everything, "anybody"),
)

"""Attempts at files that are not the task's."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import subprocess
import tempfile
from pathlib import Path

from tests.integration.cantor.workers.escapes.attempt import Attempt, HeldError, here, syscall


def read_shadow() -> str:
    return Path("/etc/shadow").read_text(encoding="utf-8")[:4]


def read_key(key: str) -> str:
    return Path(key).read_text(encoding="utf-8")


def list_state(folder: str) -> str:
    return str(list(Path(folder).iterdir()))


def read_key_upwards(key: str) -> str:
    return Path("../" * 40 + key[1:]).read_text(encoding="utf-8")


def read_key_by_symlink(key: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder, "link")
        link.symlink_to(key)
        return link.read_text(encoding="utf-8")


def read_key_by_hard_link(key: str) -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        link = Path(folder, "link")
        link.hardlink_to(key)
        return link.read_text(encoding="utf-8")


def read_key_by_own_root(key: str) -> str:
    return Path(f"/proc/self/root{key}").read_text(encoding="utf-8")


def read_key_by_first_root(key: str) -> str:
    return Path(f"/proc/1/root{key}").read_text(encoding="utf-8")


def read_key_by_agents_root(agent: int, key: str) -> str:
    return Path(f"/proc/{agent}/root{key}").read_text(encoding="utf-8")


def read_key_by_parents_root(key: str) -> str:
    return Path(f"/proc/{os.getppid()}/root{key}").read_text(encoding="utf-8")


def read_key_by_handle(folder: str) -> str:
    room = ctypes.create_string_buffer(8 + 128)
    ctypes.memmove(room, (128).to_bytes(4, "little"), 4)
    mount = ctypes.create_string_buffer(8)
    pointers = (ctypes.addressof(room), ctypes.addressof(mount))
    syscall(here(303, 264), -100, folder.encode(), *pointers, 0)
    place = os.open(folder, os.O_RDONLY)
    os.close(syscall(here(304, 265), place, pointers[0], os.O_RDONLY))
    os.close(place)
    return "opened"


def write_beside(folder: str) -> str:
    place = Path(folder, "written")
    place.write_text("here", encoding="utf-8")
    place.unlink()
    return "written"


def write_interpreter() -> str:
    os.close(os.open(os.__file__, os.O_WRONLY))
    return os.__file__


def write_library() -> str:
    with tempfile.TemporaryFile(dir="/usr/lib"):
        return "written"


def list_var() -> str:
    return str(list(Path("/var").iterdir()))


def list_kernel() -> str:
    return str(list(Path("/sys/kernel").iterdir()))


def open_kernel_log() -> str:
    os.close(os.open("/dev/kmsg", os.O_RDONLY))
    return "opened"


def open_disk() -> str:
    """The disk that the system lies on, or any other."""
    for place in sorted(Path("/dev").iterdir()):
        if stat.S_ISBLK(place.lstat().st_mode):
            os.close(os.open(place, os.O_RDONLY | os.O_NONBLOCK))
            return str(place)
    raise HeldError(errno.ENOENT, "no disk")


def make_disk() -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder, "disk")
        os.mknod(place, stat.S_IFBLK | 0o600, os.makedev(7, 0))
        return "made"


def leave_root() -> str:
    os.chroot("/")
    return "changed"


def set_core_pattern() -> str:
    os.close(os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY))
    return "opened"


def press_sysrq() -> str:
    place = os.open("/proc/sysrq-trigger", os.O_WRONLY)
    try:
        if os.fstat(place).st_rdev:
            raise HeldError(errno.EPERM, "it is covered")
    finally:
        os.close(place)
    return "opened"


def read_kernel_memory() -> str:
    place = os.open("/proc/kcore", os.O_RDONLY)
    try:
        if not os.read(place, 4):
            raise HeldError(errno.EPERM, "it is covered")
    finally:
        os.close(place)
    return "read"


def set_release_agent() -> str:
    """What the kernel runs as root when a group of processes is empty."""
    for place in sorted(Path("/sys/fs/cgroup").glob("*/release_agent")):
        os.close(os.open(place, os.O_WRONLY))
        return str(place)
    raise HeldError(errno.ENOENT, "none")


def write_own_memory_file() -> str:
    os.close(os.open("/proc/self/mem", os.O_RDWR))
    return "opened"


def map_other_users() -> str:
    os.close(os.open("/proc/self/uid_map", os.O_WRONLY))
    return "opened"


def run_setuid(setuid: str) -> str:
    user = 65534 if os.geteuid() == 0 else None
    told: str = subprocess.run(
        [setuid], capture_output=True, text=True, check=True, user=user
    ).stdout
    if "euid=0" not in told:
        raise HeldError(errno.EPERM, told)
    return told


ATTEMPTS = (
    Attempt(read_shadow, "root"),
    Attempt(read_key, "anybody", ("key",)),
    Attempt(list_state, "anybody", ("folder",)),
    Attempt(read_key_upwards, "anybody", ("key",)),
    Attempt(read_key_by_symlink, "anybody", ("key",)),
    Attempt(read_key_by_hard_link, "anybody", ("key",)),
    Attempt(read_key_by_own_root, "anybody", ("key",)),
    Attempt(read_key_by_first_root, "maybe", ("key",)),
    Attempt(read_key_by_agents_root, "anybody", ("agent", "key")),
    Attempt(read_key_by_parents_root, "anybody", ("key",)),
    Attempt(read_key_by_handle, "root", ("folder",)),
    Attempt(write_beside, "anybody", ("folder",)),
    Attempt(write_interpreter, "root"),
    Attempt(write_library, "root"),
    Attempt(list_var, "anybody"),
    Attempt(list_kernel, "anybody"),
    Attempt(open_kernel_log, "root"),
    Attempt(open_disk, "maybe"),
    Attempt(make_disk, "root"),
    Attempt(leave_root, "root"),
    Attempt(set_core_pattern, "root"),
    Attempt(press_sysrq, "maybe"),
    Attempt(read_kernel_memory, "maybe"),
    Attempt(set_release_agent, "maybe"),
    Attempt(write_own_memory_file, "anybody"),
    Attempt(map_other_users, "anybody"),
    Attempt(run_setuid, "root", ("setuid",)),
)

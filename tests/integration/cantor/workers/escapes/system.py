"""Attempts at the kernel: mounts, namespaces, modules, clocks and what has a history of holes."""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import platform
import shutil
import signal
import socket
import tempfile
from pathlib import Path

from tests.integration.cantor.workers.escapes.attempt import (
    Attempt,
    HeldError,
    done_in_child,
    here,
    in_child,
    reach,
    syscall,
)

_NEW_USER = 0x10000000
_NOWHERE = b"/nowhere"


def mount_memory() -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        told = (b"none", folder.encode(), b"tmpfs", 0, b"size=4k")
        syscall(here(165, 40), *told)
        syscall(here(166, 39), folder.encode(), 0)
    return "mounted"


def mount_processes() -> str:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        syscall(here(165, 40), b"proc", folder.encode(), b"proc", 0, None)
        syscall(here(166, 39), folder.encode(), 0)
    return "mounted"


def mount_again() -> str:
    return reach(here(165, 40), None, _NOWHERE, None, 0x1020, None)


def uncover() -> str:
    return reach(here(166, 39), _NOWHERE, 2)


def pivot() -> str:
    return reach(here(155, 41), _NOWHERE, _NOWHERE)


def open_tree() -> str:
    os.close(syscall(428, -100, b"/tmp", 1))
    return "cloned"


def move_mount() -> str:
    return reach(429, -1, b"", -1, b"", 0x44)


def open_filesystem() -> str:
    os.close(syscall(430, b"tmpfs", 0))
    return "opened"


def set_mount_attributes() -> str:
    return reach(442, -1, b"", 0, None, 0)


def enter_namespace() -> str:
    place = os.open("/proc/self/ns/uts", os.O_RDONLY)
    try:
        return done_in_child(lambda: syscall(here(308, 268), place, 0))
    finally:
        os.close(place)


def enter_agents_namespace(agent: int) -> str:
    def work() -> None:
        place = os.open(f"/proc/{agent}/ns/net", os.O_RDONLY)
        syscall(here(308, 268), place, 0)

    return done_in_child(work)


def make_users() -> str:
    return done_in_child(lambda: syscall(here(272, 97), _NEW_USER))


def make_users_by_clone() -> str:
    def work() -> None:
        if syscall(here(56, 220), _NEW_USER | signal.SIGCHLD, 0, 0, 0, 0) == 0:
            os._exit(0)

    return done_in_child(work)


def make_users_by_clone3() -> str:
    return reach(435, None, 0)


def read_keyring() -> str:
    return reach(here(250, 219), 0, -3, 0)


def add_key() -> str:
    return reach(here(248, 217), None, None, None, 0, -3)


def request_key() -> str:
    return reach(here(249, 218), None, None, None, 0)


def load_bpf() -> str:
    return reach(here(321, 280), 5, None, 0)


def watch_performance() -> str:
    return reach(here(298, 241), None, 0, -1, -1, 0)


def handle_faults() -> str:
    os.close(syscall(here(323, 282), 0))
    return "made"


def set_up_ring() -> str:
    return reach(425, 1, None)


def watch_files() -> str:
    os.close(syscall(here(300, 262), 0, 0))
    return "made"


def load_kernel() -> str:
    return reach(here(246, 104), 0, 0, None, 0xFFFF)


def load_kernel_file() -> str:
    return reach(here(320, 294), -1, -1, 0, None, 0xFFFF)


def load_module() -> str:
    return reach(here(175, 105), None, 0, b"")


def load_module_file() -> str:
    return reach(here(313, 273), -1, b"", 0)


def unload_module() -> str:
    return reach(here(176, 106), b"no_such_module", 0)


def reboot() -> str:
    return reach(here(169, 142), 0, 0, 0, None)


def set_clock() -> str:
    return reach(here(227, 112), 0, None)


def set_time_of_day() -> str:
    return reach(here(164, 170), None, 1)


def adjust_clock() -> str:
    return reach(here(305, 266), 0, None)


def name_host() -> str:
    socket.sethostname(socket.gethostname())
    return "named"


def read_kernel_log() -> str:
    return str(syscall(here(103, 116), 10, None, 0))


def swap() -> str:
    return reach(here(167, 224), _NOWHERE, 0)


def keep_accounts() -> str:
    return reach(here(163, 89), _NOWHERE)


def use_ports() -> str:
    return str(syscall(here(172, -1), 0))


def change_segments() -> str:
    return reach(here(154, -1), 0, None, 0)


def change_personality() -> str:
    old = syscall(here(135, 92), 0x0040000)
    syscall(here(135, 92), old)
    return "changed"


def type_into_terminal() -> str:
    return reach(here(16, 29), 0, 0x5412, b"x")


def paste_into_console() -> str:
    return reach(here(16, 29), 0, 0x541C, b"\x03")


def run_from_nowhere() -> str:
    program = shutil.which("true") or "/bin/true"

    def work() -> None:
        place = syscall(here(319, 279), b"program", 0)
        os.write(place, Path(program).read_bytes())
        os.execv(f"/proc/self/fd/{place}", ["true"])  # noqa: S606 (what the test is about)

    return done_in_child(work)


def make_secret_memory() -> str:
    os.close(syscall(447, 0))
    return "made"


def call_by_x32() -> str:
    here(39, -1)
    status = in_child(lambda: syscall(0x40000000 | 39))
    if os.WIFSIGNALED(status):
        raise HeldError(errno.EPERM, f"ended by signal {os.WTERMSIG(status)}")
    return "called"


def call_as_i386() -> str:
    """By its own gate, where calls have other numbers: 20 is getpid there."""
    if platform.machine() != "x86_64":
        raise HeldError(errno.ENOSYS, "another machine")
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")
    call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    status = in_child(call)
    if os.WIFSIGNALED(status):
        raise HeldError(errno.EPERM, f"ended by signal {os.WTERMSIG(status)}")
    return "called"


def call_what_is_not_known() -> str:
    """A call that came after this was written, stood for by one that never will."""
    return reach(999)


ATTEMPTS = (
    Attempt(mount_memory, "root"),
    Attempt(mount_processes, "root"),
    Attempt(mount_again, "root"),
    Attempt(uncover, "root"),
    Attempt(pivot, "root"),
    Attempt(open_tree, "root"),
    Attempt(move_mount, "root"),
    Attempt(open_filesystem, "root"),
    Attempt(set_mount_attributes, "root"),
    Attempt(enter_namespace, "root"),
    Attempt(enter_agents_namespace, "root", ("agent",)),
    Attempt(make_users, "anybody"),
    Attempt(make_users_by_clone, "anybody"),
    Attempt(make_users_by_clone3, "anybody"),
    Attempt(read_keyring, "maybe"),
    Attempt(add_key, "maybe"),
    Attempt(request_key, "maybe"),
    Attempt(load_bpf, "maybe"),
    Attempt(watch_performance, "maybe"),
    Attempt(handle_faults, "maybe"),
    Attempt(set_up_ring, "maybe"),
    Attempt(watch_files, "maybe"),
    Attempt(load_kernel, "maybe"),
    Attempt(load_kernel_file, "maybe"),
    Attempt(load_module, "maybe"),
    Attempt(load_module_file, "maybe"),
    Attempt(unload_module, "maybe"),
    Attempt(reboot, "root"),
    Attempt(set_clock, "anybody"),
    Attempt(set_time_of_day, "anybody"),
    Attempt(adjust_clock, "anybody"),
    Attempt(name_host, "root"),
    Attempt(read_kernel_log, "root"),
    Attempt(swap, "maybe"),
    Attempt(keep_accounts, "maybe"),
    Attempt(use_ports, "maybe"),
    Attempt(change_segments, "maybe"),
    Attempt(change_personality, "anybody"),
    Attempt(type_into_terminal, "anybody"),
    Attempt(paste_into_console, "anybody"),
    Attempt(run_from_nowhere, "anybody"),
    Attempt(make_secret_memory, "maybe"),
    Attempt(call_by_x32, "maybe"),
    Attempt(call_as_i386, "maybe"),
    Attempt(call_what_is_not_known, "never"),
)

"""Attempts at other processes, their memory, and more rights."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import signal
import struct
from pathlib import Path

from tests.integration.cantor.workers.escapes.attempt import (
    Attempt,
    HeldError,
    done_in_child,
    here,
    syscall,
)

_SEIZE = 0x4206


def signal_agent(agent: int) -> str:
    os.kill(agent, 0)
    return "reached"


def read_environment(agent: int) -> str:
    return str(len(Path(f"/proc/{agent}/environ").read_bytes()))


def find_secret(secret: str) -> str:
    """In its own environment, or in that of any process that it sees."""
    if secret in os.environ.values():
        return "mine"
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            if secret.encode() in place.read_bytes():
                return str(place)
        except OSError:
            continue
    raise HeldError(errno.ENOENT, "nowhere")


def see_agent(agent: int) -> str:
    return Path(f"/proc/{agent}/cmdline").read_text(encoding="utf-8")


def trace_agent(agent: int) -> str:
    return done_in_child(lambda: syscall(here(101, 117), _SEIZE, agent, 0, 0))


def trace_first() -> str:
    return done_in_child(lambda: syscall(here(101, 117), _SEIZE, 1, 0, 0))


def trace_parent() -> str:
    return done_in_child(lambda: syscall(here(101, 117), _SEIZE, os.getppid(), 0, 0))


def read_agents_memory(agent: int) -> str:
    room = ctypes.create_string_buffer(8)
    local = struct.pack("=QQ", ctypes.addressof(room), 8)
    remote = struct.pack("=QQ", _first_address(agent), 8)
    return str(syscall(here(310, 270), agent, local, 1, remote, 1, 0))


def write_agents_memory(agent: int) -> str:
    room = ctypes.create_string_buffer(8)
    local = struct.pack("=QQ", ctypes.addressof(room), 0)
    remote = struct.pack("=QQ", 0x1000, 0)
    return str(syscall(here(311, 271), agent, local, 1, remote, 1, 0))


def open_agents_memory(agent: int) -> str:
    place = os.open(f"/proc/{agent}/mem", os.O_RDONLY)
    try:
        return str(len(os.pread(place, 8, _first_address(agent))))
    finally:
        os.close(place)


def take_agents_descriptor(agent: int) -> str:
    handle = os.pidfd_open(agent)
    try:
        os.close(syscall(438, handle, 0, 0))
    finally:
        os.close(handle)
    return "taken"


def limit_agent(agent: int) -> str:
    return str(resource.prlimit(agent, resource.RLIMIT_NOFILE))


def compare_with_agent(agent: int) -> str:
    return str(syscall(here(312, 272), os.getpid(), agent, 1, 0, 0))


def become_root() -> str:
    os.setuid(0)
    return "root"


def become_root_of_a_group() -> str:
    os.setgroups([0])
    return "root"


def hurry() -> str:
    return done_in_child(lambda: os.setpriority(os.PRIO_PROCESS, 0, -20))


def hurry_in_real_time() -> str:
    told = os.sched_param(1)
    return done_in_child(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, told))


def raise_limits() -> str:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return done_in_child(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (most, most + 1)))


def dump_core() -> str:
    def work() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (1 << 20, 1 << 20))

    try:
        return done_in_child(work)
    except OSError as error:
        raise HeldError(error.errno, str(error)) from error


def protect_from_memorys_end() -> str:
    """Let the kernel end the agent first."""
    Path("/proc/self/oom_score_adj").write_text("-1000", encoding="ascii")
    Path("/proc/self/oom_score_adj").write_text("0", encoding="ascii")
    return "written"


def signal_everything_else() -> str:
    """Ends whatever it can; the sandbox must hold nothing but what is its own."""
    os.kill(-1, signal.SIGURG)
    others = [int(one.name) for one in Path("/proc").glob("[0-9]*")]
    if set(others) <= {1, os.getpid()}:
        raise HeldError(errno.ESRCH, "nobody else is here")
    return str(others)


def _first_address(pid: int) -> int:
    maps = Path(f"/proc/{pid}/maps").read_text(encoding="ascii")
    return int(maps.partition("-")[0], 16)


ATTEMPTS = (
    Attempt(signal_agent, "anybody", ("agent",)),
    Attempt(read_environment, "anybody", ("agent",)),
    Attempt(find_secret, "anybody", ("secret",)),
    Attempt(see_agent, "anybody", ("agent",)),
    Attempt(trace_agent, "root", ("agent",)),
    Attempt(trace_first, "never"),
    Attempt(trace_parent, "never"),
    Attempt(read_agents_memory, "root", ("agent",)),
    Attempt(write_agents_memory, "root", ("agent",)),
    Attempt(open_agents_memory, "root", ("agent",)),
    Attempt(take_agents_descriptor, "root", ("agent",)),
    Attempt(limit_agent, "anybody", ("agent",)),
    Attempt(compare_with_agent, "maybe", ("agent",)),
    Attempt(become_root, "root"),
    Attempt(become_root_of_a_group, "root"),
    Attempt(hurry, "root"),
    Attempt(hurry_in_real_time, "maybe"),
    Attempt(raise_limits, "maybe"),
    Attempt(dump_core, "anybody"),
    Attempt(protect_from_memorys_end, "maybe"),
    Attempt(signal_everything_else, "never"),
)

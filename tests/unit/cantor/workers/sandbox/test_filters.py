from __future__ import annotations

import errno
import socket
import stat
from typing import TYPE_CHECKING, cast

import pytest
from tests.unit.cantor.workers.sandbox.machine import run

from cantor.workers.sandbox.bpf import ALLOW, KILL, refuse
from cantor.workers.sandbox.filters import program_of
from cantor.workers.sandbox.syscalls import KNOWN_MAX, MACHINES

if TYPE_CHECKING:
    from cantor.workers.sandbox.levels import Level
    from cantor.workers.sandbox.syscalls import Machine

DENIED = refuse(errno.EPERM)
NO_SOCKET = refuse(errno.EACCES)
MISSING = refuse(errno.ENOSYS)


@pytest.fixture(params=[(m, level) for m in sorted(MACHINES) for level in ("full", "net")])
def case(request: pytest.FixtureRequest) -> tuple[str, Level]:
    machine, level = request.param
    return machine, cast("Level", level)


def decide(case: tuple[str, Level], call: str | int, *arguments: int) -> int:
    machine, level = MACHINES[case[0]], case[1]
    number = call if isinstance(call, int) else machine.numbers[call]
    return run(program_of(level, machine), machine.audit, number, arguments)


@pytest.mark.parametrize(
    "call",
    [
        *("mount", "umount2", "pivot_root", "chroot", "move_mount", "mount_setattr", "unshare"),
        *("setns", "ptrace", "process_vm_readv", "bpf", "perf_event_open", "userfaultfd"),
        *("io_uring_setup", "keyctl", "memfd_create", "kexec_load", "finit_module", "reboot"),
        *("clock_settime", "swapon", "open_by_handle_at", "pidfd_getfd", "capset"),
    ],
)
def test_what_no_task_may_call(case: tuple[str, Level], call: str) -> None:
    assert decide(case, call) == DENIED


def test_clone_makes_processes_and_no_namespaces(case: tuple[str, Level]) -> None:
    assert decide(case, "clone", 0x01200011) == ALLOW
    for flag in (0x00020000, 0x02000000, 0x10000000, 0x20000000, 0x40000000, 0x80):
        assert decide(case, "clone", 0x11 | flag) == DENIED
    assert decide(case, "clone3") == MISSING  # the C library then takes clone


def test_terminals_are_not_typed_into(case: tuple[str, Level]) -> None:
    assert decide(case, "ioctl", 0, 0x5412) == DENIED
    assert decide(case, "ioctl", 0, 0xFFFFFFFF_00005412) == DENIED
    assert decide(case, "ioctl", 0, 0x5413) == ALLOW


def test_files_are_made_and_devices_not(case: tuple[str, Level]) -> None:
    assert decide(case, "mknodat", 0, 0, stat.S_IFIFO | 0o600) == ALLOW
    assert decide(case, "mknodat", 0, 0, stat.S_IFCHR | 0o600) == DENIED
    assert decide(case, "mknodat", 0, 0, stat.S_IFBLK) == DENIED


def test_memory_stays_protected(case: tuple[str, Level]) -> None:
    assert decide(case, "personality", 0xFFFFFFFF) == ALLOW
    assert decide(case, "personality", 0x0040000) == DENIED
    assert decide(case, "personality", 0x0400000) == DENIED


def test_kinds_of_sockets_by_level() -> None:
    for machine in MACHINES:
        full: tuple[str, Level] = machine, "full"
        net: tuple[str, Level] = machine, "net"
        assert decide(full, "socket", socket.AF_UNIX, socket.SOCK_STREAM) == ALLOW
        assert decide(net, "socket", socket.AF_UNIX, socket.SOCK_STREAM) == NO_SOCKET
        for kind in (socket.AF_INET, socket.AF_INET6):
            assert decide(full, "socket", kind, socket.SOCK_STREAM) == NO_SOCKET
            assert decide(net, "socket", kind, socket.SOCK_STREAM) == ALLOW
            assert decide(net, "socket", kind, socket.SOCK_RAW | 0o2000000) == NO_SOCKET


def test_in_a_network_of_ones_own_there_are_sockets_but_no_raw_ones() -> None:
    for machine in MACHINES.values():
        program = program_of("full", machine, has_loopback=True)

        def asked(*arguments: int, of: Machine = machine, program: bytes = program) -> int:
            return run(program, of.audit, of.numbers["socket"], arguments)

        for kind in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6):
            assert asked(kind, socket.SOCK_STREAM) == ALLOW
        assert asked(socket.AF_INET, socket.SOCK_RAW) == NO_SOCKET
        assert asked(socket.AF_NETLINK, socket.SOCK_DGRAM) == NO_SOCKET


@pytest.mark.parametrize("kind", [16, 17, 38, 40, 31, 21, 0, 44])
def test_no_other_kind_of_socket(case: tuple[str, Level], kind: int) -> None:
    assert decide(case, "socket", kind, socket.SOCK_DGRAM) == NO_SOCKET


def test_calls_that_were_never_judged_do_not_exist(case: tuple[str, Level]) -> None:
    assert decide(case, KNOWN_MAX + 1) == MISSING


def test_other_interfaces_of_the_same_processor_end_the_process() -> None:
    x86 = MACHINES["x86_64"]
    program = program_of("full", x86)

    assert run(program, 0x40000003, 20) == KILL  # as i386
    assert run(program, x86.audit, 0x40000000 | 39) == KILL  # as x32

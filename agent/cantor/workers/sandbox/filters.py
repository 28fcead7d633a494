"""Which calls of the kernel a sandboxed worker may not make: the rules and their program."""

from __future__ import annotations

import errno
import socket
import stat
from typing import TYPE_CHECKING

from cantor.workers.sandbox.bpf import Compare, Rule, assemble, refuse
from cantor.workers.sandbox.syscalls import KNOWN_MAX

if TYPE_CHECKING:
    from cantor.workers.sandbox.levels import Level
    from cantor.workers.sandbox.syscalls import Machine

_DENIED = refuse(errno.EPERM)
_UNKNOWN = refuse(errno.ENOSYS)
"""As an old kernel: programs then take the older way."""

_NAMESPACES = 0x7E020080
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET and NEWTIME."""
_TIOCSTI, _TIOCLINUX, _TIOCSETD = 0x5412, 0x541C, 0x5423
"""Typing into a terminal, pasting into a console, and line disciplines."""
_PERSONALITIES = (0, 8, 0xFFFFFFFF)
"""Linux, 32 bits, and the question which it is; the others weaken what protects memory."""

_FOREVER_DENIED = (
    # what is mounted, and where the root is
    *("mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen", "fsconfig"),
    *("fsmount", "fspick", "mount_setattr", "statmount", "listmount"),
    # other namespaces, capabilities
    *("unshare", "setns", "capset"),
    # other processes' memory, files and calls
    *("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
    # large parts of the kernel with a history of holes
    *("bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter"),
    *("io_uring_register", "add_key", "request_key", "keyctl", "modify_ldt", "fanotify_init"),
    # files that are not in any folder: executed unseen, or reached past the folders' rights
    *("memfd_create", "memfd_secret", "name_to_handle_at", "open_by_handle_at"),
    # the machine: kernel, modules, clocks, names, swap, ports, accounting
    *("kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module"),
    *("create_module", "get_kernel_syms", "query_module", "uselib", "reboot", "syslog", "acct"),
    *("settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname"),
    *("setdomainname", "swapon", "swapoff", "iopl", "ioperm", "vhangup", "quotactl"),
    *("quotactl_fd", "nfsservctl", "lookup_dcookie", "sysfs", "_sysctl", "lsm_set_self_attr"),
)
_OF_LEVEL = {
    "full": (int(socket.AF_UNIX),),
    "net": (int(socket.AF_INET), int(socket.AF_INET6)),
}
"""Kinds of sockets. Only ``full`` has names of local sockets for itself."""
_WITH_LOOPBACK = (*_OF_LEVEL["full"], *_OF_LEVEL["net"])
"""In a network of one's own there is nobody else."""


def rules_of(level: Level, *, has_loopback: bool = False) -> tuple[Rule, ...]:
    """What is refused at a level that is closed."""
    sockets = _WITH_LOOPBACK if level == "full" and has_loopback else _OF_LEVEL[level]
    devices = (stat.S_IFMT(0xFFFF), stat.S_IFCHR, stat.S_IFBLK)
    return (
        *(Rule(name, _DENIED) for name in _FOREVER_DENIED),
        Rule("clone", _DENIED, 0, Compare.HAS_ANY_BIT, (_NAMESPACES,)),
        Rule("clone3", _UNKNOWN),  # its flags lie in memory, where no filter sees them
        Rule("ioctl", _DENIED, 1, Compare.IS, (_TIOCSTI, _TIOCLINUX, _TIOCSETD)),
        Rule("personality", _DENIED, 0, Compare.IS_NONE_OF, _PERSONALITIES),
        Rule("mknod", _DENIED, 1, Compare.MASKED_IS, devices),
        Rule("mknodat", _DENIED, 2, Compare.MASKED_IS, devices),
        Rule("socket", refuse(errno.EACCES), 0, Compare.IS_NONE_OF, sockets),
        Rule("socket", refuse(errno.EACCES), 1, Compare.MASKED_IS, (0xF, int(socket.SOCK_RAW))),
    )


def program_of(level: Level, machine: Machine, *, has_loopback: bool = False) -> bytes:
    """The program for a level that is closed."""
    return assemble(machine, rules_of(level, has_loopback=has_loopback), KNOWN_MAX, _UNKNOWN)

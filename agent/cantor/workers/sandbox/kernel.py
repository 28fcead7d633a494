"""The calls of the Linux kernel that Python has no names for. Each raises OSError.

Sources: unshare(2), mount(2), open_tree(2), move_mount(2), mount_setattr(2), prctl(2), capset(2),
seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from cantor.workers.sandbox.syscalls import MACHINES

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS = 0x00020000, 0x02000000, 0x04000000
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID = 0x08000000, 0x10000000, 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 0x1, 0x2, 0x4, 0x8
MS_REC, MS_PRIVATE = 0x4000, 0x40000
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 0x1, 0x2, 0x4, 0x8
_MNT_DETACH = 2
_OPEN_TREE_CLONE, _AT_RECURSIVE, _AT_EMPTY_PATH, _AT_FDCWD = 1, 0x8000, 0x1000, -100
_FROM_EMPTY_PATH = 0x4

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_SECUREBITS = 1, 4, 24, 28
_PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4
_ALL_SECUREBITS_LOCKED = 0xEF
"""No root, no set-uid fixup, no ambient raise, each locked; keep-caps locked off."""
_CAPABILITY_VERSION_3 = 0x20080522
_SECCOMP_SET_MODE_FILTER = 1
_CAPABILITIES_MAX = 64

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def call(name: str, *arguments: int | bytes | None) -> int:
    """Make a call by its name; integers travel as 64 bits.

    Raises:
        OSError: the kernel refuses, or this machine's calls are not known.
    """
    machine = MACHINES.get(os.uname().machine)
    number = machine.number(name) if machine is not None else None
    if number is None:
        raise OSError(errno.ENOSYS, f"{name} on this machine")
    told = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    return _checked(_libc.syscall(ctypes.c_long(number), *told), name)


def unshare(flags: int) -> None:
    """Leave namespaces."""
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system."""
    told = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags))
    _checked(_libc.mount(*told, options.encode()), f"mount {kind or source} at {target}")


def detach(target: str) -> None:
    """Take a mount and all below it out of the view."""
    _checked(_libc.umount2(target.encode(), ctypes.c_int(_MNT_DETACH)), f"umount {target}")


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root; the old one lies at ``old``."""
    call("pivot_root", new.encode(), old.encode())


def clone_tree(path: str) -> int:
    """A descriptor of all that is mounted at and below a path, for :func:`attach`."""
    flags = _OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE
    return call("open_tree", _AT_FDCWD, os.fsencode(path), flags)


def set_attributes(descriptor: int, attributes: int) -> None:
    """Set mount attributes of a cloned tree."""
    told = struct.pack("=QQQQ", attributes, 0, 0, 0)
    call("mount_setattr", descriptor, b"", _AT_EMPTY_PATH | _AT_RECURSIVE, told, len(told))


def set_attributes_at(path: str, attributes: int) -> None:
    """Set mount attributes of what is mounted at a path, not of what is below."""
    told = struct.pack("=QQQQ", attributes, 0, 0, 0)
    call("mount_setattr", _AT_FDCWD, path.encode(), 0, told, len(told))


def attach(descriptor: int, target: str) -> None:
    """Mount a cloned tree."""
    call("move_mount", descriptor, b"", _AT_FDCWD, os.fsencode(target), _FROM_EMPTY_PATH)


def die_with_parent(signal: int) -> None:
    """Let the kernel send this process a signal when the thread that started it ends."""
    _prctl(_PR_SET_PDEATHSIG, signal)


def set_dumpable(is_dumpable: bool) -> None:
    """Whether processes of the same user may look into this one."""
    _prctl(_PR_SET_DUMPABLE, int(is_dumpable))


def drop_capabilities() -> None:
    """Give up all capabilities, for ever, and let no program bring any back."""
    for number in range(_CAPABILITIES_MAX):
        if _libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) < 0:
            break  # the kernel has no more
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    _prctl(_PR_SET_SECUREBITS, _ALL_SECUREBITS_LOCKED)
    call("capset", struct.pack("=Ii", _CAPABILITY_VERSION_3, 0), bytes(24))
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def install_filter(program: bytes) -> None:
    """Put a seccomp filter on this process and all that it will start."""
    code = ctypes.create_string_buffer(program, len(program))
    filter_ = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(code))
    call("seccomp", _SECCOMP_SET_MODE_FILTER, 0, filter_)


def _prctl(option: int, value: int) -> None:
    told = (ctypes.c_ulong(value), *(ctypes.c_ulong(0) for _ in range(3)))
    _checked(_libc.prctl(ctypes.c_int(option), *told), f"prctl {option}")


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{os.strerror(number)} ({what})")
    return result

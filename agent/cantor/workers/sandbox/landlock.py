"""Landlock, where the kernel has it: the files and ports of a worker, refused a second time.

Sources: landlock(7), ``linux/landlock.h``.
"""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

from cantor.workers.sandbox import kernel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cantor.workers.sandbox.levels import Level

_VERSION = 1
_PATH_BENEATH = 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_MAKE_CHAR, _MAKE_BLOCK = 1 << 6, 1 << 11
_REFER, _TRUNCATE, _IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
_RIGHTS_OF_ABI = ((1, (1 << 13) - 1), (2, _REFER), (3, _TRUNCATE), (5, _IOCTL_DEVICE))
_PORTS_ABI, _BIND, _CONNECT = 4, 1, 2
_SCOPES_ABI, _ABSTRACT_SOCKETS, _SIGNALS = 6, 1, 2


def abi() -> int:
    """The version of the kernel's Landlock; 0 if it has none."""
    try:
        return max(0, kernel.call("landlock_create_ruleset", None, 0, _VERSION))
    except OSError:
        return 0


def rights_of(version: int) -> int:
    """All rights on files that a version knows."""
    rights = 0
    for since, added in _RIGHTS_OF_ABI:
        rights |= added if version >= since else 0
    return rights


def ruleset_of(version: int, level: Level, *, has_loopback: bool = False) -> bytes:
    """``struct landlock_ruleset_attr``: what is refused unless a rule allows it."""
    has_ports = level == "net" or has_loopback
    told = struct.pack("=Q", rights_of(version))
    if version >= _PORTS_ABI:
        told += struct.pack("=Q", 0 if has_ports else _BIND | _CONNECT)
    if version >= _SCOPES_ABI:
        told += struct.pack("=Q", _ABSTRACT_SOCKETS | _SIGNALS)
    return told


def restrict(
    level: Level,
    writable: Iterable[str],
    devices: Iterable[str],
    *,
    has_loopback: bool = False,
) -> int:
    """Let this process read what it sees, write below ``writable`` only and use ``devices``; the
    version of Landlock that was used, 0 if there is none.

    Raises:
        OSError: the kernel refuses.
    """
    version = abi()
    if version == 0:
        return 0
    told = ruleset_of(version, level, has_loopback=has_loopback)
    rules = kernel.call("landlock_create_ruleset", told, len(told), 0)
    try:
        everything = rights_of(version)
        _allow(rules, "/", _READ)
        for path in writable:
            _allow(rules, path, everything & ~(_MAKE_CHAR | _MAKE_BLOCK))
        for path in devices:
            _allow(rules, path, everything & (_READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEVICE))
        kernel.call("landlock_restrict_self", rules, 0)
    finally:
        os.close(rules)
    return version


def _allow(rules: int, path: str, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        kernel.call("landlock_add_rule", rules, _PATH_BENEATH, struct.pack("=Qi", rights, place), 0)
    finally:
        os.close(place)

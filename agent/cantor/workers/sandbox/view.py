"""What a sandboxed worker sees of the machine's files: everything else does not exist for it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from cantor.workers.sandbox.levels import Sandbox

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
_SETTINGS = (
    *("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/alternatives"),
    *("/etc/localtime", "/etc/timezone", "/etc/mime.types", "/etc/fonts", "/etc/ssl/certs"),
    *("/etc/ssl/openssl.cnf", "/etc/ca-certificates", "/etc/pki/tls", "/etc/pki/ca-trust"),
    *("/etc/OpenCL", "/etc/vulkan", "/etc/protocols", "/etc/services"),
)
_NETWORK = (
    *("/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf"),
)
_PROCESSORS = ("/sys/devices/system/cpu", "/sys/devices/system/node")
"""Libraries of numbers ask there how many processors and caches there are."""
DEVICES = tuple(f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom"))
WRITABLE = ("/tmp", "/dev/shm")  # noqa: S108 (its own, and nobody else's)
MASKED = tuple(
    f"/proc/{name}"
    for name in ("acpi", "kcore", "keys", "key-users", "kmsg", "latency_stats", "sched_debug",
                 "sysrq-trigger", "timer_list", "scsi", "asound", "config.gz")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class View:
    """``trees`` are read-only, by their place in the sandbox, parents before what is below;
    ``links`` are symbolic links that the system has at its root; ``hidden`` are covered, and
    ``writable`` are the sandbox's own.
    """

    trees: dict[str, str]
    links: dict[str, str]
    devices: tuple[str, ...]
    hidden: tuple[str, ...]
    writable: tuple[str, ...] = ()


def view_of(sandbox: Sandbox, code: Iterable[str] | None = None) -> View:
    """The view of a sandbox on this machine; ``code`` is where this program's code lies."""
    wanted = [*_SYSTEM, *_SETTINGS, *_PROCESSORS]
    if sandbox.level == "net":
        wanted += _NETWORK
    wanted += own_code() if code is None else code
    wanted += [str(path) for path in sandbox.readable]
    links = {path: str(Path(path).readlink()) for path in _SYSTEM if Path(path).is_symlink()}
    places = {path: os.path.realpath(path) for path in wanted if path not in links}
    places.update({real: real for real in places.values()})
    trees: dict[str, str] = {}
    for place in sorted(places, key=lambda path: path.count("/")):
        if os.path.lexists(places[place]) and not _is_below(place, trees):
            trees[place] = places[place]
    return View(
        trees=trees,
        links=links,
        devices=(*DEVICES, *(str(path) for path in sandbox.devices)),
        hidden=tuple(_hidden(sandbox.hidden, trees)),
        writable=tuple(str(path) for path in sandbox.writable),
    )


def own_code() -> list[str]:
    """Where this interpreter and all that it can import lie; never a whole home folder."""
    folder = getattr(sys, "_MEIPASS", None)
    places = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, *sys.path]
    if folder is not None:
        places += [folder, str(Path(sys.executable).parent)]
    too_much = {"/", str(Path.home()), os.path.realpath(Path.home())}
    return [path for path in places if path.startswith("/") and path not in too_much]


def _is_below(path: str, trees: dict[str, str]) -> bool:
    return any(str(parent) in trees for parent in Path(path).parents)


def _hidden(paths: Iterable[Path], trees: dict[str, str]) -> Iterator[str]:
    """Where hidden files would be seen, under each name that they have there."""
    for path in paths:
        real = os.path.realpath(path)
        for place, source in trees.items():
            if real == source or real.startswith(source.rstrip("/") + "/"):
                yield place + real[len(source.rstrip("/")) :]

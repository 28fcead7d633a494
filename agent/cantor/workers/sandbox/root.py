"""The files of a sandbox, mounted: a small root in memory, with what may be seen attached to it.

Everything is opened before this process gives up its user, and attached after.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.workers.sandbox import kernel
from cantor.workers.sandbox.view import MASKED

if TYPE_CHECKING:
    from cantor.workers.sandbox.levels import Limits
    from cantor.workers.sandbox.view import View

_BASES = ("/tmp", "/mnt", "/var", "/")  # noqa: S108 (covered for a moment, in a view of our own)
_ROOT_BYTES = 1 << 20
_READ_ONLY = kernel.ATTR_RDONLY | kernel.ATTR_NOSUID | kernel.ATTR_NODEV
_OF_DEVICES = kernel.ATTR_NOSUID | kernel.ATTR_NOEXEC
_USERS = "root:x:0:0::/:/bin/false\ntask:x:1000:1000::/tmp:/bin/sh\n"
_GROUPS = "root:x:0:\ntask:x:1000:\n"


class Root:
    """A root in the making, in a mount namespace of its own."""

    def __init__(self, view: View) -> None:
        """Take hold of what will be seen.

        Raises:
            OSError: a part cannot be opened.
        """
        kernel.mount("", "/", "", kernel.MS_REC | kernel.MS_PRIVATE)
        self._view = view
        self._trees = {place: kernel.clone_tree(path) for place, path in view.trees.items()}
        self._devices = {path: kernel.clone_tree(path) for path in view.devices}
        self._own = {path: kernel.clone_tree(path) for path in view.writable}
        for tree in self._trees.values():
            kernel.set_attributes(tree, _READ_ONLY)
        for device in self._devices.values():
            kernel.set_attributes(device, _OF_DEVICES)
        for own in self._own.values():
            kernel.set_attributes(own, kernel.ATTR_NOSUID | kernel.ATTR_NODEV)

    def enter(self, limits: Limits) -> None:
        """Make it this process's root; nothing of the old one stays.

        Raises:
            OSError: the kernel refuses.
        """
        base = next(path for path in _BASES if Path(path).is_dir())
        self._tmpfs(base, _ROOT_BYTES, "755", kernel.MS_NOSUID | kernel.MS_NODEV)
        os.chdir(base)
        for place, target in self._view.links.items():
            Path(place[1:]).symlink_to(target)
        Path("tmp").mkdir()
        self._tmpfs("tmp", limits.folder_bytes, "700", kernel.MS_NOSUID | kernel.MS_NODEV)
        for place, tree in {**self._trees, **self._own}.items():
            _attach(tree, place[1:])
        self._make_devices(limits)
        self._make_proc()
        self._write("etc/passwd", _USERS)
        self._write("etc/group", _GROUPS)
        self._cover_hidden()
        kernel.pivot_root(".", ".")
        kernel.detach(".")
        os.chdir("/tmp")  # noqa: S108 (its own)
        kernel.set_attributes_at("/", _READ_ONLY)

    def _make_devices(self, limits: Limits) -> None:
        for path, device in self._devices.items():
            _attach(device, path[1:])
        for name, number in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
            Path("dev", name).symlink_to(f"/proc/self/fd{number}")
        Path("dev/shm").mkdir()
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        self._tmpfs("dev/shm", limits.folder_bytes, "700", flags)

    def _make_proc(self) -> None:
        Path("proc").mkdir()
        flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
        kernel.mount("proc", "proc", "proc", flags)
        for path in MASKED:
            self._cover(path[1:])
        # Nothing there is a task's to change: its own entries are ways around what is refused.
        kernel.set_attributes_at("proc", kernel.ATTR_RDONLY)

    def _cover_hidden(self) -> None:
        for path in self._view.hidden:
            with suppress(PermissionError):  # what it cannot reach it cannot see
                self._cover(path[1:])

    def _cover(self, place: str) -> None:
        if Path(place).is_dir():
            flags = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC | kernel.MS_RDONLY
            self._tmpfs(place, 0, "000", flags)
        elif os.path.lexists(place):
            null = kernel.clone_tree("dev/null")
            kernel.attach(null, place)
            os.close(null)

    @staticmethod
    def _tmpfs(place: str, size: int, mode: str, flags: int) -> None:
        limit = f",size={size}" if size else ""
        kernel.mount("tmpfs", place, "tmpfs", flags, f"mode={mode}{limit}")

    @staticmethod
    def _write(place: str, text: str) -> None:
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).write_text(text, encoding="utf-8")


def _attach(tree: int, place: str) -> None:
    """Mount a tree on a place that is made for it."""
    target = Path(place)
    if stat.S_ISDIR(os.fstat(tree).st_mode):
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    kernel.attach(tree, place)
    os.close(tree)

"""Wheels: which machines one is for, and how it becomes a folder.

A node tells its Python and its platforms (:func:`target_here`); who submits chooses wheels for
them. A worker has no pip: a wheel is a zip archive whose content goes on ``sys.path``.
"""

from __future__ import annotations

import lzma
import os
import re
import stat
import sys
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from packaging import tags

from cantor.base.errors import BundleError, WrongPlatform
from cantor.bundles.zip_directory import entries_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

FILES_MAX = 100_000
UNPACKED_BYTES_MAX = 4 * 1024**3
NAME_BYTES_MAX = 255
PATH_BYTES_MAX = 1024
PLATFORMS_MAX = 256
WHEELS_CHARACTERS_MAX = 8192
_COPY_BYTES = 256 * 1024
_LEFT_OUT = ("scripts", "headers", "data")
"""Parts of a wheel's ``.data`` folder that Python does not import."""
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,  # a way to compress that Python does not know
    RuntimeError,  # a password
    EOFError,
    OSError,
    ValueError,
)
_PYTHON = re.compile(r"3\.\d{1,3}")


@dataclass(frozen=True)
class Target:
    """What a node can run: ``python`` is ``3.11``, ``platforms`` are as wheels name them."""

    python: str
    platforms: tuple[str, ...]

    @cached_property
    def tags(self) -> frozenset[tags.Tag]:
        """Every tag that a wheel for this node may have.

        Raises:
            BundleError: the version is not one.
        """
        if not _PYTHON.fullmatch(self.python):
            raise BundleError(f"not a Python version: {self.python[:20]!r}", remedy="write 3.11")
        version = tuple(map(int, self.python.split(".")))
        platforms = self.platforms[:PLATFORMS_MAX]
        interpreter = f"cp{version[0]}{version[1]}"
        return frozenset(
            [
                *tags.cpython_tags(version, [interpreter], platforms),
                *tags.compatible_tags(version, interpreter, platforms),
            ]
        )

    def __str__(self) -> str:
        named = [name for name in self.platforms if not name.startswith("linux_")]
        best = next(iter(named or self.platforms), "any machine")
        return f"Python {self.python} on {best}"

    @property
    def key(self) -> str:
        """It as one word, ``3.11/manylinux_2_36_x86_64``; :meth:`named` reads it."""
        named = [name for name in self.platforms if _LIBC.fullmatch(name)]
        return f"{self.python}/{next(iter(named or self.platforms), 'any')}"

    @classmethod
    def named(cls, key: str) -> Target:
        """The target with that :attr:`key`: what has a C library runs wheels for older ones too.

        Raises:
            BundleError: it is none.
        """
        python, _, best = key.partition("/")
        if not _PYTHON.fullmatch(python) or not _PLATFORM.fullmatch(best):
            raise BundleError(f"not a target: {key[:80]!r}", remedy="run the same version there")
        libc = _LIBC.fullmatch(best)
        if libc is None:
            return cls(python, (best,))
        kind, major, minor, machine = libc.groups()
        oldest = 0 if kind == "musl" else _OLDEST_GLIBC.get(machine, 17)
        platforms = []
        for number in range(int(minor), oldest - 1, -1):
            platforms.append(f"{kind}linux_{major}_{number}_{machine}")
            if kind == "many" and number in _FORMER:
                platforms.append(f"{_FORMER[number]}_{machine}")
        return cls(python, (*platforms, f"linux_{machine}"))


_LIBC = re.compile(r"(many|musl)linux_(\d)_(\d{1,3})_(\w{1,20})")
_PLATFORM = re.compile(r"\w{1,80}")
_FORMER = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
"""What wheels for a minor version of glibc 2 were called before."""
_OLDEST_GLIBC = {"x86_64": 5, "i686": 5}


def fitting(wheels: str, target: Target) -> str | None:
    """Which of some bundles is for a target: its id, "" if that needs no wheels, None if none is.

    ``wheels`` are words ``TARGET=ID``, each with the :attr:`Target.key` that it was resolved for.

    Raises:
        BundleError: they are too many.
    """
    if len(wheels) > WHEELS_CHARACTERS_MAX:
        raise BundleError(f"bundles of wheels for too many targets ({len(wheels)} characters)")
    for word in wheels.split():
        key, _, found = word.partition("=")
        if key == target.key:
            return found
    return None


def target_here() -> Target:
    """What this Python can run."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Target(version, tuple(tags.platform_tags()))


def check(file_name: str, target: Target) -> None:
    """Make sure that a wheel runs on a node.

    Raises:
        WrongPlatform: it is for other machines, or another Python.
        BundleError: that is not the name of a wheel.
    """
    if not tags_of(file_name) & target.tags:
        *_, python, abi, platform = file_name.removesuffix(".whl").split("-")
        raise WrongPlatform(
            f"{file_name} is for {python}-{abi} on {platform}, and not for {target}",
            remedy="offer a wheel for that node, or say in the needs which nodes can run it",
        )


def tags_of(file_name: str) -> frozenset[tags.Tag]:
    """What a wheel says that it is for.

    Raises:
        BundleError: that is not the name of a wheel.
    """
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return frozenset(parse_wheel_filename(file_name)[3])
    except InvalidWheelFilename as error:
        raise BundleError(
            f"not the name of a wheel: {file_name[:200]!r}", remedy="it ends in -py3-none-any.whl"
        ) from error


def unpack(wheel: Path, into: Path, bytes_max: int = UNPACKED_BYTES_MAX) -> None:
    """Write the modules of a wheel into a folder; nothing outside of it, and no links.

    Raises:
        BundleError: it is no wheel, or it would write elsewhere, or too much.
        OSError: the disk refuses.
    """
    try:
        with _read(_opened, wheel) as archive:
            left = bytes_max
            for member, target in _members(archive):
                left -= _extract(archive, member, into / target, left)
    except _RefusedError as error:
        raise _no_wheel(error, wheel) from error


def unpacked_bytes(wheel: Path) -> int:
    """How much the modules of a wheel take on a disk, as it says itself; ``bytes_max`` holds it to
    that.

    Raises:
        BundleError: it is no wheel, or it would write elsewhere.
        OSError: the disk refuses.
    """
    try:
        with _read(_opened, wheel) as archive:
            return sum(member.file_size for member, _ in _members(archive))
    except _RefusedError as error:
        raise _no_wheel(error, wheel) from error


def _no_wheel(error: _RefusedError, wheel: Path) -> BundleError:
    return BundleError(str(error), where=f"wheel {wheel.name[:80]}", remedy="build the wheel anew")


class _RefusedError(Exception):
    """Why an archive is not unpacked."""


def _read(read: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 (what it gives)
    """Read from an archive; the disk's own errors while reading are taken for damage too."""
    try:
        return read(*arguments)
    except _DAMAGE as error:
        message = f"it is no archive that can be read: {error}"
        raise _RefusedError(message) from error


def _opened(wheel: Path) -> zipfile.ZipFile:
    with wheel.open("rb") as file:
        count = entries_in(file)
    if count > FILES_MAX:
        message = f"it has {count} files (limit {FILES_MAX})"
        raise _RefusedError(message)
    return zipfile.ZipFile(wheel)


def _members(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, str]]:
    """The files to write, each with its path in the folder."""
    seen = set()
    for member in archive.infolist():
        name = member.filename
        steps = name.removesuffix("/").split("/")
        mode = member.external_attr >> 16
        if any(step in {"", ".", ".."} for step in steps) or set(name) & {"\\", "\0", ":"}:
            message = f"it would write elsewhere: {name[:80]!r}"
            raise _RefusedError(message)
        if stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            message = f"it has something that is no file: {name[:80]!r}"
            raise _RefusedError(message)
        if _bytes_in(name) > PATH_BYTES_MAX or max(map(_bytes_in, steps)) > NAME_BYTES_MAX:
            message = f"it has a name that no disk takes: {name[:80]!r}"
            raise _RefusedError(message)
        target = _place(steps)
        if name.endswith("/") or not target:
            continue
        if target in seen:
            message = f"it has two files of one name: {name[:80]!r}"
            raise _RefusedError(message)
        seen.add(target)
        yield member, target


def _bytes_in(name: str) -> int:
    return len(os.fsencode(name))


def _place(steps: list[str]) -> str:
    """Where a file of a wheel belongs; "" if nowhere."""
    if len(steps) > 2 and steps[0].endswith(".data"):
        return "" if steps[1] in _LEFT_OUT else "/".join(steps[2:])
    return "/".join(steps)


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path, left: int) -> int:
    """Write one file of at most ``left`` bytes; how many it has. The archive may lie about it."""
    written = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        target = path.open("xb")
    except (FileExistsError, NotADirectoryError):
        message = f"it has two files of one name: {member.filename[:80]!r}"
        raise _RefusedError(message) from None
    with target, _read(archive.open, member) as source:
        while piece := _read(source.read, _COPY_BYTES):
            written += len(piece)
            if written > left:
                message = "it unpacks to more than it may"
                raise _RefusedError(message)
            target.write(piece)
    if member.external_attr >> 16 & stat.S_IXUSR:
        path.chmod(0o755)
    return written

"""A folder of code as one blob, and back: what ``cantor push`` sends.

The bytes are one msgpack map ``{"format", "files"}`` with ``path: [is executable, content]``. The
same files give the same bytes on every machine: no time, user or folder is in them.
"""

from __future__ import annotations

import fnmatch
import os
import stat
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import msgpack

from cantor.base.errors import BundleError, ConfigError, reason_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from cantor.wire.frame import Buffer

FORMAT = 1
TREE_BYTES_MAX = 64 * 1024 * 1024
FILES_MAX = 4096
PATH_CHARACTERS_MAX = 255
LEFT_OUT = ("__pycache__", "*.pyc", ".*", "node_modules")
"""What is not part of the code: matched against the name of each file and folder."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of a tree."""

    content: bytes
    is_executable: bool = False


def read_folder(folder: Path, left_out: Iterable[str] = ()) -> dict[str, File]:
    """The files below a folder by path, without those that match ``LEFT_OUT`` or ``left_out``.

    Raises:
        ConfigError: it cannot be read, is too large, or holds what is neither file nor folder.
    """
    patterns = (*LEFT_OUT, *left_out)
    files: dict[str, File] = {}
    left = TREE_BYTES_MAX
    for path, name in _below(folder, "", patterns):
        try:
            content = path.read_bytes()
            is_executable = bool(path.stat().st_mode & stat.S_IXUSR)
        except OSError as error:
            raise ConfigError(
                f"cannot be read: {reason_of(error)}", where=str(path), remedy="make it readable"
            ) from error
        left -= len(content)
        if left < 0 or len(files) >= FILES_MAX:
            raise ConfigError(
                f"is too large: more than {FILES_MAX} files or {TREE_BYTES_MAX >> 20} MiB",
                where=str(folder),
                remedy="leave out what the service does not need (ignore: in service.yaml)",
            )
        files[name] = File(content, is_executable)
    return files


def is_left_out(name: str, patterns: Iterable[str] = LEFT_OUT) -> bool:
    """Whether a file or folder of that name is no part of the code."""
    return any(fnmatch.fnmatch(name, pattern) for pattern in patterns)


def has_left_out_step(path: str) -> bool:
    """Whether a file or a folder above it has such a name; ``..`` stays, for others to refuse."""
    return any(is_left_out(step) for step in path.split("/") if step not in {"", ".", ".."})


def is_ignored(path: str, patterns: Iterable[str]) -> bool:
    """Whether a file, or a folder above it, is left out by its name or its whole path."""
    steps = path.split("/")
    paths = accumulate(steps, "{}/{}".format)
    return any(is_left_out(one, patterns) for one in (*steps, *paths))


def _below(folder: Path, prefix: str, patterns: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise ConfigError(f"cannot be read: {reason_of(error)}", where=str(folder)) from error
    for entry in entries:
        name = prefix + entry.name
        if is_left_out(entry.name, patterns) or is_left_out(name, patterns):
            continue
        path = folder / entry.name
        if entry.is_symlink() or not (entry.is_dir() or entry.is_file()):
            raise ConfigError(
                "is a link, or no file",
                where=str(path),
                remedy="put the file itself there, or leave it out (ignore: in service.yaml)",
            )
        if entry.is_dir():
            yield from _below(path, f"{name}/", patterns)
        else:
            yield path, name


def pack(files: Mapping[str, File]) -> bytes:
    """The files as one blob; :func:`unpack` reads it.

    Raises:
        BundleError: a path is not one that a node takes.
    """
    told = {name: [files[name].is_executable, files[name].content] for name in sorted(files)}
    _check_paths(told)
    packed: bytes = msgpack.packb({"format": FORMAT, "files": told})
    return packed


def unpack(data: Buffer) -> dict[str, File]:
    """The files in a blob, none of which leads elsewhere.

    Raises:
        BundleError: it is no tree, is too large, or a path in it leads out of its folder.
    """
    if len(data) > TREE_BYTES_MAX + (1 << 20):
        raise BundleError(f"a folder of code of {len(data)} bytes (limit {TREE_BYTES_MAX})")
    try:
        told: Any = msgpack.unpackb(data)
        if told["format"] != FORMAT:
            raise BundleError(
                f"a folder of code of format {told['format']!r}",
                remedy="run the same version of Cantor on both sides",
            )
        files = {name: _file(*parts) for name, parts in told["files"].items()}
    except (ValueError, TypeError, LookupError, AttributeError, msgpack.UnpackException) as error:
        raise BundleError(f"it is no folder of code: {str(error)[:200]}") from error
    _check_paths(files)
    return files


def write(files: Mapping[str, File], folder: Path) -> None:
    """Write the files into a new folder. Files that run keep that mark.

    Raises:
        OSError: the disk refuses.
    """
    folder.mkdir(parents=True)
    for name, file in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as target:
            target.write(file.content)
        if file.is_executable:
            path.chmod(0o755)


def _file(is_executable: Any, content: Any) -> File:  # noqa: ANN401 (as it came)
    if type(is_executable) is not bool or type(content) is not bytes:
        message = "a file of the wrong shape"
        raise TypeError(message)
    return File(content, is_executable)


def _check_paths(names: Iterable[Any]) -> None:
    """Refuse what would be written elsewhere, or where a file and a folder have one name."""
    folders: set[str] = set()
    seen: set[str] = set()
    for count, name in enumerate(names):
        if count >= FILES_MAX:
            raise BundleError(f"a folder of code with more than {FILES_MAX} files")
        if type(name) is not str or len(name) > PATH_CHARACTERS_MAX or not name.isprintable():
            raise BundleError(f"a path that is none: {str(name)[:80]!r}")
        steps = name.split("/")
        if any(step in {"", ".", ".."} for step in steps) or "\\" in name:
            raise BundleError(
                f"a path leads out of its folder: {name[:80]!r}",
                remedy="ask who pushed it; nothing of it was written",
            )
        seen.add(name)
        folders.update("/".join(steps[:depth]) for depth in range(1, len(steps)))
    if both := seen & folders:
        raise BundleError(f"a file and a folder of one name: {min(both)[:80]!r}")

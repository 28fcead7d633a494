"""The manifest beside each binary: what is in its folder, what it needs, whose code it is."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from edge_packaging.contents import (
    DISTRIBUTION,
    ENTRY_GROUPS,
    PROGRAM,
    Build,
    registered,
)
from edge_packaging.elf import glibc_needed, is_elf
from edge_packaging.libraries import Library, libraries_in
from edge_packaging.verbs import left_out_verbs, verbs_of

if TYPE_CHECKING:
    from pathlib import Path

    from edge_packaging.freeze import Parts

MANIFEST_FILE = "manifest.json"
INTERNAL = "_internal"
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of a binary: its path in the folder, size, digest, and where a link leads."""

    path: str
    size_bytes: int
    sha256: str
    is_executable: bool
    link: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the file :data:`MANIFEST_FILE` says."""

    name: str
    version: str
    platform: str
    python: str
    glibc: str
    packages: tuple[str, ...]
    verbs: tuple[str, ...]
    left_out: dict[str, str]
    entry_points: dict[str, tuple[str, ...]]
    libraries: tuple[Library, ...]
    files: tuple[FileEntry, ...]

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files)

    def document(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)


def describe(build: Build, folder: Path, parts: Parts) -> Manifest:
    """The manifest of a binary in ``folder`` made of these parts.

    Raises:
        ConfigError: a library's licence is not known, or must not be shipped.
    """
    entries = tuple(_entry(path, folder) for path in _paths(folder))
    shared = [path for path in _paths(folder) if not path.is_symlink() and is_elf(path)]
    inside = [path.relative_to(folder / INTERNAL) for path in shared if path.name != PROGRAM]
    major, minor = max(map(glibc_needed, shared))
    return Manifest(
        name=build.name,
        version=version(DISTRIBUTION),
        platform=f"linux-{platform.machine()}",
        python=platform.python_version(),
        glibc=f"{major}.{minor}",
        packages=build.packages,
        verbs=tuple(verbs_of(build)),
        left_out=left_out_verbs(build),
        entry_points={
            group: tuple(point.name for point in registered(group) if build.has(point))
            for group in ENTRY_GROUPS
        },
        libraries=tuple(libraries_in(map(str, inside), parts)),
        files=entries,
    )


def write_manifest(manifest: Manifest, folder: Path) -> Path:
    """Write it into the binary's folder; the path of the file."""
    path = folder / MANIFEST_FILE
    path.write_text(json.dumps(manifest.document(), indent=1) + "\n", encoding="utf-8")
    return path


def check_files(folder: Path) -> list[str]:
    """What differs between a folder and its manifest, one sentence each; empty if nothing does.

    Raises:
        ConfigError: there is no manifest, or it cannot be read.
    """
    path = folder / MANIFEST_FILE
    try:
        said = {file["path"]: file for file in json.loads(path.read_text())["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError("is no manifest of a binary", where=str(path)) from error
    there = {str(file.relative_to(folder)): file for file in _paths(folder)}
    there.pop(MANIFEST_FILE)
    problems = [f"{name} is missing" for name in said.keys() - there.keys()]
    problems += [f"{name} is not in the manifest" for name in there.keys() - said.keys()]
    problems += [
        f"{name} was changed"
        for name in said.keys() & there.keys()
        if asdict(_entry(there[name], folder)) != said[name]
    ]
    return sorted(problems)


def digest(path: Path) -> str:
    """SHA-256 of a file in hexadecimal."""
    total = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()


def _entry(path: Path, folder: Path) -> FileEntry:
    name = str(path.relative_to(folder))
    if path.is_symlink():
        return FileEntry(name, 0, "", is_executable=False, link=str(path.readlink()))
    status = path.stat()
    return FileEntry(name, status.st_size, digest(path), bool(status.st_mode & 0o111))


def _paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_symlink() or path.is_file())

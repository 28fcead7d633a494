"""This program itself: how to start it again, and which of its parts are in this build.

A binary may leave packages out. Their entry points stay in its metadata and their verbs in the file
:data:`BUILD_FILE`, so that the command line says "not in this build" instead of knowing nothing.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD_FILE = "cantor-build.json"
"""In the folder of a frozen program: ``{"name": build, "left_out": {verb: build that has it}}``."""


@dataclass(frozen=True, slots=True)
class Part:
    """An entry point: ``value`` is ``module:attribute``."""

    name: str
    value: str

    @property
    def module(self) -> str:
        """The module that it is in."""
        return self.value.partition(":")[0]

    @property
    def attr(self) -> str:
        """What it is called there."""
        return self.value.partition(":")[2]

    def load(self) -> Any:  # noqa: ANN401 (each group says what its entries are)
        """The thing itself."""
        return getattr(import_module(self.module), self.attr)


def own_command() -> list[str]:
    """What starts this program in another process; arguments follow. Frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "cantor.cli.main"]


def parts(group: str) -> list[Part]:
    """The entry points of a group that this build has, by name."""
    return [point for point in _by_name(group) if _is_in_build(point)]


def left_out(group: str, folder: Path | None = None) -> dict[str, str]:
    """What this build lacks: names of entry points and verbs, each with the build that has it.

    The build is "" where it is not known. ``folder`` holds the build file, by default that of this
    program.
    """
    names = {point.name: "" for point in _by_name(group) if not _is_in_build(point)}
    path = (folder or Path(getattr(sys, "_MEIPASS", sys.prefix))) / BUILD_FILE
    if not path.is_file():
        return names
    return {**names, **json.loads(path.read_text(encoding="utf-8"))["left_out"]}


def entry_points(*, group: str) -> list[Part]:
    """Every entry point of a group, of this build or not.

    A frozen program reads the one file that it has: the library for it brings half a megabyte of
    code for packages, archives and mail, which an agent would carry for weeks.
    """
    folder = getattr(sys, "_MEIPASS", None)
    if folder is not None:
        files = sorted(Path(folder).glob("*.dist-info/entry_points.txt"))
        return [part for path in files for part in _parts_in(path, group)]
    from importlib.metadata import entry_points as installed

    return [Part(point.name, point.value) for point in installed(group=group)]


def _parts_in(path: Path, group: str) -> Iterator[Part]:
    section = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        name, is_entry, value = (word.strip() for word in line.partition("="))
        if line.startswith("["):
            section = line.strip("[] ")
        elif is_entry and section == group:
            yield Part(name, value)


def _is_in_build(point: Part) -> bool:
    """Only the top package's presence counts: one that is there and fails to import is loud."""
    return find_spec(point.module.partition(".")[0]) is not None


def _by_name(group: str) -> list[Part]:
    return sorted(entry_points(group=group), key=lambda point: point.name)

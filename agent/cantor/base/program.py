"""This program itself: how to start it again, and which of its parts are in this build.

A binary may leave packages out. Their entry points stay in its metadata and their verbs in the file
:data:`BUILD_FILE`, so that the command line says "not in this build" instead of knowing nothing.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

BUILD_FILE = "cantor-build.json"
"""In the folder of a frozen program: ``{"name": build, "left_out": {verb: build that has it}}``."""


def own_command() -> list[str]:
    """What starts this program in another process; arguments follow. Frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "cantor.cli.main"]


def parts(group: str) -> list[EntryPoint]:
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


def _is_in_build(point: EntryPoint) -> bool:
    """Only the top package's presence counts: one that is there and fails to import is loud."""
    return find_spec(point.module.partition(".")[0]) is not None


def _by_name(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: point.name)

"""This program itself: how to start it again, and which of its parts are in this build.

A binary may leave packages out. Their entry points stay in its metadata, so that the command line
can say "not in this build" where it would otherwise know nothing.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


def own_command() -> list[str]:
    """What starts this program in another process; arguments follow. Frozen or not."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "cantor.cli.main"]


def is_in_build(point: EntryPoint) -> bool:
    """Whether the top package of an entry point is there at all.

    Only its presence is looked at: a package that is there and fails to import fails loudly.
    """
    return find_spec(point.module.partition(".")[0]) is not None


def parts(group: str) -> list[EntryPoint]:
    """The entry points of a group that this build has, by name."""
    return [point for point in _by_name(group) if is_in_build(point)]


def parts_left_out(group: str) -> list[EntryPoint]:
    """The entry points of a group whose package this build has not, by name."""
    return [point for point in _by_name(group) if not is_in_build(point)]


def _by_name(group: str) -> list[EntryPoint]:
    return sorted(entry_points(group=group), key=lambda point: point.name)

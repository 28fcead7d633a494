"""A pushed filter is opened: a process of its own, never the agent, imports its classes.

How that is done, and how what they tell of themselves is read, is the business of the service of a
layer above. What they tell comes in a file that the process may write, and is hostile until it is
read: nothing else of the process is believed.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from cantor.base.errors import ConfigError, reason_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.node.services import Node
    from cantor.workers.sandbox.levels import Level

OPENER = "galaxy"
"""The service that opens filters."""
OPENING_S = 30.0
"""So long classes may take to open."""
TOLD_BYTES_MAX = 16 * 1024
"""Every node of the mesh gets what the classes of a push tell."""


class Opener(Protocol):
    """Knows what a filter is; the service has one as ``opener``."""

    def opening(self, classes: Sequence[str], told: Path) -> tuple[str, ...]:
        """The command that imports these classes (``module:Class``), checks them, and writes into
        the file ``told`` what they tell, or why they cannot be opened.
        """

    def read(self, told: bytes) -> None:
        """Check what was written.

        Raises:
            ConfigError: they could not be opened, or it is not what classes tell.
        """


class _Opens(Protocol):
    @property
    def opener(self) -> Opener: ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A filter that stands on this node: its pipelines may run these classes, from these folders,
    at this level or closer; ``told`` is what they tell.
    """

    name: str
    number: int
    bundle: str
    needs: str
    level: Level
    classes: tuple[str, ...]
    folder: Path
    libraries: tuple[Path, ...]
    told: bytes


def opener_of(node: Node) -> Opener:
    """What opens filters on a node.

    Raises:
        ConfigError: this build has no filters.
    """
    service = node.service(OPENER)
    if service is None:
        raise ConfigError(
            "this node runs no filters",
            where=node.name,
            remedy="push to nodes whose agents are built with vision (--to)",
        )
    return cast("_Opens", service).opener


def read_told(path: Path) -> bytes:
    """What the process has written, which is removed; it blocks.

    Raises:
        ConfigError: it has written nothing, too much, or has put something else there.
    """
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"its classes tell nothing of themselves: {reason_of(error)}") from error
    try:
        status = os.fstat(number)
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError("its classes tell nothing of themselves: that is no file")
        told = os.read(number, TOLD_BYTES_MAX + 1)
    finally:
        os.close(number)
        with suppress(OSError):
            path.unlink()
    if len(told) > TOLD_BYTES_MAX:
        raise ConfigError(
            f"its classes tell more than {TOLD_BYTES_MAX >> 10} KiB of themselves",
            remedy="say less of each parameter, or push them as several filters",
        )
    return told

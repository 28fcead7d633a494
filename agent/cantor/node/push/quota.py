"""How much a service may keep in ``CANTOR_DATA``.

Quotas of a file system need root, and a kernel and a disk that have them. So the folder is counted
again and again, and a service that has more in it is ended, and not started while that is so.
Between two counts it can write as fast as its disk does.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError, reason_of
from cantor.base.units import format_size

if TYPE_CHECKING:
    from pathlib import Path

FILE_SHARE_BYTES = 8 * 1024
"""It may have one file or folder for each so many bytes: an empty one costs the disk something too,
and counting takes time."""
DEPTH_MAX = 64
"""So many folders in each other; each is open while what is in it is counted."""
LOOK_S = 2.0
PAUSE_FACTOR = 20.0
"""Counting is followed by a pause so many times as long."""
_BLOCK_BYTES = 512  # of st_blocks: stat(2)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Quota:
    """At most ``bytes_max`` on the disk. What was deleted and is still open is not counted."""

    bytes_max: int

    @property
    def files_max(self) -> int:
        """How many files and folders."""
        return self.bytes_max // FILE_SHARE_BYTES

    async def check(self, folder: Path) -> None:
        """Count it once.

        Raises:
            UnavailableError: it holds more, or cannot be counted.
        """
        await asyncio.to_thread(_Count(self, folder).run)

    async def watch(self, folder: Path) -> None:
        """Count it until that raises an error; goes on until it is cancelled.

        Raises:
            UnavailableError: it holds more, or cannot be counted.
        """
        while True:
            began_s = time.monotonic()
            await self.check(folder)
            took_s = time.monotonic() - began_s
            await asyncio.sleep(max(LOOK_S, PAUSE_FACTOR * took_s))


class _Count:
    """Counts what lies in one folder, which may change meanwhile. Blocks; used once."""

    def __init__(self, quota: Quota, folder: Path) -> None:
        self._quota = quota
        self._folder = folder
        self._bytes = self._files = 0
        self._linked: set[int] = set()

    def run(self) -> None:
        try:
            # The agent's own folder: whoever owns the box may have put a link in its place.
            self._look(os.open(self._folder, _FOLDER & ~os.O_NOFOLLOW), 0)
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._over(f"its data cannot be counted: {reason_of(error)}") from error

    def _look(self, place: int, depth: int) -> None:
        try:
            if depth > DEPTH_MAX:
                raise self._over(f"its data lie more than {DEPTH_MAX} folders deep")
            with os.scandir(place) as entries:
                for entry in entries:
                    try:
                        self._add(entry.stat(follow_symlinks=False))
                        is_folder = entry.is_dir(follow_symlinks=False)
                        below = os.open(entry.name, _FOLDER, dir_fd=place) if is_folder else None
                    except (FileNotFoundError, NotADirectoryError):
                        continue  # it has gone meanwhile, or is another
                    if below is not None:
                        self._look(below, depth + 1)
        finally:
            os.close(place)

    def _add(self, found: os.stat_result) -> None:
        self._files += 1
        if self._files > self._quota.files_max:
            raise self._over(f"its data are more than {self._quota.files_max} files")
        if found.st_nlink > 1 and not stat.S_ISDIR(found.st_mode):
            if found.st_ino in self._linked:
                return
            self._linked.add(found.st_ino)
        self._bytes += found.st_blocks * _BLOCK_BYTES
        if self._bytes > self._quota.bytes_max:
            raise self._over(f"its data take more than {format_size(self._quota.bytes_max)}")

    def _over(self, what: str) -> UnavailableError:
        return UnavailableError(
            what,
            where=str(self._folder),
            remedy="remove some of it there, or start the agent with more --service-data",
        )

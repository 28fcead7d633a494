"""The files of a node's logs: segments in one folder, of which the oldest go when there is no room.

A segment is called ``NUMBER-MILLISECONDS.log`` by its number and the time of its first line, so
that who looks for a time opens no other. Only :class:`Journal` writes; anybody may read beside it,
up to the last line that is whole.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.node.logs.lines import time_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SEGMENTS = 16
SEGMENT_BYTES_MIN = 64 * 1024
_NAME = re.compile(r"(\d{10})-(\d{1,15})\.log", re.ASCII)


@dataclass(frozen=True, slots=True)
class Segment:
    """One file; ``begins`` is when its first line was said, in UTC seconds."""

    number: int
    begins: float
    path: Path


def segments_in(folder: Path) -> list[Segment]:
    """The segments of a folder, the oldest first; none if there is no such folder."""
    found = []
    for path in folder.glob("*.log"):
        match = _NAME.fullmatch(path.name)
        if match is not None:
            found.append(Segment(int(match[1]), int(match[2]) / 1000, path))
    return sorted(found, key=lambda segment: segment.number)


class Journal:
    """Writes at the end of the newest segment; in one thread at a time."""

    def __init__(self, folder: Path, bytes_max: int) -> None:
        """All segments together hold at most about ``bytes_max``."""
        self._folder = folder
        self._bytes_max = bytes_max
        self._segment_bytes = max(SEGMENT_BYTES_MIN, bytes_max // SEGMENTS)
        self._file: int | None = None
        self._size = 0
        self._number = 0
        self._is_torn = False

    def write(self, lines: Sequence[bytes]) -> None:
        """Append packed lines.

        Raises:
            OSError: the disk does not take them; some may be there.
        """
        if not lines:
            return
        file = self._opened(lines[0])
        data = b"\n" * self._is_torn + b"\n".join(lines) + b"\n"
        self._is_torn = True  # until the last byte is there
        left = memoryview(data)
        while left:
            count = os.write(file, left)
            self._size += count
            left = left[count:]
        self._is_torn = False
        if self._size >= self._segment_bytes:
            self.close()
            self._make_room()

    def close(self) -> None:
        """Let go of the file; the next write opens one."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _opened(self, first: bytes) -> int:
        if self._file is not None:
            return self._file
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        newest = max(segments_in(self._folder), key=lambda one: one.number, default=None)
        if newest is not None and newest.path.stat().st_size < self._segment_bytes:
            path = newest.path
        else:
            number = max(self._number, newest.number if newest else 0) + 1
            self._number = number
            milliseconds = int((time_in(first) or 0.0) * 1000)
            path = self._folder / f"{number:010d}-{max(0, milliseconds)}.log"
        how = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = self._file = os.open(path, how, 0o600)
        self._size = os.fstat(file).st_size
        # A power cut may have left half a line.
        self._is_torn = self._size > 0 and os.pread(file, 1, self._size - 1) != b"\n"
        return file

    def _make_room(self) -> None:
        segments = segments_in(self._folder)
        sizes = {}
        for segment in segments:
            with suppress(FileNotFoundError):
                sizes[segment] = segment.path.stat().st_size
        total = sum(sizes.values())
        for segment in segments[:-1]:
            if total + self._segment_bytes <= self._bytes_max:
                return
            segment.path.unlink(missing_ok=True)
            total -= sizes.get(segment, 0)

"""Reading a node's logs a page at a time, forwards or backwards; nothing is kept between pages.

A page ends when it is full or has looked through enough, whether it found lines or not, and says
where to go on. So a query over gigabytes costs no memory, and ends when nobody asks for more.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.node.logs.journal import segments_in
from cantor.node.logs.lines import time_in
from cantor.node.logs.query import Matcher

if TYPE_CHECKING:
    from io import FileIO
    from pathlib import Path

    from cantor.node.logs.journal import Segment
    from cantor.node.logs.query import Query

CHUNK_BYTES = 256 * 1024
PAGE_BYTES_MAX = 256 * 1024
PAGE_LINES_MAX = 1000
LOOK_BYTES_MAX = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place between two lines: the number of a segment, and an offset in it."""

    segment: int = 0
    offset: int = 0


@dataclass(slots=True)
class Page:
    """Packed lines in the order in which they were said.

    ``place`` is where to go on, ``is_end`` whether nothing is left that way now, ``has_missed``
    whether lines were removed before they could be read. Every line before ``reached`` (UTC
    seconds) that a forward page could find has been found.
    """

    place: Place
    lines: list[bytes] = field(default_factory=list)
    is_end: bool = False
    has_missed: bool = False
    reached: float = -math.inf
    looked_bytes: int = 0
    size_bytes: int = 0

    def is_full(self, lines_max: int) -> bool:
        """Whether no more lines fit."""
        return len(self.lines) >= lines_max or self.size_bytes >= PAGE_BYTES_MAX

    def has_looked_enough(self) -> bool:
        """Whether it is time to answer."""
        return self.looked_bytes >= LOOK_BYTES_MAX


def newest(folder: Path) -> Place:
    """The place after all that is there."""
    segments = segments_in(folder)
    return Place(segments[-1].number, _whole(segments[-1])) if segments else Place()


def forward(folder: Path, query: Query, place: Place | None, lines_max: int) -> Page:
    """The lines from a place on; from the first that can be in time if that is None."""
    segments = segments_in(folder)
    page = Page(place or Place())
    matcher = Matcher(query)
    if place is None:
        skipped = sum(1 for one in segments if one.begins <= query.since)
        segments = segments[max(0, skipped - 1) :]
    else:
        known = [one for one in segments if one.number >= place.segment]
        page.has_missed = bool(segments) and place.segment > 0 and (
            segments[0].number > place.segment or not known
        )  # fmt: skip
        segments = known or segments
    for segment in segments:
        if segment.begins >= query.until:
            break
        if place is None or segment.number != place.segment:
            page.place = Place(segment.number, 0)
        if not _forward_in(segment, matcher, page, lines_max):
            return page
    page.is_end, page.reached = True, math.inf
    return page


def _forward_in(segment: Segment, matcher: Matcher, page: Page, lines_max: int) -> bool:
    """Read a segment from the page's place; whether the next one may follow."""
    file = _opened(segment, page)
    if file is None:
        return True
    with file:
        while True:
            offset = page.place.offset
            file.seek(offset)
            data = file.read(CHUNK_BYTES)
            whole = data.rfind(b"\n") + 1
            if not whole:
                if len(data) < CHUNK_BYTES:
                    return True
                page.place = Place(segment.number, offset + len(data))  # no line is so long
                page.looked_bytes += len(data)
                continue
            data = data[:whole]
            page.looked_bytes += whole
            for begin, end in matcher.found(data):
                page.lines.append(data[begin:end])
                page.size_bytes += end - begin + 1
                if page.is_full(lines_max):
                    page.place = Place(segment.number, offset + end + 1)
                    page.reached = time_in(page.lines[-1]) or -math.inf
                    return False
            page.place = Place(segment.number, offset + whole)
            last = data[data.rfind(b"\n", 0, whole - 1) + 1 : whole]
            page.reached = time_in(last) or page.reached
            if page.has_looked_enough():
                return False


def backward(folder: Path, query: Query, place: Place | None, lines_max: int) -> Page:
    """The last lines before a place; before the end if that is None."""
    segments = segments_in(folder)
    end = place or newest(folder)
    page = Page(end)
    matcher = Matcher(query)
    for segment in reversed([one for one in segments if one.number <= end.segment]):
        at_end = segment.number == end.segment
        page.place = Place(segment.number, end.offset if at_end else _whole(segment))
        if not _backward_in(segment, matcher, page, lines_max):
            page.lines.reverse()
            return page
        if segment.begins < query.since:
            break
    page.lines.reverse()
    page.is_end = True
    return page


def _backward_in(segment: Segment, matcher: Matcher, page: Page, lines_max: int) -> bool:
    file = _opened(segment, page)
    if file is None:
        return True
    with file:
        while page.place.offset > 0:
            start = max(0, page.place.offset - CHUNK_BYTES)
            file.seek(start)
            data = file.read(page.place.offset - start)
            skipped = data.find(b"\n") + 1 if start else 0
            page.looked_bytes += len(data)
            if start and skipped in (0, len(data)):
                page.place = Place(segment.number, start)  # no line is so long
                continue
            for begin, end in reversed(list(matcher.found(data[skipped:]))):
                page.lines.append(data[skipped + begin : skipped + end])
                page.size_bytes += end - begin + 1
                if page.is_full(lines_max):
                    page.place = Place(segment.number, start + skipped + begin)
                    return False
            page.place = Place(segment.number, start + skipped)
            if page.has_looked_enough():
                return False
    return True


def _opened(segment: Segment, page: Page) -> FileIO | None:
    """A segment; None, and the page says so, if it was removed meanwhile."""
    try:
        return segment.path.open("rb", buffering=0)
    except FileNotFoundError:
        page.has_missed = True
        return None


def _whole(segment: Segment) -> int:
    """The offset after the last line of a segment that is whole."""
    try:
        with segment.path.open("rb", buffering=0) as file:
            size = file.seek(0, 2)
            start = max(0, size - CHUNK_BYTES)
            file.seek(start)
            return start + file.read(size - start).rfind(b"\n") + 1
    except FileNotFoundError:
        return 0

"""One line of a node's logs, as it stands in a file: ``1764205511.123 w agent the text``.

Time in UTC seconds, the letter of its level, where it comes from, and the text, each after one
space. A text of several lines, such as a traceback, is one line here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")
AGENT = "agent"
SERVICE = "service/"
"""How the source of what a service prints begins."""
LINE_BYTES_MAX = 8192
LETTERS = b"diwe"
_BREAK = "\x1e"  # the record separator of ASCII, which no text for people holds


@dataclass(frozen=True, slots=True)
class Line:
    """What was said at a time. ``source`` is ``agent`` or ``service/NAME``, without spaces."""

    at: float
    level: Level
    source: str
    text: str

    def packed(self) -> bytes:
        """The bytes of the file, without the end of the line; a text that is too long is cut."""
        text = self.text.replace(_BREAK, "?").replace("\r\n", "\n").replace("\n", _BREAK)
        head = f"{self.at:.3f} {self.level[0]} {self.source} "
        return f"{head}{text}".encode("utf-8", "replace")[:LINE_BYTES_MAX]


def service_source(name: str) -> str:
    """How the lines of a service are called: a node runs services of its tenant alone."""
    return f"{SERVICE}{name}"


def line_of(raw: bytes) -> Line | None:
    """The line in these bytes; None if they are none."""
    found = raw.split(b" ", 3)
    if len(found) != 4 or len(found[1]) != 1 or found[1] not in LETTERS:
        return None
    at = time_in(found[0])
    if at is None:
        return None
    source, text = (part.decode("utf-8", "replace") for part in found[2:])
    return Line(at, LEVELS[LETTERS.index(found[1])], source, text.replace(_BREAK, "\n"))


def time_in(raw: bytes) -> float | None:
    """The time at the beginning of a line, in UTC seconds; None if there is none."""
    try:
        at = float(raw.split(b" ", 1)[0])
    except ValueError:
        return None
    return at if math.isfinite(at) else None


def level_named(name: object) -> Level | None:
    """The level of that name; None if there is none."""
    return next((level for level in LEVELS if level == name), None)

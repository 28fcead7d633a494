"""The code blocks of a page, and the notes to the tests that stand above them.

A note is an HTML comment on the line above a block, so readers do not see it::

    <!-- not run: needs a camera -->              why the block is not tried
    <!-- runs: machine=line-1 -->                 it runs on another machine than the page's first
    <!-- runs: until=Sign in once -->             it goes on running; the page goes on at that text
    <!-- runs: again until=2 online -->           it is tried until its output has that text
    <!-- runs: exit=1 -->                         the exit code that is right
    <!-- output -->                               what was just printed; … is anything

Parts of a note are separated by semicolons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RUN = frozenset({"bash", "python"})
CHECKED = frozenset({"yaml", "json", "toml"})
_FENCE = re.compile(r"^(?P<indent> *)(?P<marks>`{3,}|~{3,})(?P<info>.*)$")
_NOTE = re.compile(r"^ *<!-- *(?P<kind>not run|runs|output)(?:: *(?P<text>.*?))? *-->$")
_TITLE = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True)
class Block:
    """One block: where it stands, what it is, and the note above it."""

    page: str
    line: int
    language: str
    text: str
    title: str = ""
    kind: str = ""
    reason: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """Where a person finds it."""
        return f"{self.page}:{self.line}"

    @property
    def fate(self) -> str:
        """``run``, ``checked``, ``output`` or ``not run``; empty if nobody said."""
        if self.kind == "not run":
            return "not run" if self.reason else ""
        if self.kind == "output":
            return "output"
        if self.language in RUN:
            return "run"
        return "checked" if self.language in CHECKED else ""


def blocks_of(path: Path, name: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    found: list[Block] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    number = 0
    while number < len(lines):
        fence = _FENCE.match(lines[number])
        if fence is None:
            number += 1
            continue
        end = _end(lines, number, fence["marks"])
        body = "\n".join(line[len(fence["indent"]) :] for line in lines[number + 1 : end])
        note = lines[number - 1] if number else ""
        found.append(_block(name, number + 1, fence["info"].strip(), body, note))
        number = end + 1
    return found


def _end(lines: list[str], start: int, marks: str) -> int:
    for number in range(start + 1, len(lines)):
        if lines[number].strip() == marks:
            return number
    message = f"line {start + 1}: the block does not end"
    raise ValueError(message)


def _block(page: str, line: int, info: str, text: str, above: str) -> Block:
    language, _, rest = info.partition(" ")
    title = _TITLE.search(rest)
    note = _NOTE.match(above)
    kind, told = (note["kind"], note["text"] or "") if note else ("", "")
    options: dict[str, str] = {}
    if kind == "runs":
        for part in filter(None, (part.strip() for part in told.split(";"))):
            key, _, value = part.partition("=")
            options[key.strip()] = value.strip()
    return Block(page, line, language, text, title[1] if title else "", kind, told, options)

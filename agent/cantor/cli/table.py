"""Tables for a terminal."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from cantor.base.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by display width (a Chinese sign takes two cells)."""
    lines = [list(map(printable, line)) for line in (header, *rows)]
    widths = [max(_width(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def fitted(text: str, width: int) -> str:
    """The text in exactly that many cells: cut, or with spaces after it."""
    cells = 0
    for place, sign in enumerate(text):
        size = _width(sign)
        if cells + size > width:
            return text[:place] + " " * (width - cells)
        cells += size
    return text + " " * (width - cells)

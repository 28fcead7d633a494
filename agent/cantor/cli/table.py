"""Tables for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.text import printable, width_of

if TYPE_CHECKING:
    from collections.abc import Sequence


def format_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns aligned by display width."""
    lines = [list(map(printable, line)) for line in (header, *rows)]
    widths = [max(width_of(line[column]) for line in lines) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - width_of(cell)) for cell, width in zip(line, widths, strict=True)
        ).rstrip()
        for line in lines
    )


def fitted(text: str, width: int) -> str:
    """The text in exactly that many cells: cut, or with spaces after it."""
    cells = 0
    for place, sign in enumerate(text):
        size = width_of(sign)
        if cells + size > width:
            return text[:place] + " " * (width - cells)
        cells += size
    return text + " " * (width - cells)

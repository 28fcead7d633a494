"""Statements of many rows: each lets other threads run in between, and a busy one takes
milliseconds until it lets this one go on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

ROWS_MAX = 64


def chunks(rows: Sequence[Any], most: int = ROWS_MAX) -> Iterator[Sequence[Any]]:
    """Parts whose lengths are powers of two: there are few statements, which SQLite remembers."""
    at = 0
    while at < len(rows):
        size = most
        while size > len(rows) - at:
            size //= 2
        yield rows[at : at + size]
        at += size


def marks(count: int) -> str:
    """Places for so many values."""
    return f"({', '.join('?' * count)})"


def insert(
    database: sqlite3.Connection,
    statement: str,
    rows: Sequence[Sequence[Any]],
    most: int = ROWS_MAX,
    end: str = "",
) -> None:
    """Run a statement with the rows as its VALUES; ``end`` is what it says after them."""
    for some in chunks(rows, most):
        places = marks(len(some[0]))
        values = [value for row in some for value in row]
        database.execute(statement + ", ".join([places] * len(some)) + end, values)

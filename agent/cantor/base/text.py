"""Words that others have chosen, shown to people."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with ``?`` for what a terminal would obey, or not show."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "?" for sign in text)


def width_of(text: str) -> int:
    """How many cells of a terminal a text takes; a Chinese sign takes two."""
    if text.isascii():
        return len(text)
    import unicodedata  # a table of a megabyte

    return sum(2 if unicodedata.east_asian_width(sign) in "WF" else 1 for sign in text)

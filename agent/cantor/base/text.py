"""Words that others have chosen, shown to people."""

from __future__ import annotations


def printable(text: str) -> str:
    """The text with ``?`` for what a terminal would obey, or not show."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else "?" for sign in text)

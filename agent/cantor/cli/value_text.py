"""Values that programs keep, as people type and read them: JSON where that can say it."""

from __future__ import annotations

import json
import sys
from typing import Any

from cantor.base.errors import ConfigError
from cantor.base.text import printable

STANDARD_INPUT = "-"
TEXT_CHARACTERS_MAX = 120
"""Of a value in a table."""


def value_from(word: str, *, is_text: bool = False) -> Any:  # noqa: ANN401 (any JSON)
    """The value that a person typed: JSON if it is, else the text; ``-`` reads it.

    ``is_text`` takes it as text in any case.

    Raises:
        ConfigError: what was read is no text.
    """
    if word == STANDARD_INPUT:
        try:
            word = sys.stdin.read()
        except UnicodeDecodeError as error:
            raise ConfigError(
                "what was read is no text", where="standard input", remedy="keep files as objects"
            ) from error
    return word if is_text else parsed(word)


def parsed(text: str) -> Any:  # noqa: ANN401 (any JSON)
    """The value that a text says: JSON if it is, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def shown(value: object, *, is_cut: bool = False) -> str:
    """A value on one line of a terminal; a text as it is."""
    text = printable(value if isinstance(value, str) else as_json(value))
    if is_cut and len(text) > TEXT_CHARACTERS_MAX:
        return f"{text[: TEXT_CHARACTERS_MAX - 1]}…"
    return text


def as_json(value: object) -> str:
    """A value as JSON; what JSON has no word for as its Python text."""
    try:
        return json.dumps(value, ensure_ascii=False, default=repr, allow_nan=False)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(repr(value), ensure_ascii=False)

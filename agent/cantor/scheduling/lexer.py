"""From the text of a needs expression to tokens, and errors that point at a column."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cantor.base.errors import ExpressionError
from cantor.base.text import width_of
from cantor.scheduling.expression import NAME

TEXT_CHARACTERS_MAX = 4096
NUMBER_CHARACTERS_MAX = 18
EXCERPT_CHARACTERS = 36

_TOKEN = re.compile(
    rf"""
      (?P<space>[ \t\r\n]+)
    | (?P<version>\d+(?:\.\d+){{2,}}(?:[-+][A-Za-z0-9.+-]*)?)
    | (?P<number>-?\d+(?:\.\d+)?)
    | (?P<name>{NAME.pattern})
    | (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<operator>==|!=|<=|>=|=|<|>)
    | (?P<mark>[()\[\],.])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_REMEDIES = {
    "&": "write and",
    "|": "write or",
    "!": "write not, or != to compare",
    '"': "close the string with the quote that opened it",
    "'": "close the string with the quote that opened it",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; ``column`` counts from 0; ``kind`` is ``end`` after the last."""

    kind: str
    text: str
    column: int


def error_at(source: str, column: int, what: str, remedy: str) -> ExpressionError:
    """An error that shows the place in the text with a caret under it."""
    start = max(source.rfind("\n", 0, column) + 1, column - EXCERPT_CHARACTERS)
    end = source.find("\n", column)
    end = min(len(source) if end < 0 else end, column + EXCERPT_CHARACTERS)
    excerpt = "".join(c if c.isprintable() else " " for c in source[start:end])
    pad = "".join("\u3000" if width_of(c) == 2 else " " for c in excerpt[: column - start])
    shown = f"    {excerpt}\n    {pad}^"
    return ExpressionError(what, column=column + 1, advice=remedy, shown=shown)


def tokens(source: str) -> list[Token]:
    """The tokens of ``source``, the last of kind ``end``.

    Raises:
        ExpressionError: the text is too long or holds what is no token; the message points at it.
    """
    if len(source) > TEXT_CHARACTERS_MAX:
        what = f"the expression has {len(source)} characters (limit {TEXT_CHARACTERS_MAX})"
        raise error_at(source, TEXT_CHARACTERS_MAX, what, "shorten it")
    found: list[Token] = []
    column = 0
    while column < len(source):
        match = _TOKEN.match(source, column)
        if match is None:
            raise _unknown(source, column)
        kind = match.lastgroup or ""
        if kind != "space":
            found.append(Token(kind, match.group(), column))
            _check_length(source, found[-1])
        column = match.end()
    return [*found, Token("end", "", column)]


def unquote(source: str, token: Token) -> str:
    """The value of a string token.

    Raises:
        ExpressionError: it holds a control character, or an escape of something else than a quote
            or a backslash.
    """
    inside = token.text[1:-1]
    for match in _ESCAPE.finditer(inside):
        if match.group(1) not in "\\\"'":
            what = f"unknown escape {match.group()!r} in a string"
            remedy = "only \\\\ and \\\" and \\' are escapes"
            raise error_at(source, token.column + 1 + match.start(), what, remedy)
    value = _ESCAPE.sub(r"\1", inside)
    if not value.isprintable():
        what = "a control character in a string"
        raise error_at(source, token.column, what, "write visible characters only")
    return value


def _check_length(source: str, token: Token) -> None:
    if token.kind in ("number", "version") and len(token.text) > 2 * NUMBER_CHARACTERS_MAX:
        raise error_at(source, token.column, f"the {token.kind} is too long", "shorten it")
    if token.kind == "number" and len(token.text) > NUMBER_CHARACTERS_MAX:
        remedy = f"use at most {NUMBER_CHARACTERS_MAX} characters, and a unit such as TiB"
        raise error_at(source, token.column, "the number is too long", remedy)


def _unknown(source: str, column: int) -> ExpressionError:
    character = source[column]
    what = "the string does not end" if character in "\"'" else f"unexpected {character!r}"
    remedy = _REMEDIES.get(character, "write conditions such as USBCamera == 1 and GPU = 1")
    return error_at(source, column, what, remedy)

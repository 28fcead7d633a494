"""The filter of the node list: ``line-a (GPU >= 1 or NPU >= 1) and not site:north``.

A word is looked for in name, id and labels; ``label:value`` asks for one label; a comparison asks
for a resource, as in needs, but text may go without quotes and nothing is taken. Parts are joined
by ``and`` (or a space) and ``or``, turned round by ``not`` and grouped by parentheses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.base.units import parse_size
from cantor.scheduling.evaluation import Situation, holds
from cantor.scheduling.expression import Compare, Flag, Name, Number, Text, Version
from cantor.scheduling.versions import version_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.scheduling.expression import Literal
    from edge_hub.schemas import Node

    Part = Callable[[Node, Situation], bool]

FILTER_CHARS_MAX = 512
DEPTH_MAX = 32
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<joiner>(?:and|or|not)(?=[\s()]|$)|[()])
    | (?P<name>[A-Za-z_][\w.-]*)\s*(?P<operator>==|!=|>=|<=|>|<|=)\s*(?P<value>"[^"]*"|[^\s"()]+)
    | (?P<label>[\w.-]+):(?P<text>"[^"]*"|[^\s"()]*)
    | (?P<word>[^\s"=<>!()]+)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)([A-Za-z]*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; ``matches`` tells whether it holds for a node."""

    part: Part

    def matches(self, node: Node) -> bool:
        """Whether the node belongs in the list."""
        resources = (Resource(r.name, r.kind, r.value, r.unit) for r in node.resources)
        return self.part(node, Situation(resources, node.labels))


def parse_filter(text: str) -> Filter:
    """Read a filter; an empty one matches every node.

    Raises:
        ConfigError: it cannot be read; the message says at which character.
    """
    if len(text) > FILTER_CHARS_MAX:
        raise _bad(f"is longer than {FILTER_CHARS_MAX} characters", 0)
    return Filter(_Reader(text.rstrip()).whole())


class _Reader:
    """Reads by descent: ``or`` binds least, then ``and``, then ``not``."""

    def __init__(self, text: str) -> None:
        self._tokens: list[re.Match[str]] = []
        self._end = len(text)
        self._at = self._depth = position = 0
        while position < len(text):
            token = _TOKEN.match(text, position)
            if token is None:
                raise _bad("cannot be read", position)
            self._tokens.append(token)
            position = token.end()

    def whole(self) -> Part:
        if not self._tokens:
            return lambda node, here: True
        part = self._or()
        if self._at < len(self._tokens):
            raise _bad("closes a parenthesis that is not open", self._place())
        return part

    def _next(self) -> str:
        """The joiner or parenthesis that comes next; a star for a part, nothing at the end."""
        if self._at == len(self._tokens):
            return ""
        return (self._tokens[self._at]["joiner"] or "*").lower()

    def _place(self) -> int:
        """Where the next token begins."""
        if self._at == len(self._tokens):
            return self._end
        token = self._tokens[self._at]
        return token.start("joiner") if token["joiner"] else token.start()

    def _or(self) -> Part:
        parts = [self._and()]
        while self._next() == "or":
            self._at += 1
            parts.append(self._and())
        return lambda node, here: any(part(node, here) for part in parts)

    def _and(self) -> Part:
        parts = [self._not()]
        while self._next() not in {"", "or", ")"}:
            self._at += self._next() == "and"
            parts.append(self._not())
        return lambda node, here: all(part(node, here) for part in parts)

    def _not(self) -> Part:
        joiner, place = self._next(), self._place()
        if joiner not in {"not", "(", "*"}:
            raise _bad("asks for nothing here", place)
        token = self._tokens[self._at]
        self._at += 1
        if joiner == "*":
            return _part(token)
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise _bad(f"is nested deeper than {DEPTH_MAX}", place)
        part = self._not() if joiner == "not" else self._group(place)
        self._depth -= 1
        return (lambda node, here: not part(node, here)) if joiner == "not" else part

    def _group(self, opened: int) -> Part:
        part = self._or()
        if self._next() != ")":
            raise _bad("opens a parenthesis and does not close it", opened)
        self._at += 1
        return part


def _part(token: re.Match[str]) -> Part:
    if token["operator"] is not None:
        return _comparison(token)
    if token["label"] is not None:
        label, value = token["label"], token["text"].strip('"')
        return lambda node, here: node.labels.get(label) == value
    word = token["word"].lower()
    return lambda node, here: any(
        word in text.lower()
        for text in (node.name, node.id, *node.labels.keys(), *node.labels.values())
    )


def _comparison(token: re.Match[str]) -> Part:
    name, sign, value = token["name"], token["operator"], token["value"]
    if sign == "=":
        raise _bad("has a single =; a filter compares with ==", token.start("operator"))
    literal = _literal(value)
    is_bare_text = isinstance(literal, Text) and literal.value == value
    if is_bare_text and sign not in {"==", "!="}:
        raise _bad(f"compares {name} with {value[:40]!r}, no number", token.start("value"))
    is_label = name.startswith("label.")
    test = Compare(Name(name.removeprefix("label."), is_label=is_label), sign, literal)
    return lambda node, here: holds(test, here)


def _literal(text: str) -> Literal:
    if text.lower() in {"true", "false"}:
        return Flag(text.lower() == "true")
    number = _NUMBER.fullmatch(text)
    if number is None:
        return Version(text) if text[0].isdigit() and version_key(text) else Text(text.strip('"'))
    digits, unit = number.groups()
    try:
        value = parse_size(text) if unit else float(digits)
    except ValueError:
        return Text(text)
    return Number(digits, unit, value)


def _bad(what: str, position: int) -> ConfigError:
    return ConfigError(
        f"the filter {what}",
        where=f"character {position + 1}",
        remedy="write words, label:value, or comparisons such as GPU >= 1, joined by and, or, not",
    )

"""The filter of the node list: ``line-a site:north GPU >= 1 and USBCamera == 1``.

Parts are joined by ``and`` or by a space, and all must hold. A word is looked for in name, id and
labels; ``label:value`` asks for one label; a comparison asks for a resource.
"""

from __future__ import annotations

import operator
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.units import parse_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_hub.schemas import Node

FILTER_CHARS_MAX = 512
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
_PART = re.compile(
    r"\s*(?:(?P<and>and)(?=\s|$)"
    r"|(?P<name>[A-Za-z_][\w.-]*)\s*(?P<operator>==|!=|>=|<=|>|<|=)\s*(?P<value>\"[^\"]*\"|[^\s\"]+)"
    r"|(?P<label>[\w.-]+):(?P<text>\"[^\"]*\"|[^\s\"]*)"
    r"|(?P<word>[^\s\"=<>!]+))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Filter:
    """A parsed filter; ``matches`` tells whether all parts hold for a node."""

    parts: tuple[Callable[[Node], bool], ...]

    def matches(self, node: Node) -> bool:
        """Whether the node belongs in the list."""
        return all(part(node) for part in self.parts)


def parse_filter(text: str) -> Filter:
    """Read a filter; an empty one matches every node.

    Raises:
        ConfigError: it cannot be read; the message says at which character.
    """
    if len(text) > FILTER_CHARS_MAX:
        raise _bad(f"is longer than {FILTER_CHARS_MAX} characters", 0)
    parts: list[Callable[[Node], bool]] = []
    position, text = 0, text.rstrip()
    while position < len(text):
        match = _PART.match(text, position)
        if match is None:
            raise _bad("cannot be read", position)
        if match["and"] is None:
            parts.append(_part(match))
        position = match.end()
    return Filter(tuple(parts))


def _part(match: re.Match[str]) -> Callable[[Node], bool]:
    if match["operator"] is not None:
        return _comparison(match)
    if match["label"] is not None:
        label, value = match["label"], match["text"].strip('"')
        return lambda node: node.labels.get(label) == value
    word = match["word"].lower()
    return lambda node: any(
        word in text.lower()
        for text in (node.name, node.id, *node.labels.keys(), *node.labels.values())
    )


def _comparison(match: re.Match[str]) -> Callable[[Node], bool]:
    if match["operator"] == "=":
        raise _bad("has a single =; a filter compares with ==", match.start("operator"))
    name, sign = match["name"], match["operator"]
    compare, wanted = _OPERATORS[sign], match["value"].strip('"')
    number = _number(wanted)
    if number is None and sign not in {"==", "!="}:
        raise _bad(f"compares {name} with {wanted[:40]!r}, no number", match.start("value"))

    def holds(node: Node) -> bool:
        found = [resource.value for resource in node.resources if resource.name == name]
        value = found[0] if found else 0
        if number is not None and not isinstance(value, str):
            return compare(float(value), number)
        equal = str(value) == wanted
        return equal if sign == "==" else sign == "!=" and not equal

    return holds


def _number(text: str) -> float | None:
    if text.lower() in {"true", "false"}:
        return float(text.lower() == "true")
    try:
        return float(parse_size(text))
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def _bad(what: str, position: int) -> ConfigError:
    return ConfigError(
        f"the filter {what}",
        where=f"character {position + 1}",
        remedy="write words, label:value, or comparisons such as GPU >= 1, joined by and",
    )

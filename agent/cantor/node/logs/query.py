"""Which lines are asked for, and which lines of a piece of a file they are.

Texts are plain, not expressions: one of strangers that is matched by trying could hold up a node
for hours, and a plain text is found at the speed of memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.node.logs.lines import LETTERS, LEVELS, Level, level_named, time_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.wire.frame import Value

TEXTS_MAX = 8
TEXT_MAX = 200
TIME_MAX = 1e12


@dataclass(frozen=True, slots=True)
class Query:
    """Lines that hold all ``texts``, in any case of ASCII letters if ``is_any_case``.

    They are of this ``level`` or above it, from this ``source`` (of all if ""; what ends in ``/``
    is the beginning of several), said in ``since`` <= time < ``until``, in UTC seconds.
    """

    texts: tuple[str, ...] = ()
    is_any_case: bool = False
    level: Level = "debug"
    source: str = ""
    since: float = 0.0
    until: float = math.inf

    def as_value(self) -> dict[str, Value]:
        """As msgpack types; :func:`query_from` reads it back."""
        until: dict[str, Value] = {} if math.isinf(self.until) else {"until": self.until}
        return {
            "texts": list(self.texts),
            "any_case": self.is_any_case,
            "level": self.level,
            "source": self.source,
            "since": self.since,
            **until,
        }


def query_from(value: Mapping[str, Value]) -> Query:
    """The query in what somebody sent; what is not said is not asked for.

    Raises:
        ConfigError: it has another shape.
    """
    texts, level, source = value.get("texts", []), value.get("level", "debug"), value.get("source")
    if not isinstance(texts, list) or len(texts) > TEXTS_MAX:
        raise ConfigError(f"not a list of at most {TEXTS_MAX} texts", where="texts")
    found = tuple(text for text in texts if isinstance(text, str) and 0 < len(text) <= TEXT_MAX)
    if len(found) != len(texts) or any("\n" in text for text in found):
        raise ConfigError(f"a text has 1 to {TEXT_MAX} characters and no line end", where="texts")
    named = level_named(level)
    if named is None:
        raise ConfigError("no such level", where="level", remedy=f"give one of {', '.join(LEVELS)}")
    if not isinstance(source or "", str) or len(str(source or "")) > TEXT_MAX:
        raise ConfigError("must be a name", where="source")
    return Query(
        found,
        bool(value.get("any_case")),
        named,
        str(source or ""),
        _time(value, "since", 0.0),
        _time(value, "until", math.inf),
    )


def _time(value: Mapping[str, Value], name: str, otherwise: float) -> float:
    told = value.get(name, otherwise)
    if isinstance(told, bool) or not isinstance(told, int | float):
        raise ConfigError("must be UTC seconds", where=name)
    if told is not otherwise and not 0 <= told <= TIME_MAX:
        raise ConfigError("must be UTC seconds", where=name)
    return float(told)


class Matcher:
    """Finds the lines of a query."""

    def __init__(self, query: Query) -> None:
        self._query = query
        texts = [text.encode("utf-8", "replace") for text in query.texts]
        self._texts = [text.lower() for text in texts] if query.is_any_case else texts
        self._needle = max(self._texts, key=len, default=b"")
        self._letters = LETTERS[LEVELS.index(query.level) :]
        self._source = query.source.encode("utf-8", "replace")

    def found(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where the lines of the query begin and end in ``data``, which holds whole lines."""
        seen = data.lower() if self._query.is_any_case else data
        at = 0
        while at < len(data):
            if self._needle:
                hit = seen.find(self._needle, at)
                if hit < 0:
                    return
                at = data.rfind(b"\n", at, hit) + 1 or at
            end = data.find(b"\n", at)
            if end < 0:
                return
            if self._fits(data[at:end], seen[at:end]):
                yield at, end
            at = end + 1

    def _fits(self, line: bytes, seen: bytes) -> bool:
        parts = line.split(b" ", 3)
        if len(parts) != 4 or len(parts[1]) != 1 or parts[1] not in self._letters:
            return False
        if self._source and not self._is_of(parts[2]):
            return False
        at = time_in(parts[0])
        if at is None or not self._query.since <= at < self._query.until:
            return False
        text = seen[len(line) - len(parts[3]) :]
        return all(one in text for one in self._texts)

    def _is_of(self, source: bytes) -> bool:
        wanted = self._source
        return source.startswith(wanted) if wanted.endswith(b"/") else source == wanted

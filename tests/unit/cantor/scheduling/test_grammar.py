"""The grammar that people read, held against the parser: its texts parse, spoilt ones are shown."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cantor.base.errors import ConfigError
from cantor.scheduling import needs
from cantor.scheduling.expression import KEYWORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

_EBNF = re.compile(r"""\(\*.*?\*\)|\s+|"(?P<a>[^"]+)"|'(?P<b>[^']+)'|(?P<c>\w+|[=;,|(){}\[\]])""")
_CLOSES = {"(": ")", "[": "]", "{": "}"}
LEXICAL = {"resource", "digits", "version", "string"}
BUILT_IN = {
    "letter": st.sampled_from("abzAGZ"),
    "digit": st.sampled_from("0179"),
    "digits": st.from_regex(r"[1-9][0-9]{0,2}", fullmatch=True),
    "character": st.sampled_from(list("ab 1é界=()#")),
}


@dataclass(frozen=True)
class Part:
    """A node of the grammar: ``kind`` is terminal, rule, all, any, maybe or many."""

    kind: str
    text: str = ""
    parts: tuple[Part, ...] = ()


def written_grammar() -> dict[str, Part]:
    """The rules of the grammar in the module's documentation."""
    text = (needs.__doc__ or "").partition("(ISO 14977)::")[2].partition("Spaces, tabs")[0]
    return dict(_rules(list(_words(text))))


def _words(text: str) -> Iterator[tuple[bool, str]]:
    for match in _EBNF.finditer(text):
        quoted = match["a"] or match["b"]
        if quoted or match["c"]:
            yield bool(quoted), quoted or match["c"]


def _rules(words: list[tuple[bool, str]]) -> Iterator[tuple[str, Part]]:
    while words:
        _, name = words.pop(0)
        assert words.pop(0) == (False, "=")
        yield name, _choice(words)
        assert words.pop(0) == (False, ";")


def _choice(words: list[tuple[bool, str]]) -> Part:
    parts = [_sequence(words)]
    while words[0] == (False, "|"):
        words.pop(0)
        parts.append(_sequence(words))
    return parts[0] if len(parts) == 1 else Part("any", parts=tuple(parts))


def _sequence(words: list[tuple[bool, str]]) -> Part:
    parts = [_piece(words)]
    while words[0] == (False, ","):
        words.pop(0)
        parts.append(_piece(words))
    return parts[0] if len(parts) == 1 else Part("all", parts=tuple(parts))


def _piece(words: list[tuple[bool, str]]) -> Part:
    is_quoted, word = words.pop(0)
    if is_quoted:
        return Part("terminal", word)
    if word not in _CLOSES:
        return Part("rule", word)
    inner = _choice(words)
    assert words.pop(0) == (False, _CLOSES[word])
    return inner if word == "(" else Part("maybe" if word == "[" else "many", parts=(inner,))


GRAMMAR = written_grammar()


class Writer:
    """Writes a text by the grammar; what its comments say beside the rules is kept as well."""

    def __init__(self, draw: st.DrawFn) -> None:
        self.draw = draw
        self.negations = 0
        self.depth = 0

    def rule(self, name: str) -> list[str]:
        """The tokens of a rule."""
        if name in BUILT_IN:
            return [self.draw(BUILT_IN[name])]
        self.depth += 1
        found = self.part(GRAMMAR[name])
        self.depth -= 1
        if name in LEXICAL:
            found = ["".join(found)]
        if name == "resource" and (found[0] in KEYWORDS or found[0][-1] in "-."):
            found[0] += "z"
        return self.as_said(found) if name == "condition" else found

    def as_said(self, found: list[str]) -> list[str]:
        """A condition as the comments of the grammar want it."""
        at = next((at for at, one in enumerate(found) if one in ("=", "<", "<=", ">", ">=")), None)
        if at is None:
            return found
        is_text = found[-1] in ("true", "false") or found[-1][0] in "\"'"
        if (found[at] == "=" and self.negations) or (found[at] != "=" and is_text):
            return [*found[:at], "==", *found[at + 1 :]]
        return [one for one in found if one != "-"] if found[at] == "=" else found

    def part(self, part: Part) -> list[str]:
        """The tokens of a part."""
        match part.kind:
            case "terminal":
                return [part.text]
            case "rule":
                return self.rule(part.text)
            case "all":
                is_not = part.parts[0] == Part("terminal", "not")
                self.negations += is_not
                found = [token for inner in part.parts for token in self.part(inner)]
                self.negations -= is_not
                return found
            case "any":
                deep = self.depth > 8 and Part("rule", "condition") in part.parts
                return self.part(part.parts[-1] if deep else self.draw(st.sampled_from(part.parts)))
        most = 1 if part.kind == "maybe" else 2
        count = self.draw(st.integers(0, most))
        return [token for _ in range(count) for token in self.part(part.parts[0])]


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    """The tokens of a text that follows the grammar."""
    tokens = Writer(draw).rule("needs")
    joined: list[str] = []
    for token in tokens:  # a number's sign and fraction are one token
        before = joined[-1] if joined else ""
        is_sign = before == "-" or re.fullmatch(r"-?\d+\.", before)
        if is_sign or (token == "." and re.fullmatch(r"-?\d+", before)):
            joined[-1] += token
        else:
            joined.append(token)
    return joined


def test_the_grammar_names_every_rule_that_it_uses() -> None:
    def used(part: Part) -> Iterator[str]:
        if part.kind == "rule":
            yield part.text
        for inner in part.parts:
            yield from used(inner)

    named = {name for part in GRAMMAR.values() for name in used(part)}
    assert named <= GRAMMAR.keys() | BUILT_IN.keys()
    assert GRAMMAR.keys() - named == {"needs"}


@given(texts(), st.sampled_from([" ", "  ", "\n", "\t"]))
def test_what_the_grammar_writes_can_be_read(tokens: list[str], space: str) -> None:
    text = space.join(tokens)
    try:
        read = needs.parse(text)
    except ConfigError as error:
        assume("ways (limit" not in str(error))  # a limit that is said beside the grammar
        raise
    assert needs.parse(str(read)) == read


@given(texts(), st.data())
def test_what_is_spoilt_reads_or_shows_a_column(tokens: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(tokens)))
    wrong = data.draw(
        st.sampled_from(["and", "or", "not", "(", ")", "=", "==", "in", "$", "[", '"'])
    )
    text = " ".join([*tokens[:at], wrong, *tokens[at:]])
    try:
        needs.parse(text)
    except ConfigError as error:
        column = re.search(r"column (\d+)", error.where)
        assert column is not None
        assert 1 <= int(column[1]) <= len(text) + 1


def test_too_many_ways_of_taking_are_shown_at_the_first() -> None:
    either = " or ".join(f"A{number} = 1" for number in range(9))
    with pytest.raises(ConfigError, match="column 2: units can be taken in 81 ways"):
        needs.parse(f"({either}) and ({either})")

"""From tokens to the tree of a needs expression; :mod:`cantor.scheduling.needs` has the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.units import parse_size
from cantor.scheduling.expression import (
    COMPARISONS,
    KEYWORDS,
    Among,
    And,
    Compare,
    Condition,
    Expression,
    Flag,
    Literal,
    Name,
    Not,
    Number,
    Or,
    Take,
    Text,
    Version,
    alternatives,
    conditions,
)
from cantor.scheduling.lexer import Token, error_at, tokens, unquote

if TYPE_CHECKING:
    from cantor.base.errors import ExpressionError

DEPTH_MAX = 32
CONDITIONS_MAX = 256
ALTERNATIVES_MAX = 64
_ORDERED = frozenset({"<", "<=", ">", ">="})


def parse_expression(source: str) -> Expression | None:
    """The tree of ``source``; None if it is blank.

    Raises:
        ExpressionError: it breaks the grammar or passes a limit; the message points at the place.
    """
    return _Parser(source).whole()


class _Parser:
    def __init__(self, source: str) -> None:
        self._source = source
        self._tokens = tokens(source)
        self._at = 0
        self._depth = 0
        self._negations = 0
        self._conditions = 0

    def whole(self) -> Expression | None:
        if self._next.kind == "end":
            return None
        expression = self._or()
        if self._next.kind != "end":
            raise self._error(f"unexpected {self._next.text!r}", self._joiner_remedy())
        ways = alternatives(expression)
        if ways > ALTERNATIVES_MAX:
            what = f"units can be taken in {ways} ways (limit {ALTERNATIVES_MAX})"
            start = next(one.column for one in conditions(expression) if isinstance(one, Take))
            raise error_at(self._source, start, what, "use fewer or-branches that take with =")
        return expression

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> Token:
        token = self._next
        self._at = min(self._at + 1, len(self._tokens) - 1)
        return token

    def _accept(self, kind: str, text: str) -> bool:
        if self._next.kind == kind and self._next.text == text:
            self._advance()
            return True
        return False

    def _error(self, what: str, remedy: str, token: Token | None = None) -> ExpressionError:
        return error_at(self._source, (token or self._next).column, what, remedy)

    def _joiner_remedy(self) -> str:
        word = self._next.text.lower()
        if word in KEYWORDS and word != self._next.text:
            return f"write {word} in lower case"
        return "join conditions with and, or"

    def _or(self) -> Expression:
        parts = [self._and()]
        while self._accept("name", "or"):
            parts.append(self._and())
        flat = [
            leaf for part in parts for leaf in (part.parts if isinstance(part, Or) else (part,))
        ]
        return flat[0] if len(flat) == 1 else Or(tuple(flat))

    def _and(self) -> Expression:
        parts = [self._not()]
        while self._accept("name", "and"):
            parts.append(self._not())
        flat = [
            leaf for part in parts for leaf in (part.parts if isinstance(part, And) else (part,))
        ]
        return flat[0] if len(flat) == 1 else And(tuple(flat))

    def _not(self) -> Expression:
        token = self._next
        if self._accept("name", "not"):
            self._enter(token)
            self._negations += 1
            part = self._not()
            self._negations -= 1
            self._depth -= 1
            return Not(part)
        if not self._accept("mark", "("):
            return self._condition()
        self._enter(token)
        inner = self._or()
        if not self._accept("mark", ")"):
            raise self._error(
                "expected )", f"close the parenthesis opened at column {token.column + 1}"
            )
        self._depth -= 1
        return inner

    def _enter(self, token: Token) -> None:
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise self._error(
                f"nested deeper than {DEPTH_MAX}", "use fewer parentheses and nots", token
            )

    def _condition(self) -> Condition:
        start = self._next
        self._conditions += 1
        if self._conditions > CONDITIONS_MAX:
            raise self._error(f"more than {CONDITIONS_MAX} conditions", "shorten the expression")
        name = self._name()
        operator = self._advance()
        if operator.kind == "operator" and operator.text in COMPARISONS:
            literal = self._comparable(operator.text)
            return Compare(name, operator.text, literal, start.column)
        if operator.kind == "operator":
            return self._take(name, start, operator)
        if (operator.kind, operator.text) == ("name", "in"):
            return Among(name, self._list(), start.column)
        remedy = f"compare it ({name} == 1) or take units ({name} = 1)"
        raise self._error(f"nothing is asked of {name}", remedy, operator)

    def _name(self) -> Name:
        token = self._advance()
        if token.kind != "name" or token.text in KEYWORDS - {"label"}:
            found = repr(token.text) if token.text else "the end"
            raise self._error(f"expected the name of a resource or label, found {found}",
                       "a condition starts with a name: USBCamera == 1", token)  # fmt: skip
        if token.text.startswith("label."):
            return Name(token.text.removeprefix("label."), is_label=True)
        if token.text != "label":
            return Name(token.text)
        if not self._accept("mark", ".") or self._next.kind not in ("name", "string"):
            raise self._error("label names no label", 'write label.site == "north"')
        key = self._advance()
        value = unquote(self._source, key) if key.kind == "string" else key.text
        return Name(value, is_label=True)

    def _take(self, name: Name, start: Token, operator: Token) -> Take:
        if self._negations:
            raise self._error(
                "= takes units and cannot stand under not", "compare with ==", operator
            )
        if name.is_label:
            raise self._error("a label cannot be taken", "compare with ==", operator)
        token = self._next
        amount = self._literal()
        if not isinstance(amount, Number):
            raise self._error("only a number of units can be taken", "compare with ==", token)
        if amount.value <= 0:
            raise self._error(
                "takes nothing", f"take more than 0 units, or test {name} == 0", token
            )
        return Take(name, amount, start.column)

    def _comparable(self, operator: str) -> Literal:
        token = self._next
        literal = self._literal()
        if operator in _ORDERED and isinstance(literal, Text | Flag):
            remedy = "use == or !=; versions stand without quotes: version >= 1.2.0"
            raise self._error(f"{operator} needs a number or a version", remedy, token)
        return literal

    def _list(self) -> tuple[Literal, ...]:
        if not self._accept("mark", "["):
            raise self._error("in needs a list", 'write name in ["a", "b"]')
        found = [self._literal()]
        while self._accept("mark", ","):
            found.append(self._literal())
        if not self._accept("mark", "]"):
            raise self._error("expected , or ]", "close the list with ]")
        return tuple(found)

    def _literal(self) -> Literal:
        token = self._advance()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "version":
            return Version(token.text)
        if token.kind == "string":
            return Text(unquote(self._source, token))
        if token.text in ("true", "false"):
            return Flag(token.text == "true")
        remedy = "give a number, a version, true, false, or a string"
        if token.kind == "name" and token.text not in KEYWORDS:
            remedy = f'put a string in quotes: "{token.text}"'
        raise self._error(f"expected a value, found {token.text or 'the end'!r}", remedy, token)

    def _number(self, token: Token) -> Number:
        unit, factor = "", 1
        following = self._next
        if following.kind == "name" and following.text not in KEYWORDS:
            unit = following.text
            try:
                factor = parse_size(f"1{unit}")
            except ValueError:
                remedy = self._joiner_remedy()
                if remedy.startswith("join"):
                    remedy = "units are B, kB, MB, GB, TB, KiB, MiB, GiB, TiB"
                raise self._error(f"unknown unit {unit!r}", remedy) from None
            self._advance()
        if "." not in token.text:
            return Number(token.text, unit, int(token.text) * factor)
        value = float(token.text) * factor
        return Number(token.text, unit, round(value) if unit else value)

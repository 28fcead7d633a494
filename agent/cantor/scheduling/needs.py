"""What a task, service or filter needs from a node, as one expression.

    GPU = 1 and Detectron2 == 1 and Memory >= 2GiB and label.site == "north"

A *comparison* tests a condition, a label, or the free units of a quantity at the moment of the
grant. A single ``=`` *takes* units of a quantity while the work runs. The grammar (ISO 14977)::

    needs      = [ either ] ;                          (* blank: any node will do *)
    either     = both, { "or", both } ;      (* takes its leftmost branch that can be met *)
    both       = opposite, { "and", opposite } ;
    opposite   = "not", opposite | "(", either, ")" | condition ;
    condition  = name, comparison, value               (* test *)
               | name, "in", "[", value, { ",", value }, "]"
               | resource, "=", number ;               (* take; not under "not" *)
    comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" ;  (* order: numbers and versions only *)
    name       = resource | "label", ".", ( resource | string ) ;
    value      = number | version | string | "true" | "false" ;
    resource   = ( letter | "_" ), { letter | digit | "_" | "-" | "." } ;
                                             (* its last is no "-" or "." *)
    number     = [ "-" ], digits, [ ".", digits ], [ unit ] ;
    unit       = "B" | "kB" | "KB" | "MB" | "GB" | "TB" | "KiB" | "MiB" | "GiB" | "TiB" ;
    version    = digits, ".", digits, ".", digits, { ".", digits },
                 [ ( "-" | "+" ), { letter | digit | "." | "-" | "+" } ] ;
    string     = '"', { character | "\\", ( '"' | "'" | "\\" ) }, '"' ;   (* or in single quotes *)

Spaces, tabs and line ends may stand between any two tokens; keywords are lower case. What a node
does not have counts as 0 or false (``GPU == 0`` holds on a node without one); a missing label or
string equals nothing. A number compares with a string value as a version (``version >= 1.2``).
Where several devices give one condition with different values, a test holds if it does for one.

Limits: 4096 characters, 256 conditions, nesting 32, numbers of 18 characters, and 64 different ways
in which ``or`` lets units be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.scheduling.evaluation import Situation, Taken, ways, why_not
from cantor.scheduling.expression import (
    And,
    Compare,
    Expression,
    Name,
    Number,
    Take,
    conditions,
    takes_units,
)
from cantor.scheduling.parser import parse_expression

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.base.resources import Resource

QUANTITIES = frozenset({"CPU", "Camera", "Disk", "GPU", "Memory", "SerialPort"})
"""The quantities that nodes announce by themselves: comparing one without taking it warns."""


@dataclass(frozen=True, slots=True)
class NeedsWarning:
    """Something allowed that is probably not meant; ``column`` counts from 1."""

    resource: str
    column: int
    text: str

    def __str__(self) -> str:
        return f"needs, column {self.column}: {self.text}"


@dataclass(frozen=True, slots=True)
class Needs:
    """A parsed expression; ``expression`` is None if any node will do. Written back by ``str``."""

    expression: Expression | None

    def __str__(self) -> str:
        return "" if self.expression is None else str(self.expression)

    @property
    def takes_units(self) -> bool:
        """Whether it takes anything while the work runs."""
        return self.expression is not None and takes_units(self.expression)

    @property
    def warnings(self) -> tuple[NeedsWarning, ...]:
        """Comparisons of quantities that are not taken: others may take the units at once."""
        return self.warnings_for(())

    def warnings_for(self, resources: Iterable[Resource]) -> tuple[NeedsWarning, ...]:
        """Like :attr:`warnings`, with the quantities among ``resources`` known as well."""
        leaves = conditions(self.expression) if self.expression is not None else []
        taken = {leaf.name.text for leaf in leaves if isinstance(leaf, Take)}
        known = QUANTITIES | {r.name for r in resources if r.kind == "quantity"}
        return tuple(
            _warning(leaf)
            for leaf in leaves
            if isinstance(leaf, Compare)
            and leaf.name.text not in taken
            and _is_quantity(leaf, known)
        )

    def satisfied_by(
        self, resources: Iterable[Resource], labels: Mapping[str, str] | None = None
    ) -> bool:
        """Whether a node with these free resources and labels meets the expression."""
        return self.takes(resources, labels) is not None

    def takes(
        self, resources: Iterable[Resource], labels: Mapping[str, str] | None = None
    ) -> Taken | None:
        """The units that a grant takes, by quantity, in base units; None if it cannot be met."""
        if self.expression is None:
            return {}
        return next(ways(self.expression, Situation(resources, labels), {}), None)

    def explain(
        self, resources: Iterable[Resource], labels: Mapping[str, str] | None = None
    ) -> str:
        """The first condition that fails and the value found; empty if the expression is met."""
        here = Situation(resources, labels)
        if self.expression is None or next(ways(self.expression, here, {}), None) is not None:
            return ""
        return why_not(self.expression, here) or _together(self.expression, here)


def together(several: Iterable[Needs]) -> Needs:
    """What all of them need at once: what each takes adds up."""
    return _all_of([part for needs in several for part in _parts(needs)])


def beyond(needs: Needs, known: Needs) -> Needs:
    """What is needed beside ``known``: ``together([known, beyond(needs, known)])`` is as much."""
    left = list(_parts(needs))
    texts = [str(part) for part in left]
    for part in map(str, _parts(known)):
        if part in texts:
            place = texts.index(part)
            del texts[place], left[place]
    return _all_of(left)


def _parts(needs: Needs) -> tuple[Expression, ...]:
    if isinstance(needs.expression, And):
        return needs.expression.parts
    return () if needs.expression is None else (needs.expression,)


def _all_of(parts: list[Expression]) -> Needs:
    return Needs(parts[0] if len(parts) == 1 else And(tuple(parts)) if parts else None)


def parse(text: str) -> Needs:
    """Read an expression in the grammar above; nothing in it is ever executed.

    Raises:
        ExpressionError: it does not follow the grammar or passes a limit; the message shows the
            line with a caret under the place, and says what to write.
    """
    return Needs(parse_expression(text))


def _is_quantity(leaf: Compare, known: frozenset[str]) -> bool:
    if leaf.name.is_label:
        return False
    sized = isinstance(leaf.literal, Number) and bool(leaf.literal.unit)
    return sized or leaf.name.text in known


def _warning(leaf: Compare) -> NeedsWarning:
    text = (
        f"{leaf} tests the free units of {leaf.name} but takes none, so other work may take them"
        f" at once — write {leaf.name} = {leaf.literal} to take them"
    )
    return NeedsWarning(leaf.name.text, leaf.column + 1, text)


def _together(expression: Expression, here: Situation) -> str:
    wanted = [leaf for leaf in conditions(expression) if isinstance(leaf, Take)]
    names = dict.fromkeys(leaf.name.text for leaf in wanted)
    shortest = ", ".join(
        f"{name}: {here.described(Name(name), _amount(name, wanted))} free" for name in names
    )
    return f"{expression} fails: each part can be met alone but not all together ({shortest})"


def _amount(name: str, wanted: list[Take]) -> Number:
    return next(leaf.amount for leaf in wanted if leaf.name.text == name)

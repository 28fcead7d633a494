"""Units that need quantities wait here until what they take is granted; then for a worker.

Units with the same needs and priority form a line, and whoever is first in it takes the next grant.
So few questions are open however many units wait, and no line waits behind another. Quantities come
first and workers after them, for all in the same order: nobody holds a worker while it waits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.workers.units import Unit


@dataclass(slots=True, eq=False)
class Ask:
    """One question for what ``needs`` take, all or nothing, and what was granted.

    ``label`` names who asks, for people; of what waits lower ``priority`` comes first.
    """

    needs: str
    priority: int
    label: str
    taken: Mapping[str, int | float] = field(default_factory=dict)
    users: int = 0
    """Units that hold it: several, if they began together."""


@dataclass(slots=True, eq=False)
class _Line:
    units: deque[Unit] = field(default_factory=deque)
    asks: list[Ask] = field(default_factory=list)
    """Those not answered yet."""


class Lines:
    """What waits for quantities; at most ``asks_max`` questions of a line are open at once.

    Its driver passes ``effects`` on in their order and tells the answers.
    """

    def __init__(self, asks_max: int) -> None:
        self._asks_max = asks_max
        self._lines: dict[tuple[str, int], _Line] = {}
        self.effects: deque[tuple[Ask, bool]] = deque()
        """Questions to ask (True), and those to take back with what was granted for them."""
        self.ready: dict[Unit, None] = {}
        """Those that have what they need and no worker yet."""

    def __iter__(self) -> Iterator[Unit]:
        """All that wait."""
        return iter([unit for line in self._lines.values() for unit in line.units])

    def put(self, unit: Unit, *, first: bool = False) -> None:
        """Let a unit wait for what it needs."""
        line = self._lines.setdefault(_key_of(unit), _Line())
        if first:
            line.units.appendleft(unit)
        else:
            line.units.append(unit)
        self._even(unit, line)

    def forget(self, unit: Unit) -> None:
        """It waits no longer."""
        line = self._lines.get(_key_of(unit))
        if line is not None and unit in line.units:
            line.units.remove(unit)
            self._even(unit, line)

    def granted(self, ask: Ask, taken: Mapping[str, int | float]) -> Unit | None:
        """The unit that has what it needs now; None if nobody waited for it any more."""
        unit = self._answered(ask)
        if unit is None:
            return None
        ask.taken = taken
        for one in unit.companions:
            ask.users += 1
            one.holds = ask
            self.ready[one] = None
        return unit

    def refused(self, ask: Ask) -> Unit | None:
        """The unit that can never have what it needs."""
        return self._answered(ask)

    def free(self, unit: Unit) -> None:
        """Give back what a unit holds; its worker uses it no more."""
        ask = unit.holds
        if ask is not None:
            unit.holds = None
            self.ready.pop(unit, None)
            ask.users -= 1
            if not ask.users:
                self.effects.append((ask, False))

    def _answered(self, ask: Ask) -> Unit | None:
        line = self._lines.get((ask.needs, ask.priority))
        if line is None or ask not in line.asks:
            return None  # taken back meanwhile, which also gives back what was granted
        line.asks.remove(ask)
        unit = line.units.popleft()
        self._even(unit, line)
        return unit

    def _even(self, unit: Unit, line: _Line) -> None:
        """As many questions as units, but not more than are allowed."""
        wanted = min(len(line.units), self._asks_max)
        terms = unit.terms
        while len(line.asks) < wanted:
            ask = Ask(unit.needs, terms.priority, terms.name)
            line.asks.append(ask)
            self.effects.append((ask, True))
        while len(line.asks) > wanted:
            self.effects.append((line.asks.pop(), False))
        if not line.units:
            del self._lines[_key_of(unit)]


def _key_of(unit: Unit) -> tuple[str, int]:
    return unit.needs, unit.terms.priority

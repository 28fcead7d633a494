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
    needs: str
    priority: int
    units: deque[Unit] = field(default_factory=deque)
    asks: list[Ask] = field(default_factory=list)
    """Those not answered yet."""
    ready: int = 0
    """Units that have what they need and no worker yet."""


class Lines:
    """What waits for quantities.

    Of each line, at most ``asks_max`` questions are open or granted without a worker at once: what
    no worker can use yet is left to others. Its driver passes ``effects`` on in their order and
    tells the answers.
    """

    def __init__(self, asks_max: int) -> None:
        self._asks_max = asks_max
        self._lines: dict[tuple[str, int], _Line] = {}
        self.effects: deque[tuple[Ask, bool]] = deque()
        """Questions to ask (True), and those to take back with what was granted for them."""
        self.ready: dict[Unit, _Line] = {}
        """Those that have what they need and no worker yet."""

    def __iter__(self) -> Iterator[Unit]:
        """All that wait."""
        return iter([unit for line in self._lines.values() for unit in line.units])

    def put(self, unit: Unit, *, first: bool = False) -> None:
        """Let a unit wait for what it needs."""
        key = unit.needs, unit.terms.priority
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = _Line(*key)
        if first:
            line.units.appendleft(unit)
        else:
            line.units.append(unit)
        self._even(line)

    def forget(self, unit: Unit) -> None:
        """It waits no longer."""
        line = self._lines.get((unit.needs, unit.terms.priority))
        if line is not None and unit in line.units:
            line.units.remove(unit)
            self._even(line)

    def granted(self, ask: Ask, taken: Mapping[str, int | float]) -> Unit | None:
        """The unit that has what it needs now; None if nobody waited for it any more."""
        line = self._answered(ask)
        if line is None:
            return None
        ask.taken = taken
        unit = line.units.popleft()
        for one in unit.companions:
            ask.users += 1
            one.holds = ask
            self.ready[one] = line
            line.ready += 1
        self._even(line)
        return unit

    def refused(self, ask: Ask) -> Unit | None:
        """The unit that can never have what it needs."""
        line = self._answered(ask)
        if line is None:
            return None
        unit = line.units.popleft()
        self._even(line)
        return unit

    def begun(self, unit: Unit) -> None:
        """A unit that holds something has a worker now, or waits for none any more."""
        line = self.ready.pop(unit, None)
        if line is not None:
            line.ready -= 1
            self._even(line)

    def free(self, unit: Unit) -> None:
        """Give back what a unit holds; its worker uses it no more."""
        ask = unit.holds
        if ask is not None:
            unit.holds = None
            ask.users -= 1
            if not ask.users:
                self.effects.append((ask, False))
            self.begun(unit)

    def _answered(self, ask: Ask) -> _Line | None:
        """The line that asked; None if that was taken back, and so what was granted."""
        line = self._lines.get((ask.needs, ask.priority))
        if line is None or ask not in line.asks:
            return None
        line.asks.remove(ask)
        return line

    def _even(self, line: _Line) -> None:
        """As many questions as units, but not more than are allowed."""
        wanted = min(len(line.units), max(0, self._asks_max - line.ready))
        while len(line.asks) < wanted:
            ask = Ask(line.needs, line.priority, line.units[0].terms.name)
            line.asks.append(ask)
            self.effects.append((ask, True))
        while len(line.asks) > wanted:
            self.effects.append((line.asks.pop(), False))
        if not line.units and not line.ready:
            self._lines.pop((line.needs, line.priority), None)

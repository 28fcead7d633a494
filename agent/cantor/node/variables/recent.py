"""The order in which variables changed on this node, for those who watch.

Nothing is kept for anybody who watches: a place says from where on to look, and a variable that has
changed several times comes once, as it is now, with how many of its changes were passed over. So
one who never looks costs nothing, and is told how much was missed.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from itertools import takewhile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from cantor.ledger.variables.entry import Entry

REMEMBERED = 1024
"""Changes; of those before, only the last of each variable is known."""


class Recent:
    """``number`` counts the changes since the node started, with what was there at the start."""

    def __init__(self) -> None:
        self.number = 0
        self.is_closed = False
        self._order: dict[str, int] = {}
        self._last: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._next = asyncio.Event()

    def begin(self, entries: Mapping[str, Entry]) -> None:
        """These were here before, in the order in which they were set."""
        for entry in sorted(entries.values()):
            self.number += 1
            self._order[entry.name] = self.number

    def changed(self, entries: Iterable[Entry]) -> None:
        """These have changed."""
        for entry in entries:
            self.number += 1
            self._order.pop(entry.name, None)
            self._order[entry.name] = self.number
            self._last.append((self.number, entry.name))
        self._wake()

    def gone(self, names: Iterable[str]) -> None:
        """These are remembered no more."""
        for name in names:
            self._order.pop(name, None)

    def since(self, number: int, prefix: str) -> list[tuple[int, str]]:
        """The changes behind a number of names that begin so, the oldest first."""
        news = takewhile(lambda name: self._order[name] > number, reversed(self._order))
        found = [(self._order[name], name) for name in news if name.startswith(prefix)]
        found.reverse()
        return found

    def passed_over(self, number: int) -> Counter[str]:
        """How many changes behind a number are overtaken, by name, as far as is remembered."""
        news = takewhile(lambda change: change[0] > number, reversed(self._last))
        return Counter(name for at, name in news if self._order.get(name, at) != at)

    async def wait(self) -> None:
        """Wait for a change, or for the end of the node."""
        if not self.is_closed:
            await self._next.wait()

    def close(self) -> None:
        """The node ends."""
        self.is_closed = True
        self._wake()

    def _wake(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

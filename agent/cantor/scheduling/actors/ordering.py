"""Messages that were numbered by who sent them, in that order again."""

from __future__ import annotations

from typing import Generic, TypeVar

from cantor.base.errors import RemoteProtocolError

T = TypeVar("T")

EARLY_MAX = 65536
"""So many may be here before the one that they follow."""


class Ordered(Generic[T]):
    """One line of them, numbered from 0."""

    def __init__(self) -> None:
        self.next = 0
        self._early: dict[int, T] = {}

    @property
    def early(self) -> list[T]:
        """Those that wait for others before them."""
        return [self._early[place] for place in sorted(self._early)]

    def put(self, place: int, item: T) -> list[T]:
        """Take one; those whose turn it is now, in order. A repetition has no effect.

        Raises:
            RemoteProtocolError: it is no place, or too many wait for one that does not come.
        """
        if type(place) is not int or place < 0:
            raise RemoteProtocolError(f"place {place!r:.20} in a line")
        if place < self.next or place in self._early:
            return []
        if place != self.next:
            if len(self._early) >= EARLY_MAX:
                raise RemoteProtocolError(f"{EARLY_MAX} messages wait for one that does not come")
            self._early[place] = item
            return []
        ready = [item]
        self.next += 1
        while self.next in self._early:
            ready.append(self._early.pop(self.next))
            self.next += 1
        return ready

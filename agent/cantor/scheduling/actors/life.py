"""The side of the node where an actor lives: in which order its calls begin, and which have."""

from __future__ import annotations

from typing import Generic, TypeVar

from cantor.scheduling.actors.ordering import Ordered

T = TypeVar("T")
OFF_MAX = 65536
"""Calls that were called off and have not come yet."""


class Life(Generic[T]):
    """One life. ``overlaps`` says whether calls run at the same time; they begin in order anyway.

    With ``checkpoint_calls`` the state is kept after each so many.
    """

    def __init__(self, *, overlaps: bool = False, checkpoint_calls: int = 0) -> None:
        self._overlaps = overlaps
        self._checkpoint_calls = checkpoint_calls
        self._line: Ordered[tuple[int, T]] = Ordered()
        self._open: dict[int, int] = {}
        self._off: dict[int, None] = {}

    @property
    def begun(self) -> int:
        """Calls from this place on have not begun."""
        if self._overlaps or not self._open:
            return self._line.next
        return min(self._open.values()) + 1

    def invoked(self, place: int, call: int, what: T) -> list[tuple[int, T, bool]]:
        """The keeper gives a call; those to begin now, each with whether the state is kept then.

        Raises:
            RemoteProtocolError: it is at no possible place.
        """
        first = self._line.next
        begin: list[tuple[int, T, bool]] = []
        for at, (number, given) in enumerate(self._line.put(place, (call, what)), first):
            if number in self._off:
                del self._off[number]
                continue
            self._open[number] = at
            begin.append((number, given, self._is_kept_after(at)))
        return begin

    def called_off(self, call: int) -> bool:
        """The keeper wants a call no more; whether it has begun and must be ended."""
        if call in self._open:
            return True
        if len(self._off) < OFF_MAX:
            self._off[call] = None
        return False

    def ended(self, call: int) -> bool:
        """A call has been answered; False if it was before."""
        return self._open.pop(call, None) is not None

    def _is_kept_after(self, place: int) -> bool:
        return self._checkpoint_calls > 0 and (place + 1) % self._checkpoint_calls == 0

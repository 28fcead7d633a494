"""Which frames have come here before, because a frame may come over two ways."""

from __future__ import annotations

SEEN_MAX = 8192


class Seen:
    """The names of the last frames, at least ``SEEN_MAX`` and at most twice as many.

    A name is made of the frame's source, its destination and its message id.
    """

    def __init__(self) -> None:
        self._names: set[bytes] = set()
        self._names_before: set[bytes] = set()

    def __contains__(self, name: bytes) -> bool:
        return name in self._names or name in self._names_before

    def add(self, name: bytes) -> bool:
        """A frame has come; whether it is the first of this name."""
        if name in self._names or name in self._names_before:
            return False
        self._names.add(name)
        if len(self._names) >= SEEN_MAX:
            self._names, self._names_before = set(), self._names
        return True

"""Frames that are kept for a moment, within a number of bytes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.mesh.outlet import Item


class HeldFrame(NamedTuple):
    """A frame of a flow, since when it is held, and the link that it came over, if any."""

    at: float
    key: bytes
    channel: int
    item: Item
    heard_from: str


class Held:
    """At most ``bytes_max`` of frames, each for at most ``seconds``; the oldest make room."""

    def __init__(self, bytes_max: int, seconds: float) -> None:
        self._bytes_max = bytes_max
        self._seconds = seconds
        self._frames: deque[HeldFrame] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[HeldFrame]:
        return iter(self._frames)

    def add(self, frame: HeldFrame) -> list[HeldFrame]:
        """Hold a frame; those that had to make room for it."""
        self._frames.append(frame)
        self._bytes += frame.item[1]
        dropped = []
        while self._bytes > self._bytes_max:
            dropped.append(self._take_first())
        return dropped

    def expired(self, now: float) -> list[HeldFrame]:
        """Let go of those that were held long enough."""
        gone = []
        while self._frames and self._frames[0].at <= now - self._seconds:
            gone.append(self._take_first())
        return gone

    def take_all(self) -> list[HeldFrame]:
        """Let go of all."""
        frames, self._frames, self._bytes = list(self._frames), deque(), 0
        return frames

    def _take_first(self) -> HeldFrame:
        frame = self._frames.popleft()
        self._bytes -= frame.item[1]
        return frame

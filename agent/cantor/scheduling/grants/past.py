"""What is over: late copies of its questions must not be granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.scheduling.grants.records import TTL_MAX_S

if TYPE_CHECKING:
    from cantor.scheduling.grants.records import Key

TASKS_MAX = 50_000


class Past:
    """The last try of each task that has ended; forgotten when no copy can come any more."""

    def __init__(self) -> None:
        self._ended: dict[str, tuple[tuple[int, int], float]] = {}

    def has(self, key: Key) -> bool:
        """Whether this try of its task, or a later one, has ended."""
        ended = self._ended.get(key.task)
        return ended is not None and (key.attempt, key.round) <= ended[0]

    def add(self, key: Key, now: float) -> None:
        """A try has ended."""
        before = self._ended.pop(key.task, ((-1, 0), 0.0))[0]
        self._ended[key.task] = max(before, (key.attempt, key.round)), now
        while self._ended:
            oldest = next(iter(self._ended))
            is_old = self._ended[oldest][1] + TTL_MAX_S < now
            if not is_old and len(self._ended) <= TASKS_MAX:
                break
            del self._ended[oldest]

"""Where the messages of queues are: on the disk, or in the memory of the agent."""

from __future__ import annotations

import secrets
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from cantor.stores.queue_records import (
    DROP,
    MAKE,
    MOVE,
    PUT,
    REMOVE,
    Move,
    Part,
    Put,
    Remove,
    Stored,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Shelf(Protocol):
    """What keeps messages; :class:`cantor.stores.queue_store.QueueStore` is one."""

    @property
    def id(self) -> str:
        """Numbers of messages and takes are of this shelf."""

    @property
    def now(self) -> float:
        """Seconds that never go back."""

    def number(self) -> int:
        """One that nothing here ever had, greater than all before."""

    def write(self, part: Part) -> None:
        """Write it, and tell it when it is safe. ``StoreError`` if that cannot even begin."""

    def after(self, queue: int, after: int, last: int, count: int) -> list[tuple[int, int]]:
        """Numbers and sizes of the next messages behind a number up to another."""

    def messages(self, queue: int, numbers: Sequence[int]) -> dict[int, Stored]:
        """These messages, as far as they are there."""

    def close(self) -> None:
        """Write what is left; it blocks."""


class MemoryShelf:
    """Messages that are lost with the agent."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.id = secrets.token_hex(8)
        self._monotonic = monotonic
        self._numbers = count(1)
        self._kept: dict[int, dict[int, Stored]] = {}

    @property
    def now(self) -> float:
        """Seconds that never go back."""
        return self._monotonic()

    def number(self) -> int:
        """One that nothing here ever had."""
        return next(self._numbers)

    def write(self, part: Part) -> None:
        """Keep it, and tell it at once."""
        part.told(self._kept_now(part.kind, part.content))

    def after(self, queue: int, after: int, last: int, count: int) -> list[tuple[int, int]]:
        """Who orders them has all their numbers."""
        del queue, after, last, count
        return []

    def messages(self, queue: int, numbers: Sequence[int]) -> dict[int, Stored]:
        """These messages."""
        kept = self._kept[queue]
        return {n: kept[n] for n in numbers if n in kept}

    def close(self) -> None:
        """What is in memory is lost."""

    def _kept_now(self, kind: int, content: Any) -> Any:  # noqa: ANN401 (by the kind)
        if kind == MAKE:
            queue = self.number()
            self._kept[queue] = {}
            return queue
        if kind == DROP:
            del self._kept[content]
        elif kind == PUT:
            put: Put = content
            self._kept[put.queue].update((one.n, one) for one in put.messages)
        elif kind == REMOVE:
            removed: Remove = content
            for n in removed.numbers:
                self._kept[removed.queue].pop(n, None)
        elif kind == MOVE:
            return self._moved(content)
        return None

    def _moved(self, move: Move) -> bool:
        before = self._kept[move.queue].pop(move.n, None)
        if before is None:
            return False
        body = before.body if move.body is None else move.body
        letter = Stored(move.new, before.put_at, body, move.source, move.why)
        self._kept[move.to][move.new] = letter
        return True

"""The contents on this node's disk: of its own objects, and copies that make room for each other.

What is read is what was written: a file is hashed when it is used for the first time, when it looks
as if somebody had touched it, and again after a while.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING

from cantor.stores.contents import Contents
from cantor.stores.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.stores.contents import Content, Disk

CHECK_AGAIN_S = 3600.0
"""What was found right is believed for so long."""
LINGER_S = 30.0
"""What no object has any more stays so long after its last reader, who may not have all of it."""
COPIES_BYTES_MAX = 8 << 30
COPIES_SHARE = 10
"""Copies take at most one part in so many of the disk."""


class Shelf:
    """On the event loop only; what blocks runs in threads."""

    def __init__(
        self,
        folder: Path,
        kept: set[str],
        clock: Clock,
        *,
        disk: Disk | None = None,
        copies_bytes_max: int = COPIES_BYTES_MAX,
    ) -> None:
        """``kept`` are the contents of objects of this node.

        Raises:
            StoreError: the folder cannot be used.
        """
        self.contents = Contents(folder, disk)
        self._clock = clock
        self._bytes_max = copies_bytes_max
        self._pins: Counter[str] = Counter()
        self._used_at: dict[str, float] = {}
        self._found_right: dict[str, tuple[tuple[int, ...], float]] = {}
        self._kept = kept
        self._copies: OrderedDict[str, int] = OrderedDict()  # the first was not used for longest
        found = sorted(self.contents.all(), key=lambda one: one[2])
        self._copies.update((name, size) for name, size, _ in found if name not in kept)

    @property
    def copies_bytes(self) -> int:
        """What copies take of the disk."""
        return sum(self._copies.values())

    def pin(self, content_id: str) -> None:
        """It is in use, and stays."""
        self._pins[content_id] += 1

    def unpin(self, content_id: str) -> None:
        """It is used once less."""
        self._pins[content_id] -= 1
        if self._pins[content_id] <= 0:
            del self._pins[content_id]

    def used(self, content_id: str) -> None:
        """Somebody has just read of it."""
        self._used_at[content_id] = self._clock.monotonic()
        if content_id in self._copies:
            self._copies.move_to_end(content_id)

    async def sound(self, content: Content) -> bool:
        """Whether it is here, whole and as it was.

        Raises:
            StoreError: it cannot be read.
        """
        if not self.contents.has(content):
            return False
        looks = self._looks(content.id)
        right = self._found_right.get(content.id)
        now = self._clock.monotonic()
        if right is not None and right[0] == looks and now - right[1] < CHECK_AGAIN_S:
            return True
        if await asyncio.to_thread(self.contents.damage, content):
            self._found_right.pop(content.id, None)
            return False
        self._found_right[content.id] = looks, now
        return True

    async def keep(self, draft: Path, content: Content, *, is_copy: bool) -> Path:
        """Take a draft whose hashes were compared.

        Raises:
            StoreError: the disk refuses.
        """
        path = await asyncio.to_thread(self.contents.keep, draft, content, is_synced=not is_copy)
        self._found_right[content.id] = self._looks(content.id), self._clock.monotonic()
        self._used_at[content.id] = self._clock.monotonic()
        if content.id not in self._kept:
            self._copies[content.id] = content.size
            self._copies.move_to_end(content.id)
            self._make_room()
        return path

    async def secure(self, content: Content) -> None:
        """A copy that is here shall outlive a power cut: it will be an object's.

        Raises:
            StoreError: the disk refuses.
        """
        await asyncio.to_thread(self.contents.secure, content)

    def now_kept(self, content_id: str) -> None:
        """An object of this node has it."""
        self._kept.add(content_id)
        self._copies.pop(content_id, None)

    def now_free(
        self, content_id: str, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        """No object has it any more; who reads it now has a while to finish."""
        self._kept.discard(content_id)
        later(LINGER_S, lambda: self._let_go(content_id, later))

    def drop(self, content_id: str) -> None:
        """It is of no use."""
        self._copies.pop(content_id, None)
        self._found_right.pop(content_id, None)
        self._used_at.pop(content_id, None)
        self.contents.remove(content_id)

    def _let_go(
        self, content_id: str, later: Callable[[float, Callable[[], None]], object]
    ) -> None:
        if content_id in self._kept or content_id in self._copies:
            return
        quiet_s = self._clock.monotonic() - self._used_at.get(content_id, 0.0)
        if self._pins[content_id] > 0 or quiet_s < LINGER_S:
            later(LINGER_S, lambda: self._let_go(content_id, later))
        else:
            self.drop(content_id)

    def _make_room(self) -> None:
        total = self.copies_bytes
        for content_id, size in list(self._copies.items())[:-1]:
            if total <= self._bytes_max:
                return
            if self._pins[content_id] <= 0:
                self.drop(content_id)
                total -= size

    def _looks(self, content_id: str) -> tuple[int, ...]:
        try:
            known = os.stat(self.contents.path(content_id))  # noqa: PTH116 (the same)
        except OSError as error:
            raise StoreError("it was taken away", where=f"content {content_id[:12]}") from error
        return known.st_ino, known.st_size, known.st_mtime_ns
